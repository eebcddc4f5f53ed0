package main

// #include "theus.h"
import "C"

import (
	"unsafe"

	"github.com/theus-project/theus/core/engine"
	"github.com/theus-project/theus/core/path"
	"github.com/theus-project/theus/core/zone"
)

// parse reads a path from the caller's memory.
func parse(in C.theus_str) (path.Path, error) {
	text, err := clone(in)
	if err != nil {
		return nil, err
	}
	return path.Parse(text)
}

//export theus_path_canonical
func theus_path_canonical(in C.theus_str, buf *C.char, size C.size_t, length *C.size_t, failure *C.theus_error) C.theus_status {
	return call(nothing, 0, failure, func(*engine.Engine) error {
		where, err := parse(in)
		if err != nil {
			return err
		}
		return give(where.Canonical().String(), buf, size, length)
	})
}

//export theus_path_spell
func theus_path_spell(first C.theus_segment_in, count C.size_t, buf *C.char, size C.size_t, length *C.size_t, failure *C.theus_error) C.theus_status {
	return call(nothing, 0, failure, func(*engine.Engine) error {
		where, err := toPath(first, count)
		if err != nil {
			return err
		}
		return give(where.Canonical().String(), buf, size, length)
	})
}

// give writes text into the caller's buffer if it fits, and its length in any case.
func give(text string, buf *C.char, size C.size_t, length *C.size_t) error {
	if length == nil || buf == nil && size > 0 {
		return missing("buf or len")
	}
	*length = C.size_t(len(text))
	if len(text) > 0 && C.size_t(len(text)) <= size {
		copy(unsafe.Slice((*byte)(unsafe.Pointer(buf)), len(text)), text)
	}
	return nil
}

//export theus_zone_of
func theus_zone_of(in C.theus_str, out *C.uint32_t, failure *C.theus_error) C.theus_status {
	return call(nothing, 0, failure, func(*engine.Engine) error {
		if out == nil {
			return missing("zone")
		}
		where, err := parse(in)
		if err != nil {
			return err
		}
		*out = C.uint32_t(zone.OfPath(where))
		return nil
	})
}
