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
func theus_tx_begin(handle C.theus_engine, process C.theus_process, outer C.theus_tx, start C.theus_start_in, next *C.theus_action, failure *C.theus_error) C.theus_status {
	return call(anEngine, uint64(handle), failure, func(e *engine.Engine) error {
		if next == nil {
			return missing("next")
		}
		around, err := innerID(uint64(handle), uint64(outer))
		if err != nil {
			return err
		}
		var how transaction.Start
		if start != nil {
			how = transaction.Start{Lost: int(start.lost), Hasty: start.hasty != 0}
		}
		action, err := e.Begin(registry.ID(process), around, how)
		if err != nil {
			return err
		}
		*next = toAction(uint64(handle), action)
		return nil
	})
}

//export theus_tx_finish
func theus_tx_finish(tx C.theus_tx, outcome C.theus_outcome, first C.theus_records_in, count C.size_t, read C.theus_reads_in, next *C.theus_action, failure *C.theus_error) C.theus_status {
	return call(transacted, uint64(tx), failure, func(e *engine.Engine) error {
		if next == nil {
			return missing("next")
		}
		log, err := borrowMany((*transaction.Record)(unsafe.Pointer(first)), count, "records")
		if err != nil {
			return err
		}
		reads, err := borrowReads(read)
		if err != nil {
			return err
		}
		action, err := e.Finish(txID(uint64(tx)), transaction.Outcome(outcome), log, &reads)
		if action.Step != 0 {
			*next = toAction(0, action)
		}
		return err
	})
}

//export theus_tx_report
func theus_tx_report(handle C.theus_engine, process C.theus_process, outcome C.theus_outcome, first C.theus_records_in, count C.size_t, read C.theus_reads_in, next *C.theus_action, failure *C.theus_error) C.theus_status {
	return call(anEngine, uint64(handle), failure, func(e *engine.Engine) error {
		if next == nil {
			return missing("next")
		}
		log, err := borrowMany((*transaction.Record)(unsafe.Pointer(first)), count, "records")
		if err != nil {
			return err
		}
		reads, err := borrowReads(read)
		if err != nil {
			return err
		}
		action, err := e.Report(registry.ID(process), transaction.Outcome(outcome), log, &reads)
		if action.Step != 0 {
			*next = toAction(uint64(handle), action)
		}
		return err
	})
}

//export theus_tx_catch_up
func theus_tx_catch_up(handle C.theus_engine, process C.theus_process, read C.theus_reads_in, next *C.theus_action, failure *C.theus_error) C.theus_status {
	return call(anEngine, uint64(handle), failure, func(e *engine.Engine) error {
		if next == nil {
			return missing("next")
		}
		reads, err := borrowReads(read)
		if err != nil {
			return err
		}
		action, err := e.CatchUp(registry.ID(process), &reads)
		if action.Step != 0 {
			*next = toAction(0, action)
		}
		return err
	})
}

// borrowReads gives what a transaction has read, which lives in the caller's memory. NULL is a
// transaction that read nothing.
func borrowReads(in C.theus_reads_in) (transaction.Reads, error) {
	if in == nil {
		return transaction.Reads{}, nil
	}
	slots, err := borrowMany((*transaction.Read)(unsafe.Pointer(in.slots)), in.n_slots, "slots of the reads")
	return transaction.Reads{
		Slots:  slots,
		Seen:   uint64(in.seen),
		Oldest: uint64(in.oldest),
		Hasty:  in.hasty != 0,
	}, err
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

//export theus_stats
func theus_stats(handle C.theus_engine, out *C.theus_counts, failure *C.theus_error) C.theus_status {
	return call(anEngine, uint64(handle), failure, func(e *engine.Engine) error {
		if out == nil {
			return missing("out")
		}
		stats := e.Stats()
		*out = C.theus_counts{
			commits:    C.uint64_t(stats.Commits),
			conflicts:  C.uint64_t(stats.Conflicts),
			retries:    C.uint64_t(stats.Retries),
			priorities: C.uint64_t(stats.Priorities),
		}
		return nil
	})
}
