package main

import (
	"sync"
	"sync/atomic"

	"github.com/theus-project/theus/core/engine"
	"github.com/theus-project/theus/core/fault"
	"github.com/theus-project/theus/core/transaction"
)

// A handle is a number that leads to an entry of the table, if it is still the one it was:
//
//	engine       | 0xE | index 12 | generation 48      |
//	transaction  | 0x7 | index 12 | serial 32  slot 16 |   the low part is a transaction.ID
//	program, run | 0x3 | serial 40 | slot 20           |   see workflows
//
// The index finds the engine. The generation of an index grows with each engine put there, and
// the serials of a new engine go on after those of the one before, so a stale handle of either
// kind matches nothing. The marks keep both kinds apart, and far from any small integer.
const (
	engineMark  = 0xE
	txMark      = 0x7
	markShift   = 60
	indexShift  = transaction.IDBits
	lowMask     = 1<<indexShift - 1
	maxEngines  = 1 << (markShift - indexShift)
	maxLowValue = lowMask
)

// entry is an open engine.
type entry struct {
	handle   uint64
	engine   *engine.Engine
	poisoned atomic.Bool
}

// kernel gives the engine; nil if the export needs none.
func (e *entry) kernel() *engine.Engine {
	if e == nil {
		return nil
	}
	return e.engine
}

// poison refuses all further work of an engine. A panic outside of any engine poisons nothing.
func (e *entry) poison() {
	if e != nil {
		e.poisoned.Store(true)
	}
}

// table finds engines without a lock, since each crossing does.
var table struct {
	mu      sync.Mutex // protects what changes: opening and closing
	entries [maxEngines]atomic.Pointer[entry]
	former  [maxEngines]struct { // what the last engine at this index left
		generation uint64
		lastSerial uint32
	}
}

// find gives the entry a handle leads to.
func find(need needs, handle uint64) (*entry, error) {
	switch need {
	case nothing:
		return nil, nil
	case stepping:
		o := workflows.find(handle)
		if o == nil {
			return nil, fault.New(fault.Closed, "the workflow was released, or there never was one with this handle")
		}
		handle, need = o.entry.handle, anEngine
	}
	e := table.entries[indexOf(handle)].Load()
	if need == transacted {
		if e == nil || handle>>markShift != txMark {
			return nil, fault.New(fault.Closed, "the engine of this transaction was closed, or there never was one")
		}
	} else if e == nil || handle != e.handle {
		return nil, fault.New(fault.Closed, "the engine was closed, or there never was one with this handle")
	}
	if need != anyEngine && e.poisoned.Load() {
		return nil, fault.New(fault.Poisoned,
			"the kernel panicked in this engine earlier and it refuses further work; close it and open another")
	}
	return e, nil
}

// indexOf gives the index in a handle of either kind.
func indexOf(handle uint64) uint64 { return handle >> indexShift & (maxEngines - 1) }

// txID gives the part of a transaction's handle that its engine understands.
func txID(handle uint64) transaction.ID { return transaction.ID(handle & lowMask) }

// innerID gives the same, of a handle that comes beside that of its engine. 0 is no transaction.
func innerID(engineHandle, tx uint64) (transaction.ID, error) {
	if tx == 0 {
		return 0, nil
	}
	if tx>>markShift != txMark || indexOf(tx) != indexOf(engineHandle) {
		return 0, fault.New(fault.Closed, "this is no transaction of this engine")
	}
	return txID(tx), nil
}

// txHandle is what the host sees of a transaction.
func txHandle(engineHandle uint64, id transaction.ID) uint64 {
	if id == 0 {
		return 0
	}
	return txMark<<markShift | indexOf(engineHandle)<<indexShift | uint64(id)
}

// open puts a new engine into the table.
func open(o engine.Options) (uint64, error) {
	table.mu.Lock()
	defer table.mu.Unlock()
	for index := range table.entries {
		if table.entries[index].Load() != nil {
			continue
		}
		former := &table.former[index]
		o.LastSerial = former.lastSerial
		e, err := engine.New(o)
		if err != nil {
			return 0, err
		}
		former.generation = former.generation%maxLowValue + 1
		handle := uint64(engineMark)<<markShift | uint64(index)<<indexShift | former.generation
		table.entries[index].Store(&entry{handle: handle, engine: e})
		return handle, nil
	}
	return 0, fault.New(fault.Limit, "%d engines are open, which is the limit; close those no longer used", maxEngines)
}

// shut takes an engine out of the table and closes it.
func shut(handle uint64) error {
	table.mu.Lock()
	defer table.mu.Unlock()
	e, err := find(anyEngine, handle)
	if err != nil {
		return err
	}
	index := indexOf(handle)
	table.entries[index].Store(nil)
	lastSerial, err := e.engine.Close()
	table.former[index].lastSerial = lastSerial
	return err
}

// live counts the handles that are open.
func live() int {
	count := workflows.open()
	for index := range table.entries {
		if e := table.entries[index].Load(); e != nil {
			count += 1 + e.engine.Open()
		}
	}
	return count
}
