package main

// #include <stdlib.h>
// #include "theus.h"
import "C"

import (
	"errors"
	"strings"
	"unsafe"

	"github.com/theus-project/theus/core/engine"
	"github.com/theus-project/theus/core/fault"
)

// fail gives the status of an error and fills *out, if there is one, with what a host needs to
// raise its own. All texts lie in one block, which C allocates and theus_error_release frees.
func fail(out *C.theus_error, err error) C.theus_status {
	var f *fault.Error
	if !errors.As(err, &f) {
		f = fault.New(fault.Panic, "the kernel failed without saying how: %v", err)
	}
	if out == nil {
		return C.theus_status(f.Kind)
	}
	message := f.Text
	if message == "" {
		message = f.Error()
	}
	allowed := strings.Join(f.Allowed, "\n") // a printed path has no newline of its own
	size := len(message) + len(f.Process) + len(f.Path) + len(f.Hint) + len(f.Op) + len(f.Nearest) + len(allowed)
	storage := C.malloc(C.size_t(max(size, 1)))
	rest := unsafe.Slice((*byte)(storage), size)
	put := func(text string) C.theus_str {
		if text == "" {
			return C.theus_str{}
		}
		span := C.theus_str{data: (*C.char)(unsafe.Pointer(&rest[0])), len: C.size_t(len(text))}
		rest = rest[copy(rest, text):]
		return span
	}
	*out = C.theus_error{
		message:   put(message),
		process:   put(f.Process),
		path:      put(f.Path),
		hint:      put(f.Hint),
		storage:   storage,
		operation: put(f.Op),
		nearest:   put(f.Nearest),
		allowed:   put(allowed),
	}
	return C.theus_status(f.Kind)
}

//export theus_error_release
func theus_error_release(out *C.theus_error) {
	_ = call(nothing, 0, nil, func(*engine.Engine) error {
		if out != nil {
			C.free(out.storage)
			*out = C.theus_error{}
		}
		return nil
	})
}
