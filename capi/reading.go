package main

// #include "theus.h"
import "C"

import (
	"fmt"
	"math/big"
	"strings"
	"unicode/utf8"
	"unsafe"

	"github.com/theus-project/theus/core/fault"
	"github.com/theus-project/theus/core/flux"
	"github.com/theus-project/theus/core/path"
)

// maxTold bounds the containers of containers that a host may tell at once.
const maxTold = 64

// toReading reads what the host says to a need. Nothing of it stays the caller's.
func toReading(in *C.theus_flux_value) (flux.Reading, error) {
	switch in.kind {
	case C.THEUS_FLUX_INT: // the usual one, without a detour
		if in.flags&C.THEUS_FLUX_BIG == 0 {
			return flux.Reading{Value: flux.Int(int64(in.number))}, nil
		}
	case C.THEUS_FLUX_FAILED:
		f, err := toFailure(in.text, uint64(in.number), in.flags&C.THEUS_FLUX_ABORT != 0)
		return flux.Reading{Failure: f}, err
	}
	v, err := toFlux(in, 0)
	return flux.Reading{Value: v}, err
}

func toFlux(in *C.theus_flux_value, deep int) (v flux.Value, err error) {
	switch in.kind {
	case C.THEUS_FLUX_NONE:
		return flux.None(), nil
	case C.THEUS_FLUX_BOOL:
		return flux.Bool(in.number != 0), nil
	case C.THEUS_FLUX_INT:
		if in.flags&C.THEUS_FLUX_BIG == 0 {
			return flux.Int(int64(in.number)), nil
		}
		text, err := borrow(in.text)
		n, ok := new(big.Int).SetString(text, 0)
		if err == nil && !ok {
			err = fault.New(fault.Invalid, "%.20q is no number", text)
		}
		if err != nil {
			return v, err
		}
		return flux.BigInt(n), nil
	case C.THEUS_FLUX_FLOAT:
		return flux.Float(float64(in.real)), nil
	case C.THEUS_FLUX_TEXT:
		text, err := clone(in.text)
		if !utf8.ValidString(text) {
			return flux.Container(flux.KindObject, int(in.number), true), err
		}
		return flux.Text(text), err
	case C.THEUS_FLUX_BYTES:
		text, err := borrow(in.text)
		return flux.Bytes([]byte(text)), err
	}
	if in.kind > C.THEUS_FLUX_OBJECT || in.kind == C.THEUS_FLUX_OBJECT && in.flags&C.THEUS_FLUX_TOLD != 0 {
		return v, fault.New(fault.Invalid, "a value of kind %d cannot be told", uint32(in.kind))
	}
	if in.flags&C.THEUS_FLUX_DOUBT != 0 {
		why, err := toFailure(in.text, uint64(in.real), false)
		return flux.Doubtful(int(in.number), why), err
	}
	if in.flags&C.THEUS_FLUX_TOLD == 0 {
		return flux.Container(flux.Kind(in.kind), int(in.number), in.flags&C.THEUS_FLUX_TRUTH != 0), nil
	}
	if deep > maxTold {
		return v, tooDeep()
	}
	list, err := borrowMany(in.items, in.n_items, "items")
	if err != nil {
		return v, err
	}
	items := make([]flux.Value, len(list))
	for i := range list {
		if items[i], err = toFlux(&list[i], deep+1); err != nil {
			return v, err
		}
	}
	switch in.kind {
	case C.THEUS_FLUX_LIST:
		return flux.List(items), nil
	case C.THEUS_FLUX_TUPLE:
		return flux.Tuple(items), nil
	case C.THEUS_FLUX_SET:
		return flux.Set(items), nil
	case C.THEUS_FLUX_SEQUENCE:
		return flux.Sequence(items), nil
	}
	if len(items)%2 != 0 {
		return v, fault.New(fault.Invalid, "a dict has as many values as keys")
	}
	keys, values := make([]flux.Value, 0, len(items)/2), make([]flux.Value, 0, len(items)/2)
	for i := 0; i < len(items); i += 2 {
		keys, values = append(keys, items[i]), append(values, items[i+1])
	}
	return flux.Dict(keys, values), nil
}

// ---- to the host ----------------------------------------------------------------------------------

func unsafeFirst[T any](list []T) *T { return unsafe.SliceData(list) }

// hex spells a number that takes more than 64 bits.
func hex(v flux.Value) string { return fmt.Sprintf("%#x", v.Big()) }

// sizeValue makes room for what hangs on a value: not for the value itself.
func sizeValue(size *pack, v flux.Value) {
	if where, ok := v.Place(); ok {
		sizePath(size, where)
		return
	}
	switch v.Kind() {
	case flux.KindInt:
		if _, ok := v.Int64(); !ok {
			size.text(hex(v))
		}
	case flux.KindText, flux.KindBytes:
		size.text(v.Text())
	case flux.KindDict:
		keys, values := v.Items(), v.Values()
		room[C.theus_flux_value](size, 2*len(keys))
		for i := range keys {
			sizeValue(size, keys[i])
			sizeValue(size, values[i])
		}
	case flux.KindList, flux.KindTuple, flux.KindSet, flux.KindSequence:
		items := v.Items()
		room[C.theus_flux_value](size, len(items))
		for _, item := range items {
			sizeValue(size, item)
		}
	}
}

// putValue lays a value out.
func putValue(b *block, v flux.Value) (out C.theus_flux_value) {
	if where, ok := v.Place(); ok {
		out.kind = C.THEUS_FLUX_PLACE
		out.path, out.n_path = putPath(b, where)
		return out
	}
	out.kind = C.uint32_t(v.Kind())
	items := func(all []flux.Value) {
		list := take[C.theus_flux_value](b, len(all))
		for i, item := range all {
			list[i] = putValue(b, item)
		}
		out.flags, out.items, out.n_items = C.THEUS_FLUX_TOLD, unsafeFirst(list), C.size_t(len(list))
	}
	switch v.Kind() {
	case flux.KindBool:
		out.number = C.int64_t(flag(v.Truth()))
	case flux.KindInt:
		if n, ok := v.Int64(); ok {
			out.number = C.int64_t(n)
		} else {
			out.flags, out.text = C.THEUS_FLUX_BIG, b.putText(hex(v))
		}
	case flux.KindFloat:
		out.real = C.double(v.Float64())
	case flux.KindText, flux.KindBytes:
		out.text = b.putText(v.Text())
	case flux.KindDict:
		keys, values := v.Items(), v.Values()
		pairs := make([]flux.Value, 0, 2*len(keys))
		for i := range keys {
			pairs = append(pairs, keys[i], values[i])
		}
		items(pairs)
	case flux.KindList, flux.KindTuple, flux.KindSet, flux.KindSequence:
		items(v.Items())
	}
	return out
}

func sizePath(size *pack, where path.Path) {
	room[C.theus_segment](size, len(where))
	for _, s := range where {
		size.text(s.Name)
	}
}

func putPath(b *block, where path.Path) (C.theus_segment_in, C.size_t) {
	list := take[C.theus_segment](b, len(where))
	for i, s := range where {
		list[i] = C.theus_segment{kind: C.uint32_t(s.Kind), number: C.int64_t(s.Index), text: b.putText(s.Name)}
	}
	return C.theus_segment_in(unsafeFirst(list)), C.size_t(len(list))
}

func sizeNeeds(size *pack, needs []flux.Need) {
	room[C.theus_flux_need](size, len(needs))
	for i := range needs {
		sizePath(size, needs[i].Path)
		sizeValue(size, needs[i].Key)
	}
}

func putNeeds(b *block, needs []flux.Need) []C.theus_flux_need {
	list := take[C.theus_flux_need](b, len(needs))
	for i, n := range needs {
		list[i].what = C.uint32_t(n.What)
		list[i].path, list[i].n_path = putPath(b, n.Path)
		list[i].key = putValue(b, n.Key)
	}
	return list
}

// put lays an action out; what is counted by number takes no memory.
func (w *workflow) put(a *flux.Action, out *C.theus_flux_action) error {
	*out = C.theus_flux_action{kind: C.uint32_t(a.Do), depth: C.uint32_t(max(a.Depth, 0)), step: C.uint32_t(a.Step),
		process: C.uint32_t(a.Index), first: C.uint32_t(a.First), n_needs: C.uint32_t(len(a.Needs)), seconds: C.double(a.Seconds)}
	if again := a.Repeat; again != nil {
		out.repeat, out.bound, out.times = C.uint32_t(again.Op), C.int64_t(again.Bound), C.uint64_t(again.Times)
	}
	if a.Fresh {
		out.fresh = 1
	}
	counted := len(a.Needs) == 0 || a.First >= 0
	valued := a.Do == flux.DoDone && a.Value.Kind() != flux.KindNone
	if counted && !valued && len(a.Args) == 0 && len(a.Branches) == 0 && a.Failure == nil {
		return nil
	}
	var size pack
	room[C.theus_flux_arg](&size, len(a.Args))
	room[C.theus_flux](&size, len(a.Branches))
	for _, arg := range a.Args {
		size.text(arg.Name)
		sizeValue(&size, arg.Value)
	}
	if !counted {
		sizeNeeds(&size, a.Needs)
	}
	sizeValue(&size, a.Value)
	var failed [3]string
	if f := a.Failure; f != nil {
		failed = [3]string{strings.Join(f.Names, "\n"), f.Text, f.Place.String()}
		for _, text := range failed {
			size.text(text)
		}
	}
	branches, err := w.fork(a.Branches)
	if err != nil {
		return err
	}
	b := size.alloc()
	out.storage = C.theus_storage(b.start)
	args := take[C.theus_flux_arg](b, len(a.Args))
	out.args, out.n_args = unsafeFirst(args), C.size_t(len(args))
	runs := take[C.theus_flux](b, len(branches))
	out.branches, out.n_branches = unsafeFirst(runs), C.size_t(len(runs))
	for i, branch := range branches {
		runs[i] = C.theus_flux(branch.handle)
	}
	for i, arg := range a.Args {
		args[i].name = b.putText(arg.Name)
		args[i].value = putValue(b, arg.Value)
	}
	if !counted {
		out.needs = unsafeFirst(putNeeds(b, a.Needs))
	}
	out.value = putValue(b, a.Value)
	if a.Value.Truth() {
		out.value.flags |= C.THEUS_FLUX_TRUTH
	}
	out.failed, out.text, out.place = b.putText(failed[0]), b.putText(failed[1]), b.putText(failed[2])
	if a.Failure != nil {
		out.token = C.uint64_t(a.Failure.Token)
	}
	return nil
}

// fork opens the branches of a run: all of them, or none.
func (w *workflow) fork(branches []*flux.Run) ([]*workflow, error) {
	var all []*workflow
	for _, run := range branches {
		branch := &workflow{entry: w.entry, program: w.program, run: run}
		if err := workflows.add(branch); err != nil {
			for _, opened := range all {
				workflows.drop(opened.handle)
			}
			return nil, err
		}
		all = append(all, branch)
	}
	return all, nil
}
