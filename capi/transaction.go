package main

// #include "theus.h"
import "C"

import (
	"unsafe"

	"github.com/theus-project/theus/core/engine"
	"github.com/theus-project/theus/core/registry"
	"github.com/theus-project/theus/core/transaction"
)

//export theus_tx_begin
func theus_tx_begin(handle C.theus_engine, process C.theus_process, outer C.theus_tx, next *C.theus_action, failure *C.theus_error) C.theus_status {
	return call(anEngine, uint64(handle), failure, func(e *engine.Engine) error {
		if next == nil {
			return missing("next")
		}
		around, err := innerID(uint64(handle), uint64(outer))
		if err != nil {
			return err
		}
		action, err := e.Begin(registry.ID(process), around)
		if err != nil {
			return err
		}
		*next = toAction(uint64(handle), action)
		return nil
	})
}

//export theus_tx_finish
func theus_tx_finish(tx C.theus_tx, outcome C.theus_outcome, first C.theus_records_in, count C.size_t, next *C.theus_action, failure *C.theus_error) C.theus_status {
	return call(transacted, uint64(tx), failure, func(e *engine.Engine) error {
		if next == nil {
			return missing("next")
		}
		log, err := borrowMany((*transaction.Record)(unsafe.Pointer(first)), count, "records")
		if err != nil {
			return err
		}
		action, err := e.Finish(txID(uint64(tx)), transaction.Outcome(outcome), log)
		if action.Step != 0 {
			*next = toAction(0, action)
		}
		return err
	})
}

//export theus_tx_report
func theus_tx_report(handle C.theus_engine, process C.theus_process, outcome C.theus_outcome, first C.theus_records_in, count C.size_t, next *C.theus_action, failure *C.theus_error) C.theus_status {
	return call(anEngine, uint64(handle), failure, func(e *engine.Engine) error {
		if next == nil {
			return missing("next")
		}
		log, err := borrowMany((*transaction.Record)(unsafe.Pointer(first)), count, "records")
		if err != nil {
			return err
		}
		action, err := e.Report(registry.ID(process), transaction.Outcome(outcome), log)
		if action.Step != 0 {
			*next = toAction(uint64(handle), action)
		}
		return err
	})
}

//export theus_tx_applied
func theus_tx_applied(tx C.theus_tx, allStand C.uint32_t, next *C.theus_action, failure *C.theus_error) C.theus_status {
	return call(transacted, uint64(tx), failure, func(e *engine.Engine) error {
		if next == nil {
			return missing("next")
		}
		action, err := e.Applied(txID(uint64(tx)), allStand != 0)
		if err != nil {
			return err
		}
		*next = toAction(0, action)
		return nil
	})
}

//export theus_tx_retract
func theus_tx_retract(handle C.theus_engine, version C.uint64_t, failure *C.theus_error) C.theus_status {
	return call(anEngine, uint64(handle), failure, func(e *engine.Engine) error {
		return e.Retract(uint64(version))
	})
}
