package main

import (
	"sync"
	"sync/atomic"

	"github.com/theus-project/theus/core/fault"
	"github.com/theus-project/theus/core/flux"
)

// workflow is an open program, or an open run.
type workflow struct {
	handle   uint64
	entry    *entry // of its engine
	program  *flux.Program
	run      *flux.Run   // nil: it is a program
	stepped  atomic.Bool // a thread is in it
	readings []flux.Reading
}

const (
	fluxMark  = 0x3
	slotBits  = 20
	chunkBits = 10
	chunkMask = 1<<chunkBits - 1
	maxFlux   = 1 << slotBits
)

// workflows finds programs and runs without a lock, since each step does. A slot is used again; the
// serial in a handle tells who was there before.
var workflows workflowTable

type workflowTable struct {
	mu     sync.Mutex // protects what changes: used, free, serial, and making chunks
	used   uint64
	free   []uint64
	serial uint64
	count  atomic.Int64
	chunks [maxFlux >> chunkBits]atomic.Pointer[[1 << chunkBits]atomic.Pointer[workflow]]
}

func (t *workflowTable) slot(index uint64) *atomic.Pointer[workflow] {
	chunk := t.chunks[index>>chunkBits].Load()
	if chunk == nil {
		return nil
	}
	return &chunk[index&chunkMask]
}

// find gives what a handle leads to; nil if it was released.
func (t *workflowTable) find(handle uint64) *workflow {
	slot := t.slot(handle & (maxFlux - 1))
	if slot == nil {
		return nil
	}
	w := slot.Load()
	if w == nil || w.handle != handle {
		return nil
	}
	return w
}

// add opens a program or run.
func (t *workflowTable) add(w *workflow) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	index := t.used
	switch n := len(t.free); {
	case n > 0:
		index, t.free = t.free[n-1], t.free[:n-1]
	case t.used == maxFlux:
		return fault.New(fault.Limit, "%d workflows are open, which is the limit; release those that have ended", maxFlux)
	default:
		t.used++
	}
	if t.chunks[index>>chunkBits].Load() == nil {
		t.chunks[index>>chunkBits].Store(new([1 << chunkBits]atomic.Pointer[workflow]))
	}
	t.serial = (t.serial + 1) & (1<<(markShift-slotBits) - 1)
	w.handle = fluxMark<<markShift | t.serial<<slotBits | index
	t.slot(index).Store(w)
	t.count.Add(1)
	return nil
}

// drop releases a program or run.
func (t *workflowTable) drop(handle uint64) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.find(handle) == nil {
		return
	}
	index := handle & (maxFlux - 1)
	t.slot(index).Store(nil)
	t.free = append(t.free, index)
	t.count.Add(-1)
}

func (t *workflowTable) open() int { return int(t.count.Load()) }
