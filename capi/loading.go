package main

// #include "theus.h"
import "C"

import (
	"errors"
	"slices"

	"github.com/theus-project/theus/core/engine"
	"github.com/theus-project/theus/core/flux"
	"github.com/theus-project/theus/core/path"
)

// want is what a workflow names that the host has not told yet.
type want struct {
	kind       uint32
	name, from string
}

// loading is all that a workflow is checked against: the engine, and what the host told.
type loading struct {
	engine    *engine.Engine
	source    flux.Source
	files     map[want]file
	processes map[string]process
	names     []string
	wants     []want
}

type file struct {
	source flux.Source
	err    error
}

type process struct {
	flux.Process
	unknown bool
}

// newLoading copies what the host says; of it nothing stays the caller's.
func newLoading(e *engine.Engine, in C.theus_flux_text_in) (*loading, error) {
	l := &loading{engine: e, files: make(map[want]file), processes: make(map[string]process)}
	var err error
	if l.source, err = toSource(in.name, in.text); err != nil {
		return nil, err
	}
	l.source.Dict, l.source.Part = in.dict != 0, int(in.part)
	files, err := borrowMany(in.files, in.n_files, "files")
	if err != nil {
		return nil, err
	}
	for i := range files {
		if err := l.addFile(&files[i]); err != nil {
			return nil, err
		}
	}
	processes, err := borrowMany(in.processes, in.n_processes, "processes")
	if err != nil {
		return nil, err
	}
	for i := range processes {
		p := &processes[i]
		name, err := clone(p.name)
		if err != nil {
			return nil, err
		}
		arguments, err := cloneMany(p.arguments, p.n_arguments, "arguments")
		if err != nil {
			return nil, err
		}
		l.processes[name] = process{flux.Process{Arguments: arguments, Open: p.open != 0}, p.unknown != 0}
	}
	l.names, err = cloneMany(in.names, in.n_names, "names")
	return l, err
}

func toSource(name, text C.theus_str) (s flux.Source, err error) {
	if s.Name, err = clone(name); err != nil {
		return s, err
	}
	whole, err := clone(text)
	s.Text = []byte(whole)
	return s, err
}

func (l *loading) addFile(in *C.theus_flux_file) error {
	wanted, err := clone(in.wanted)
	if err != nil {
		return err
	}
	from, err := clone(in.from)
	if err != nil {
		return err
	}
	problem, err := clone(in.error)
	if err != nil {
		return err
	}
	var f file
	if problem != "" {
		f.err = errors.New(problem)
	} else if f.source, err = toSource(in.name, in.text); err != nil {
		return err
	}
	l.files[want{C.THEUS_WANT_FILE, wanted, from}] = f
	return nil
}

func (l *loading) want(w want) {
	if !slices.Contains(l.wants, w) {
		l.wants = append(l.wants, w)
	}
}

var (
	_ flux.Processes = (*loading)(nil)
	_ flux.Contracts = (*loading)(nil)
	_ flux.Files     = (*loading)(nil)
)

func (l *loading) Process(name string) (flux.Process, bool) {
	p, told := l.processes[name]
	if !told {
		l.want(want{C.THEUS_WANT_PROCESS, name, ""})
		return flux.Process{Open: true}, true
	}
	return p.Process, !p.unknown
}

func (l *loading) Names() []string { return append(l.engine.Names(), l.names...) }

func (l *loading) Open(name, from string) (flux.Source, error) {
	w := want{C.THEUS_WANT_FILE, name, from}
	f, told := l.files[w]
	if !told {
		l.want(w)
		return flux.Source{}, errors.New("it is wanted")
	}
	return f.source, f.err
}

func (l *loading) Conflict(a, b string) (path.Path, bool) {
	p, err := l.engine.Find(a)
	if err != nil {
		return nil, false // it is reported by itself
	}
	q, err := l.engine.Find(b)
	if err != nil {
		return nil, false
	}
	where, conflict, err := l.engine.Conflict(p, q)
	return where, conflict && err == nil
}

func (l *loading) Writes(name string, where path.Path) bool {
	p, err := l.engine.Find(name)
	if err != nil {
		return false
	}
	writes, err := l.engine.Writes(p, where)
	return writes && err == nil
}

// toWants lays wants out in memory of C's.
func toWants(wants []want) (out C.theus_flux_program) {
	var size pack
	room[C.theus_flux_want](&size, len(wants))
	for _, w := range wants {
		size.text(w.name)
		size.text(w.from)
	}
	block := size.alloc()
	list := take[C.theus_flux_want](block, len(wants))
	for i, w := range wants {
		list[i] = C.theus_flux_want{kind: C.uint32_t(w.kind), name: block.putText(w.name), from: block.putText(w.from)}
	}
	out.wants, out.n_wants, out.storage = &list[0], C.size_t(len(list)), C.theus_storage(block.start)
	return out
}

// toProgram lays out what a host wants to know of a program, but for its handle.
func toProgram(p *flux.Program) (out C.theus_flux_program) {
	all := [3][]string{p.Processes(), p.Files(), p.Locals()}
	var size pack
	for _, texts := range all {
		room[C.theus_str](&size, len(texts))
		for _, t := range texts {
			size.text(t)
		}
	}
	block := size.alloc()
	out.storage = C.theus_storage(block.start)
	out.processes, out.n_processes = putTexts(block, all[0])
	out.files, out.n_files = putTexts(block, all[1])
	out.locals, out.n_locals = putTexts(block, all[2])
	out.n_needs, out.n_steps = C.uint32_t(len(p.Needs())), C.uint32_t(p.Steps())
	return out
}

func putTexts(b *block, texts []string) (*C.theus_str, C.size_t) {
	list := take[C.theus_str](b, len(texts))
	for i, t := range texts {
		list[i] = b.putText(t)
	}
	return unsafeFirst(list), C.size_t(len(list))
}
