package main

// #include "theus.h"
import "C"

import (
	"encoding/json"
	"maps"
	"slices"

	"github.com/theus-project/theus/core/engine"
	"github.com/theus-project/theus/core/fault"
	"github.com/theus-project/theus/core/flux"
	"github.com/theus-project/theus/core/fsm"
)

//export theus_fsm_load
func theus_fsm_load(in C.theus_definition_in, out *C.theus_str, storage *C.theus_storage, failure *C.theus_error) C.theus_status {
	return call(nothing, 0, failure, func(*engine.Engine) error {
		src, err := toDefinition(in)
		if err != nil {
			return err
		}
		around, err := toProcesses(in.processes)
		if err != nil {
			return err
		}
		start, err := clone(in.start)
		if err != nil {
			return err
		}
		m, err := fsm.Load(src, start, around)
		if err != nil {
			return err
		}
		return handOut(string(m.Describe()), out, storage)
	})
}

//export theus_flux_outline
func theus_flux_outline(in C.theus_definition_in, out *C.theus_str, storage *C.theus_storage, failure *C.theus_error) C.theus_status {
	return call(nothing, 0, failure, func(*engine.Engine) error {
		src, err := toDefinition(in)
		if err != nil {
			return err
		}
		text, err := flux.Outline(src)
		if err != nil {
			return err
		}
		return handOut(string(text), out, storage)
	})
}

// toDefinition reads a definition; its text stays the caller's, since loading keeps nothing of it.
func toDefinition(in C.theus_definition_in) (src flux.Source, err error) {
	if in == nil {
		return src, missing("definition")
	}
	if src.Name, err = clone(in.name); err != nil {
		return src, err
	}
	text, err := borrow(in.text)
	src.Text, src.Dict = []byte(text), in.dict != 0
	return src, err
}

// callables are processes that a host told about: their arguments, nil for any.
type callables map[string]*[]string

func (c callables) Names() []string { return slices.Sorted(maps.Keys(c)) }

func (c callables) Process(name string) (flux.Process, bool) {
	arguments, known := c[name]
	if arguments == nil {
		return flux.Process{Open: true}, known
	}
	return flux.Process{Arguments: *arguments}, known
}

func toProcesses(in C.theus_str) (around flux.Surroundings, err error) {
	text, err := borrow(in)
	if err != nil || text == "" {
		return around, err
	}
	known := make(callables)
	if err := json.Unmarshal([]byte(text), &known); err != nil {
		return around, fault.New(fault.Invalid, "the processes of a definition are no JSON of names and arguments: %s", err)
	}
	around.Processes = known
	return around, nil
}

// handOut copies a text into memory of C's.
func handOut(text string, out *C.theus_str, storage *C.theus_storage) error {
	if out == nil || storage == nil {
		return missing("out or storage")
	}
	var p pack
	p.text(text)
	block := p.alloc()
	*out, *storage = block.putText(text), C.theus_storage(block.start)
	return nil
}
