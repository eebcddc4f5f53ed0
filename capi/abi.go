// Package main is the kernel behind a C ABI: what theus.h promises, in Go.
//
// It is built with -buildmode=c-shared and is the only package of the module that uses cgo. It
// decides nothing: each export turns C values into Go values, asks core/engine, and turns the
// answer back.
//
// Three rules hold for every export, and abi_test.go reads the source to hold the first:
//
//  1. Its body is one use of call, so a panic of the kernel never unwinds into C.
//  2. It keeps no memory of the caller's: what is stored is cloned first.
//  3. No pointer into Go's memory leaves: handles are numbers, errors are allocated by C.
package main

// #include "theus.h"
import "C"

import (
	"errors"
	"fmt"
	"runtime"
	"strings"

	"github.com/theus-project/theus/core/engine"
	"github.com/theus-project/theus/core/fault"
)

// version of Theus; build.sh sets it from python/theus/_version.py.
var version = "unversioned"

func main() {}

// needs says what the handle of an export must be.
type needs int

const (
	nothing    needs = iota // there is no handle
	anEngine                // an engine in working order
	anyEngine               // an engine, poisoned or not
	transacted              // a transaction, whose engine is in working order
	stepping                // a program or run, whose engine is in working order
)

// call is the one wrapper around what an export does. It finds the engine of a handle, runs the
// body, and turns what comes out into a status and *out.
//
// A panic in the body is a bug of the kernel. What the engine holds may then be half-changed, so
// it is poisoned: later calls on it are refused and other engines live on.
func call(need needs, handle uint64, out *C.theus_error, body func(*engine.Engine) error) (status C.theus_status) {
	var in *entry
	defer func() {
		if cause := recover(); cause != nil {
			in.poison()
			status = fail(out, panicked(cause))
		}
	}()
	in, err := find(need, handle)
	if err == nil {
		err = body(in.kernel())
	}
	if err != nil {
		return fail(out, err)
	}
	return C.THEUS_OK
}

// panicked tells what to report. It is called from the deferred function of call, while the
// frames of the panic are still on the stack.
func panicked(cause any) error {
	var text strings.Builder
	fmt.Fprintf(&text, "the kernel of Theus panicked: %v\n", cause)
	text.WriteString("  what now:      this engine refuses further work; close it and open another\n")
	text.WriteString("  please report: this is a bug of Theus, not of your code; include these lines\n")
	fmt.Fprintf(&text, "  built as:      Theus %s with %s for %s/%s", version, runtime.Version(), runtime.GOOS, runtime.GOARCH)
	for _, where := range trace(8) {
		text.WriteString("\n  at:            ")
		text.WriteString(where)
	}
	return &fault.Error{
		Kind:   fault.Panic,
		Detail: fmt.Sprint(cause),
		Hint:   "close this engine and open another; please report the text as a bug of Theus",
		Text:   text.String(),
	}
}

// trace lists the innermost frames of the panic, without those of the runtime.
func trace(most int) []string {
	pcs := make([]uintptr, 64)
	frames := runtime.CallersFrames(pcs[:runtime.Callers(0, pcs)])
	var list []string
	panicking := false
	for more := true; more && len(list) < most; {
		var f runtime.Frame
		f, more = frames.Next()
		inRuntime := strings.HasPrefix(f.Function, "runtime.")
		panicking = panicking || f.Function == "runtime.gopanic"
		if panicking && !inRuntime && f.Function != "" {
			list = append(list, fmt.Sprintf("%s (%s:%d)", f.Function, f.File, f.Line))
		}
	}
	return list
}

// missing refuses a NULL where the caller must pass memory.
func missing(what string) error {
	return fault.New(fault.Invalid, "%s is NULL", what)
}

//export theus_describe
func theus_describe(out *C.theus_info) C.theus_status {
	return call(nothing, 0, nil, func(*engine.Engine) error {
		if out == nil {
			return missing("out")
		}
		*out = describe()
		return nil
	})
}

//export theus_live
func theus_live() (count C.uint64_t) {
	_ = call(nothing, 0, nil, func(*engine.Engine) error {
		count = C.uint64_t(live())
		return nil
	})
	return count
}

//export theus_panic
func theus_panic(handle C.theus_engine, out *C.theus_error) C.theus_status {
	return call(anEngine, uint64(handle), out, func(*engine.Engine) error {
		panic(errors.New("theus_panic was called"))
	})
}
