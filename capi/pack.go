package main

// #include <stdlib.h>
// #include "theus.h"
import "C"

import (
	"unsafe"

	"github.com/theus-project/theus/core/fault"
)

// pack adds up what will lie in one block of memory that C allocates and the host releases:
// structs first, since they are aligned, then texts.
type pack struct{ structs, texts int }

// room makes room for some structs. Those that cross have a size that keeps the next one aligned.
func room[T any](p *pack, count int) {
	var zero T
	p.structs += count * int(unsafe.Sizeof(zero))
}

func (p *pack) text(text string) { p.texts += len(text) }

// alloc gives the block.
func (p *pack) alloc() *block {
	start := C.malloc(C.size_t(max(p.structs+p.texts, 1)))
	all := unsafe.Slice((*byte)(start), p.structs+p.texts)
	return &block{start: start, structs: all[:p.structs], texts: all[p.structs:]}
}

// block is handed out from both ends of its two parts, in the order in which room was made.
type block struct {
	start          unsafe.Pointer
	structs, texts []byte
}

// take gives the next structs; nil for none.
func take[T any](b *block, count int) []T {
	var zero T
	if count == 0 {
		return nil
	}
	list := unsafe.Slice((*T)(unsafe.Pointer(&b.structs[0])), count)
	b.structs = b.structs[count*int(unsafe.Sizeof(zero)):]
	clear(list)
	return list
}

// putText copies a text into the block.
func (b *block) putText(text string) C.theus_str {
	if text == "" {
		return C.theus_str{}
	}
	span := C.theus_str{data: (*C.char)(unsafe.Pointer(&b.texts[0])), len: C.size_t(len(text))}
	b.texts = b.texts[copy(b.texts, text):]
	return span
}

// borrowed is an array that the kernel itself laid out.
func borrowed[T any](first *T, count C.size_t) []T { return unsafe.Slice(first, int(count)) }

// tooDeep refuses values that nest deeper than any rule looks.
func tooDeep() error { return fault.New(fault.Invalid, "a value nests too deep") }
