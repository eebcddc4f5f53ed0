package main

// #include "theus.h"
import "C"

import (
	"github.com/theus-project/theus/core/contract"
	"github.com/theus-project/theus/core/engine"
	"github.com/theus-project/theus/core/registry"
)

//export theus_process_register
func theus_process_register(handle C.theus_engine, in C.theus_contract_in, out *C.theus_process, failure *C.theus_error) C.theus_status {
	return call(anEngine, uint64(handle), failure, func(e *engine.Engine) error {
		if in == nil || out == nil {
			return missing("contract or out")
		}
		c, err := copyContract(in)
		if err != nil {
			return err
		}
		id, err := e.Register(c)
		if err != nil {
			return err
		}
		*out = C.theus_process(id)
		return nil
	})
}

// copyContract takes what the caller declared out of the caller's memory.
func copyContract(in C.theus_contract_in) (c contract.Contract, err error) {
	if c.Name, err = clone(in.name); err != nil {
		return c, err
	}
	if c.Inputs, err = cloneMany(in.inputs, in.n_inputs, "inputs"); err != nil {
		return c, err
	}
	if c.Outputs, err = cloneMany(in.outputs, in.n_outputs, "outputs"); err != nil {
		return c, err
	}
	c.SideEffects = int(in.side_effects)
	return c, nil
}

//export theus_process_find
func theus_process_find(handle C.theus_engine, name C.theus_str, out *C.theus_process, failure *C.theus_error) C.theus_status {
	return call(anEngine, uint64(handle), failure, func(e *engine.Engine) error {
		if out == nil {
			return missing("out")
		}
		text, err := borrow(name)
		if err != nil {
			return err
		}
		id, err := e.Find(text)
		if err != nil {
			return err
		}
		*out = C.theus_process(id)
		return nil
	})
}

//export theus_process_conflict
func theus_process_conflict(handle C.theus_engine, a, b C.theus_process, conflict *C.uint32_t, failure *C.theus_error) C.theus_status {
	return call(anEngine, uint64(handle), failure, func(e *engine.Engine) error {
		if conflict == nil {
			return missing("conflict")
		}
		_, meet, err := e.Conflict(registry.ID(a), registry.ID(b))
		if err != nil {
			return err
		}
		*conflict = flag(meet)
		return nil
	})
}
