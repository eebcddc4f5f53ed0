package main

// #include "theus.h"
import "C"

import (
	"strings"
	"unsafe"

	"github.com/theus-project/theus/core/fault"
)

// maxLen bounds what a host may pass at once. Beyond it a length is a bug of the host, such as a
// negative number, and would make unsafe.Slice panic.
const maxLen = 1 << 32

// borrow gives a string that lives in the caller's memory: good for the call, not to be stored.
func borrow(s C.theus_str) (string, error) {
	if s.len == 0 {
		return "", nil
	}
	if s.data == nil || s.len > maxLen {
		return "", fault.New(fault.Invalid, "a string is malformed: data is NULL or len is %d", uint64(s.len))
	}
	return unsafe.String((*byte)(unsafe.Pointer(s.data)), int(s.len)), nil
}

// clone gives a string to keep.
func clone(s C.theus_str) (string, error) {
	text, err := borrow(s)
	return strings.Clone(text), err
}

// borrowMany gives an array that lives in the caller's memory.
func borrowMany[T any](first *T, count C.size_t, what string) ([]T, error) {
	if count == 0 {
		return nil, nil
	}
	if first == nil || count > maxLen {
		return nil, fault.New(fault.Invalid, "the %s are malformed: NULL, or %d of them", what, uint64(count))
	}
	return unsafe.Slice(first, int(count)), nil
}

// cloneMany gives strings to keep.
func cloneMany(first *C.theus_str, count C.size_t, what string) ([]string, error) {
	spans, err := borrowMany(first, count, what)
	if err != nil {
		return nil, err
	}
	texts := make([]string, len(spans))
	for i, s := range spans {
		if texts[i], err = clone(s); err != nil {
			return nil, err
		}
	}
	return texts, nil
}
