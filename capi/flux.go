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
	"github.com/theus-project/theus/core/flux"
)

//export theus_flux_load
func theus_flux_load(handle C.theus_engine, in C.theus_flux_text_in, out *C.theus_flux_program, failure *C.theus_error) C.theus_status {
	return call(anEngine, uint64(handle), failure, func(e *engine.Engine) error {
		if in == nil || out == nil {
			return missing("text or out")
		}
		l, err := newLoading(e, in)
		if err != nil {
			return err
		}
		p, err := flux.Load(l.source, flux.Surroundings{Processes: l, Contracts: l, Files: l})
		if len(l.wants) > 0 {
			*out = toWants(l.wants)
			return nil
		}
		if err != nil {
			return config(err)
		}
		return openProgram(uint64(handle), p, out)
	})
}

//export theus_flux_ask
func theus_flux_ask(handle C.theus_engine, condition C.theus_str, out *C.theus_flux_program, failure *C.theus_error) C.theus_status {
	return call(anEngine, uint64(handle), failure, func(*engine.Engine) error {
		if out == nil {
			return missing("out")
		}
		text, err := clone(condition)
		if err != nil {
			return err
		}
		p, err := flux.Question(text)
		if err != nil {
			return config(err)
		}
		return openProgram(uint64(handle), p, out)
	})
}

// config makes what is wrong with a text a fault.Config.
func config(err error) error {
	if f, ok := errors.AsType[*fault.Error](err); ok {
		f.Kind = fault.Config
	}
	return err
}

// openProgram hands a program out.
func openProgram(handle uint64, p *flux.Program, out *C.theus_flux_program) error {
	e, err := find(anEngine, handle)
	if err != nil {
		return err
	}
	w := &workflow{entry: e, program: p}
	if err := workflows.add(w); err != nil {
		return err
	}
	*out = toProgram(p)
	out.program = C.theus_flux(w.handle)
	return nil
}

// programOf gives the program of a handle of either kind.
func programOf(handle C.theus_flux) (*flux.Program, error) {
	if w := workflows.find(uint64(handle)); w != nil {
		return w.program, nil
	}
	return nil, fault.New(fault.Closed, "the workflow was released")
}

func runOf(handle C.theus_flux) (*workflow, error) {
	w := workflows.find(uint64(handle))
	if w == nil || w.run == nil {
		return nil, fault.New(fault.Closed, "this is no run of a workflow, or it was released")
	}
	return w, nil
}

//export theus_flux_need_of
func theus_flux_need_of(program C.theus_flux, number C.uint32_t, out *C.theus_flux_need, storage *C.theus_storage, failure *C.theus_error) C.theus_status {
	return call(stepping, uint64(program), failure, func(*engine.Engine) error {
		if out == nil || storage == nil {
			return missing("out or storage")
		}
		p, err := programOf(program)
		if err != nil {
			return err
		}
		if int(number) >= len(p.Needs()) {
			return fault.New(fault.Invalid, "this program has no need %d", uint32(number))
		}
		n := p.Needs()[number : number+1]
		var size pack
		sizeNeeds(&size, n)
		block := size.alloc()
		*out, *storage = putNeeds(block, n)[0], C.theus_storage(block.start)
		return nil
	})
}

//export theus_flux_place
func theus_flux_place(program C.theus_flux, step C.uint32_t, out *C.theus_str, storage *C.theus_storage, failure *C.theus_error) C.theus_status {
	return call(stepping, uint64(program), failure, func(*engine.Engine) error {
		if out == nil || storage == nil {
			return missing("out or storage")
		}
		p, err := programOf(program)
		if err != nil {
			return err
		}
		if int(step) >= p.Steps() {
			return fault.New(fault.Invalid, "this program has no step %d", uint32(step))
		}
		text := p.Place(int(step)).String()
		var size pack
		size.text(text)
		block := size.alloc()
		*out, *storage = block.putText(text), C.theus_storage(block.start)
		return nil
	})
}

//export theus_flux_start
func theus_flux_start(program C.theus_flux, options C.theus_flux_options_in, out *C.theus_flux, failure *C.theus_error) C.theus_status {
	return call(stepping, uint64(program), failure, func(*engine.Engine) error {
		if out == nil {
			return missing("out")
		}
		of := workflows.find(uint64(program))
		if of == nil {
			return fault.New(fault.Closed, "the workflow was released")
		}
		var o flux.Options
		if options != nil {
			o.MaxLoops = int(min(options.max_loops, 1<<62))
		}
		w := &workflow{entry: of.entry, program: of.program, run: of.program.Start(o)}
		if err := workflows.add(w); err != nil {
			return err
		}
		*out = C.theus_flux(w.handle)
		return nil
	})
}

//export theus_flux_step
func theus_flux_step(run C.theus_flux, in C.theus_flux_answer_in, out *C.theus_flux_action, failure *C.theus_error) C.theus_status {
	return call(stepping, uint64(run), failure, func(*engine.Engine) error {
		if out == nil {
			return missing("out")
		}
		w, err := runOf(run)
		if err != nil {
			return err
		}
		if !w.stepped.CompareAndSwap(false, true) {
			return fault.New(fault.Busy, "another thread steps this run")
		}
		defer w.stepped.Store(false)
		answer, err := w.answer(in)
		if err != nil {
			return err
		}
		act := w.run.Next(&answer)
		clear(w.readings)
		return w.put(act, out)
	})
}

// answer reads what the host says.
func (w *workflow) answer(in C.theus_flux_answer_in) (a flux.Answer, err error) {
	if in == nil {
		return a, nil
	}
	a.Turns = int64(min(in.turns, 1<<62))
	if in.failed.len > 0 {
		if a.Failure, err = toFailure(in.failed, uint64(in.token), in.abort != 0); err != nil {
			return a, err
		}
	}
	if in.n_readings > 0 {
		list, err := borrowMany((*C.theus_flux_value)(in.readings), in.n_readings, "readings")
		if err != nil {
			return a, err
		}
		w.readings = w.readings[:0]
		for i := range list {
			r, err := toReading(&list[i])
			if err != nil {
				return a, err
			}
			w.readings = append(w.readings, r)
		}
		a.Readings = w.readings
	}
	return a, nil
}

func toFailure(names C.theus_str, token uint64, abort bool) (*flux.Failure, error) {
	text, err := clone(names)
	if err != nil {
		return nil, err
	}
	return &flux.Failure{Names: strings.Split(text, "\n"), Token: token, Abort: abort}, nil
}

//export theus_flux_cancel
func theus_flux_cancel(run C.theus_flux, failure *C.theus_error) C.theus_status {
	return call(stepping, uint64(run), failure, func(*engine.Engine) error {
		w, err := runOf(run)
		if err == nil {
			w.run.Cancel()
		}
		return err
	})
}

//export theus_flux_loops
func theus_flux_loops(run C.theus_flux, out *C.uint64_t, failure *C.theus_error) C.theus_status {
	return call(stepping, uint64(run), failure, func(*engine.Engine) error {
		if out == nil {
			return missing("out")
		}
		w, err := runOf(run)
		if err == nil {
			*out = C.uint64_t(w.run.Loops())
		}
		return err
	})
}

//export theus_flux_holds
func theus_flux_holds(run C.theus_flux, token C.uint64_t, out *C.uint32_t, failure *C.theus_error) C.theus_status {
	return call(stepping, uint64(run), failure, func(*engine.Engine) error {
		if out == nil {
			return missing("out")
		}
		w, err := runOf(run)
		if err == nil {
			*out = flag(w.run.Holds(uint64(token)))
		}
		return err
	})
}

//export theus_flux_release
func theus_flux_release(handle C.theus_flux) {
	_ = call(nothing, 0, nil, func(*engine.Engine) error {
		workflows.drop(uint64(handle))
		return nil
	})
}

//export theus_flux_free
func theus_flux_free(storage *C.theus_storage) {
	_ = call(nothing, 0, nil, func(*engine.Engine) error {
		if storage != nil {
			C.free(unsafe.Pointer(*storage))
			*storage = nil
		}
		return nil
	})
}
