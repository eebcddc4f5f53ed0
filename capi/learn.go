package main

// #include "theus.h"
import "C"

import "github.com/theus-project/theus/core/engine"

//export theus_learn
func theus_learn(handle C.theus_engine, failure *C.theus_error) C.theus_status {
	return call(anEngine, uint64(handle), failure, func(e *engine.Engine) error { return e.Learn() })
}

//export theus_learned
func theus_learned(handle C.theus_engine, out *C.theus_str, storage *C.theus_storage, failure *C.theus_error) C.theus_status {
	return call(anEngine, uint64(handle), failure, func(e *engine.Engine) error {
		document, err := e.Learned()
		if err != nil {
			return err
		}
		return handOut(string(document), out, storage)
	})
}
