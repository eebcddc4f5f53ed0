package main

// #include "theus.h"
import "C"

import (
	"runtime"
	"sync"

	"github.com/theus-project/theus/core/engine"
)

// widen gives Go more processors than there are. A thread that calls in needs one, and with all of
// them busy collecting garbage it would wait for milliseconds, perhaps with a lock of the host's
// held. Idle ones cost nothing. It is done with the first engine, not when the library is loaded:
// loading must not work.
var widen = sync.OnceFunc(func() {
	runtime.GOMAXPROCS(max(4, runtime.GOMAXPROCS(0)+2))
})

//export theus_engine_new
func theus_engine_new(options C.theus_options_in, out *C.theus_engine, failure *C.theus_error) C.theus_status {
	return call(nothing, 0, failure, func(*engine.Engine) error {
		if out == nil {
			return missing("out")
		}
		widen()
		var o engine.Options
		if options != nil {
			o.MaxDepth = int(options.max_depth)
		}
		handle, err := open(o)
		if err != nil {
			return err
		}
		*out = C.theus_engine(handle)
		return nil
	})
}

//export theus_engine_close
func theus_engine_close(handle C.theus_engine, failure *C.theus_error) C.theus_status {
	return call(anyEngine, uint64(handle), failure, func(*engine.Engine) error {
		return shut(uint64(handle))
	})
}
