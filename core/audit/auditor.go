package audit

import (
	"sync"
	"sync/atomic"

	"github.com/theus-project/theus/core/fault"
)

// Options are the choices of an auditor. The zero value is the usual one.
type Options struct {
	Log int // how many events are held; 0 means DefaultLog
}

// Auditor judges the processes of one engine by a recipe that may be replaced while they run. Any
// number of goroutines may use it.
type Auditor struct {
	log     *Log
	rules   atomic.Pointer[ruleset]
	stopped atomic.Pointer[Event] // the cause of the interlock; nil if the engine runs

	mu sync.Mutex // protects counts, and the order of replacements; below it only that of the log
}

// ruleset is a recipe in force.
type ruleset struct {
	recipe     *Recipe
	generation uint64
	plans      map[string]*[gates]*Plan
	counters   map[identity]*counter
}

// New makes an auditor without rules.
func New(o Options) (*Auditor, error) {
	if o.Log < 0 || o.Log > maxLog {
		return nil, fault.New(fault.Invalid, "the audit log holds %d events; choose 1 to %d, or 0 for %d",
			o.Log, maxLog, DefaultLog)
	}
	if o.Log == 0 {
		o.Log = DefaultLog
	}
	a := &Auditor{log: newLog(o.Log)}
	a.rules.Store(&ruleset{})
	return a, nil
}

// Replace puts a recipe in force, all of it at once, and gives its generation. A rule whose
// identity was there before (process, gate, field, condition, limit) goes on with its count. Runs
// that have a plan go on with that one. A nil recipe has no rules.
func (a *Auditor) Replace(r *Recipe) uint64 {
	a.mu.Lock()
	defer a.mu.Unlock()
	old := a.rules.Load()
	fresh := &ruleset{
		recipe:     r,
		generation: old.generation + 1,
		plans:      make(map[string]*[gates]*Plan),
		counters:   make(map[identity]*counter),
	}
	for _, name := range r.Processes() {
		p := r.Process(name)
		for i := range p.Rules {
			id := p.Rules[i].identity()
			if c, ok := old.counters[id]; ok {
				fresh.counters[id] = c
			} else {
				fresh.counters[id] = new(counter)
			}
		}
		fresh.plans[name] = &[gates]*Plan{
			a.plan(p, Input, fresh.generation, fresh.counters),
			a.plan(p, Output, fresh.generation, fresh.counters),
		}
	}
	a.rules.Store(fresh)
	return fresh.generation
}

// Recipe gives the one in force; nil if there never was one.
func (a *Auditor) Recipe() *Recipe { return a.rules.Load().recipe }

// Generation counts the replacements.
func (a *Auditor) Generation() uint64 { return a.rules.Load().generation }

// Plan gives the gate of a process; nil if it has no rules there.
func (a *Auditor) Plan(process string, g Gate) *Plan {
	plans := a.rules.Load().plans[process]
	if plans == nil || g >= gates {
		return nil
	}
	return plans[g]
}

// Needs lists what Judge has to be handed, in this order.
func (a *Auditor) Needs(process string, g Gate) []Need { return a.Plan(process, g).Needs() }

// Judge is that of the plan in force. A host that may be overtaken by Replace between Needs and
// Judge holds on to the Plan instead.
func (a *Auditor) Judge(process string, g Gate, run *Run, values []Value) *Verdict {
	return a.Plan(process, g).Judge(run, values)
}

// Log holds the newest events.
func (a *Auditor) Log() *Log { return a.log }

// Stopped gives the violation of level S because of which nothing may run; nil if all may. The
// engine asks before each run.
func (a *Auditor) Stopped() *Event { return a.stopped.Load() }

// Reset ends the stop, and gives what had caused it; nil if there was none.
func (a *Auditor) Reset() *Event { return a.stopped.Swap(nil) }

// count changes the counts for what a gate found, and says what that comes to.
func (a *Auditor) count(p *Plan, run *Run, again bool, bad []violation) *Verdict {
	a.mu.Lock()
	defer a.mu.Unlock()
	v := &Verdict{Events: make([]Event, 0, len(bad))} // never grows: causes point into it
	for i := range p.rules {
		r := &p.rules[i]
		if len(bad) == 0 || bad[0].rule != i {
			if !again {
				r.counter.passLocked(r.Rule)
			}
			continue
		}
		found := &bad[0]
		bad = bad[1:]
		e := run.before(r.counter)
		if e == nil {
			v.Events = append(v.Events, a.violatedLocked(r, run, found))
			e = &v.Events[len(v.Events)-1]
			run.count(r.counter, e)
		} else if !r.Level.Refuses() {
			continue // it acted, and that was all
		}
		if e.Outcome == Acted && r.Level > v.Level {
			v.Level, v.Cause = r.Level, e
		}
	}
	if v.Level == 0 && len(v.Events) == 0 {
		return nil
	}
	if v.Level == Safety {
		stop := *v.Cause
		a.stopped.CompareAndSwap(nil, &stop)
	}
	return v
}

// violatedLocked counts a violation and puts it on record.
func (a *Auditor) violatedLocked(r *planned, run *Run, found *violation) Event {
	e := Event{Rule: r.Rule, Path: found.path, Value: found.value.String(), Stamp: run.stamp()}
	e.Outcome, e.Count = r.counter.violateLocked(r.Rule)
	if r.limit.check != nil {
		e.Value, _ = detailOf(found.shown)
		e.Text = e.checkText(found)
	} else {
		e.Text = e.text(found.why)
	}
	a.log.add(&e)
	return e
}
