package main

// #include "theus.h"
import "C"

import (
	"runtime"
	"sync"
	"unsafe"

	"github.com/theus-project/theus/core/engine"
	"github.com/theus-project/theus/core/fault"
	"github.com/theus-project/theus/core/heavy"
)

// maxArray bounds the memory of an array: more than any machine addresses.
const maxArray = 1 << 47

//export theus_heavy_scan
func theus_heavy_scan(array C.theus_array_in, ask C.uint32_t, out *C.theus_facts, failure *C.theus_error) C.theus_status {
	return call(nothing, 0, failure, func(*engine.Engine) error {
		if array == nil || out == nil {
			return missing("array or out")
		}
		a, err := toArray(array)
		if err == nil {
			err = a.Check()
		}
		if err != nil {
			return err
		}
		facts := heavy.Scan(&a, heavy.Ask(ask), runtime.GOMAXPROCS(0), atOnce)
		*out = C.theus_facts{
			finite:   flag(facts.Finite),
			nan:      flag(facts.NaN),
			empty:    flag(facts.Empty),
			kind:     C.uint32_t(facts.Min.Kind),
			least:    C.uint64_t(facts.Min.Bits),
			greatest: C.uint64_t(facts.Max.Bits),
		}
		return nil
	})
}

func flag(b bool) C.uint32_t {
	if b {
		return 1
	}
	return 0
}

// toArray borrows an array for the call.
func toArray(in C.theus_array_in) (heavy.Array, error) {
	if in.len > maxArray || (in.memory == nil && in.len > 0) || in.first > in.len {
		return heavy.Array{}, fault.New(fault.Invalid, "the memory of an array is malformed: NULL, or %d bytes", uint64(in.len))
	}
	shape, err := borrowMany((*int64)(unsafe.Pointer(in.shape)), C.size_t(in.n_dims), "lengths")
	if err != nil {
		return heavy.Array{}, err
	}
	strides, err := borrowMany((*int64)(unsafe.Pointer(in.strides)), C.size_t(in.n_dims), "strides")
	if err != nil {
		return heavy.Array{}, err
	}
	if in.kind > C.uint32_t(heavy.Float) || in.size > 8 {
		return heavy.Array{}, fault.New(fault.Invalid, "no elements are of kind %d and %d bytes", uint32(in.kind), uint32(in.size))
	}
	return heavy.Array{
		Memory:  unsafe.Slice((*byte)(in.memory), int(in.len)),
		First:   int(in.first),
		Kind:    heavy.Kind(in.kind),
		Size:    int(in.size),
		Big:     in.big != 0,
		Shape:   shape,
		Strides: strides,
	}, nil
}

// atOnce spreads the parts of a scan over the cores. A panic in one of them becomes one here, after
// all have ended, where call turns it into a status.
func atOnce(parts int, each func(part int)) {
	var all sync.WaitGroup
	causes := make(chan any, parts)
	one := func(part int) {
		defer all.Done()
		defer func() {
			if cause := recover(); cause != nil {
				causes <- cause
			}
		}()
		each(part)
	}
	all.Add(parts)
	for part := range parts - 1 {
		go one(part)
	}
	one(parts - 1)
	all.Wait()
	select {
	case cause := <-causes:
		panic(cause)
	default:
	}
}
