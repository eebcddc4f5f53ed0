package engine

import (
	"encoding/json"

	"github.com/theus-project/theus/core/fault"
)

// Learn makes the engine learn contracts: what is registered from now on may do everything, and
// Learned tells what it reached.
//
// It fails with fault.Invalid when something is registered already.
func (e *Engine) Learn() error {
	if err := e.open(); err != nil {
		return err
	}
	if len(e.registry.Names()) > 0 {
		return fault.New(fault.Invalid, "an engine learns from its first process on, and this one has some")
	}
	e.learns.Store(true)
	return nil
}

// learned is one entry of the document that Learned gives.
type learned struct {
	Shape     uint32   `json:"shape"`
	Above     uint32   `json:"above"`
	Path      string   `json:"path"`
	Processes []string `json:"processes"`
}

// Learned describes every place that processes reached while they were learned: a JSON list of
// objects with shape, above (the shape of the place it is part of, 0 for none), path and processes.
// A parent stands before its parts.
func (e *Engine) Learned() ([]byte, error) {
	if err := e.open(); err != nil {
		return nil, err
	}
	list := []learned{}
	for _, l := range e.shapes.Learned() {
		list = append(list, learned{uint32(l.ID), uint32(l.Above), l.Path.String(), l.Processes})
	}
	return json.Marshal(list)
}
