package main

// #include <stdlib.h>
// #include "theus.h"
import "C"

import (
	"sync"
	"unsafe"

	"github.com/theus-project/theus/core/audit"
	"github.com/theus-project/theus/core/check"
	"github.com/theus-project/theus/core/engine"
	"github.com/theus-project/theus/core/path"
	"github.com/theus-project/theus/core/registry"
)

// toRecipe reads a recipe; its texts stay the caller's, since loading keeps nothing of them.
func toRecipe(in C.theus_recipe_in) (r engine.Recipe, err error) {
	if in == nil {
		return r, missing("recipe")
	}
	if r.Name, err = clone(in.name); err != nil {
		return r, err
	}
	text, err := borrow(in.text)
	r.Text, r.Built, r.Checks = []byte(text), in.built != 0, check.Language{}
	return r, err
}

//export theus_audit_load
func theus_audit_load(handle C.theus_engine, in C.theus_recipe_in, failure *C.theus_error) C.theus_status {
	return call(anEngine, uint64(handle), failure, func(e *engine.Engine) error {
		recipe, err := toRecipe(in)
		if err != nil {
			return err
		}
		return e.LoadAudit(recipe)
	})
}

//export theus_audit_describe
func theus_audit_describe(in C.theus_recipe_in, out *C.theus_str, storage *C.theus_storage, failure *C.theus_error) C.theus_status {
	return call(nothing, 0, failure, func(*engine.Engine) error {
		if out == nil || storage == nil {
			return missing("out or storage")
		}
		r, err := toRecipe(in)
		if err != nil {
			return err
		}
		recipe, err := r.Load()
		if err != nil {
			return err
		}
		text := string(recipe.Describe())
		var p pack
		p.text(text)
		block := p.alloc()
		*out, *storage = block.putText(text), C.theus_storage(block.start)
		return nil
	})
}

//export theus_audit_plan
func theus_audit_plan(handle C.theus_engine, process C.theus_process, gate C.uint32_t, out *C.theus_plan, failure *C.theus_error) C.theus_status {
	return call(anEngine, uint64(handle), failure, func(e *engine.Engine) error {
		if out == nil {
			return missing("out")
		}
		plan, err := e.AuditPlan(registry.ID(process), toGate(gate))
		if err != nil {
			return err
		}
		*out = toPlan(plan)
		return nil
	})
}

// toGate keeps what is no gate from becoming one when it is cut to a byte.
func toGate(gate C.uint32_t) audit.Gate { return audit.Gate(min(gate, 255)) }

// toPlan lays a plan out in memory of C's.
func toPlan(plan engine.AuditPlan) C.theus_plan {
	out := C.theus_plan{generation: C.uint64_t(plan.Generation), root: toShape(plan.Root)}
	out.needs, out.storage = toNeeds(plan.Needs)
	out.n_needs = C.size_t(len(plan.Needs))
	return out
}

// toNeeds lays out what a host has to hand in.
func toNeeds(list []audit.Need) (*C.theus_need, C.theus_storage) {
	if len(list) == 0 {
		return nil, nil
	}
	var p pack
	room[C.theus_need](&p, len(list))
	for _, n := range list {
		room[C.theus_step](&p, len(n.Field.Steps))
		roomKey(&p, n.Key)
	}
	for _, n := range list {
		p.text(n.Field.Arg)
		p.text(n.Field.String())
		for k, s := range n.Field.Steps {
			p.text(nameOf(s, k))
		}
	}
	block := p.alloc()
	needs := take[C.theus_need](block, len(list))
	for i, n := range list {
		needs[i] = C.theus_need{n_steps: C.size_t(len(n.Field.Steps)), ask: C.uint32_t(n.Ask)}
		if steps := take[C.theus_step](block, len(n.Field.Steps)); len(steps) > 0 {
			needs[i].steps = &steps[0]
			for k, s := range n.Field.Steps {
				steps[k] = toStep(s)
			}
		}
		if n.Ask&audit.AskHas != 0 {
			needs[i].key = putKey(block, n.Key)
		}
	}
	for i, n := range list {
		needs[i].argument = block.putText(n.Field.Arg)
		needs[i].field = block.putText(n.Field.String())
		steps := borrowed(needs[i].steps, needs[i].n_steps)
		for k, s := range n.Field.Steps {
			steps[k].segment.text = block.putText(nameOf(s, k))
		}
	}
	return &needs[0], C.theus_storage(block.start)
}

// nameOf spells a step; the first of a field in the long way.
func nameOf(s audit.Step, at int) string {
	if at == 0 {
		return s.AtRoot().Name
	}
	return s.Name
}

// toStep lays a step out, but for its text.
func toStep(s audit.Step) (out C.theus_step) {
	out.segment.kind, out.segment.number = C.uint32_t(s.Kind), C.int64_t(s.Index)
	if s.Call {
		out.call = 1
	}
	return out
}

// scratch keeps the values of a gate from being allocated at each run.
var scratch = sync.Pool{New: func() any { return new([]audit.Value) }}

// giveBack keeps nothing of what the values held, nor the memory of a large gate.
func giveBack(values *[]audit.Value) {
	if cap(*values) > 256 {
		return
	}
	clear(*values)
	scratch.Put(values)
}

//export theus_audit_judge
func theus_audit_judge(handle C.theus_engine, process C.theus_process, tx C.theus_tx, gate C.uint32_t, generation C.uint64_t, stamp C.int64_t, first C.theus_values_in, count C.size_t, out *C.theus_judgement, failure *C.theus_error) C.theus_status {
	return call(anEngine, uint64(handle), failure, func(e *engine.Engine) error {
		if out == nil {
			return missing("out")
		}
		id, err := innerID(uint64(handle), uint64(tx))
		if err != nil {
			return err
		}
		few := scratch.Get().(*[]audit.Value)
		defer giveBack(few)
		values, err := toValues((*few)[:0], (*C.theus_value)(first), count, 0)
		if err != nil {
			return err
		}
		*few = values
		j, err := e.Judge(registry.ID(process), id, toGate(gate), uint64(generation), int64(stamp), uint64(out.run), values)
		if err != nil {
			return err
		}
		*out = C.theus_judgement{run: C.uint64_t(j.Run), events: C.uint32_t(j.Events), n_needs: C.size_t(len(j.Needs))}
		out.needs, out.storage = toNeeds(j.Needs)
		if j.Stale {
			out.stale = 1
		}
		return nil
	})
}

//export theus_audit_forget
func theus_audit_forget(handle C.theus_engine, run C.uint64_t, failure *C.theus_error) C.theus_status {
	return call(anEngine, uint64(handle), failure, func(e *engine.Engine) error {
		return e.ForgetRun(uint64(run))
	})
}

//export theus_audit_reset
func theus_audit_reset(handle C.theus_engine, stopped *C.uint32_t, failure *C.theus_error) C.theus_status {
	return call(anEngine, uint64(handle), failure, func(e *engine.Engine) error {
		if stopped == nil {
			return missing("stopped")
		}
		was, err := e.ResetInterlock()
		if err != nil {
			return err
		}
		*stopped = flag(was)
		return nil
	})
}

//export theus_audit_stopped
func theus_audit_stopped(handle C.theus_engine, stopped *C.uint32_t, failure *C.theus_error) C.theus_status {
	return call(anEngine, uint64(handle), failure, func(e *engine.Engine) error {
		if stopped == nil {
			return missing("stopped")
		}
		*stopped = flag(e.Auditor().Stopped() != nil)
		return nil
	})
}

//export theus_audit_log
func theus_audit_log(handle C.theus_engine, in C.theus_audit_query_in, out *C.theus_audit_events, failure *C.theus_error) C.theus_status {
	return call(anEngine, uint64(handle), failure, func(e *engine.Engine) error {
		if in == nil || out == nil {
			return missing("query or out")
		}
		q, err := toQuery(in)
		if err != nil {
			return err
		}
		log := e.Auditor().Log()
		*out = toEvents(log.Events(q))
		all, lost := log.Count()
		out.all, out.lost = C.uint64_t(all), C.uint64_t(lost)
		return nil
	})
}

func toQuery(in C.theus_audit_query_in) (q audit.Query, err error) {
	if q.Process, err = borrow(in.process); err != nil {
		return q, err
	}
	where, err := clone(in.path)
	if err != nil {
		return q, err
	}
	if where != "" {
		if q.Path, err = path.Parse(where); err != nil {
			return q, err
		}
	}
	q.Level, q.Outcome = audit.Level(min(in.level, 255)), audit.Outcome(min(in.outcome, 255))
	q.After, q.Most = uint64(in.after), int(min(in.most, maxLen))
	return q, nil
}

// texts are those of an event, in the order in which they are laid out.
func texts(e *audit.Event) [8]string {
	r := e.Rule
	return [8]string{r.Process, r.Field.String(), e.Path, r.Condition.String(), r.Limit.String(), e.Value, e.Text, r.Place.String()}
}

// toEvents lays events out in memory of C's.
func toEvents(events []audit.Event) (out C.theus_audit_events) {
	if len(events) == 0 {
		return out
	}
	var p pack
	room[C.theus_audit_event](&p, len(events))
	for i := range events {
		for _, text := range texts(&events[i]) {
			p.text(text)
		}
	}
	block := p.alloc()
	list := take[C.theus_audit_event](block, len(events))
	for i := range events {
		e := &events[i]
		var spans [8]C.theus_str
		for k, text := range texts(e) {
			spans[k] = block.putText(text)
		}
		list[i] = C.theus_audit_event{
			serial: C.uint64_t(e.Serial), stamp: C.int64_t(e.Stamp),
			gate: C.uint32_t(e.Rule.Gate), level: C.uint32_t(e.Rule.Level),
			outcome: C.uint32_t(e.Outcome), count: C.uint32_t(e.Count),
			process: spans[0], field: spans[1], path: spans[2], condition: spans[3],
			limit: spans[4], value: spans[5], text: spans[6], place: spans[7],
		}
	}
	out.events, out.n_events, out.storage = &list[0], C.size_t(len(list)), C.theus_storage(block.start)
	return out
}

//export theus_audit_release
func theus_audit_release(storage *C.theus_storage) {
	_ = call(nothing, 0, nil, func(*engine.Engine) error {
		if storage != nil {
			C.free(unsafe.Pointer(*storage))
			*storage = nil
		}
		return nil
	})
}
