package flux

import (
	"fmt"
	"slices"
	"sync/atomic"
)

// Options of a run.
type Options struct {
	// MaxLoops bounds the iterations of all loops together; 0 is DefaultMaxLoops.
	MaxLoops int
}

// Run is one run of a program: a stepper. It calls nobody and waits for nothing; it says what comes
// next, and the host does it. One goroutine at a time may step it; any may cancel it.
type Run struct {
	budget *budget
	cancel *atomic.Bool
	frames []frame
	vars   []Value
	depth  int         // of the step whose branch this is
	turns  int         // made since the host was last asked for something
	repeat Repeat      // that was offered last
	branch bool        // others spend the same budget
	value  Value       // of a question
	action Action      // that was handed out last
	eval   *Evaluation // that is going on, for the frame on top
	waits  Do          // for the answer to this; 0 before the first step
	delay  float64     // to sleep before the next step
	abort  bool        // the run was cancelled, and knows it
	end    *Action
}

// Start begins a run. Nothing happens before the first Step.
func (p *Program) Start(o Options) *Run {
	if o.MaxLoops <= 0 {
		o.MaxLoops = DefaultMaxLoops
	}
	r := &Run{budget: &budget{limit: int64(o.MaxLoops)}, cancel: new(atomic.Bool)}
	r.frames = []frame{{steps: p.main.steps}}
	return r
}

// Cancel ends the run at its next step, as an exception that nothing catches would: what stands
// under "finally" runs. Parallel branches end with it.
func (r *Run) Cancel() { r.cancel.Store(true) }

// Loops tells how many iterations the run has made.
func (r *Run) Loops() int { return int(min(r.budget.used.Load(), r.budget.limit)) }

// Holds reports whether the run may still end with the failure of a token. After an action that is
// no DoRead it never will with one that was caught.
func (r *Run) Holds(token uint64) bool {
	if r.end != nil && r.end.Failure != nil && r.end.Failure.Token == token {
		return true
	}
	for i := range r.frames {
		if f := r.frames[i].failure; f != nil && f.Token == token {
			return true
		}
		for _, b := range r.frames[i].branches {
			if b.Holds(token) {
				return true
			}
		}
	}
	return false
}

// Step takes the answer to the action before, and gives the next one. After DoDone and DoFail it
// gives the same again.
func (r *Run) Step(a Answer) Action { return *r.Next(&a) }

// Next is Step without copies: the action is good until the next one.
func (r *Run) Next(a *Answer) *Action {
	if r.end != nil {
		return r.end
	}
	waited := r.waits
	r.waits, r.turns = 0, 0
	readings, ahead := a.Readings, []Reading(nil)
	switch waited {
	case DoRun:
		r.repeated(a.Turns)
		readings, ahead = nil, readings
		if a.Failure != nil {
			f := *a.Failure
			if f.Place == (Place{}) {
				f.Place = r.place()
			}
			r.pop()
			r.fail(&f)
		} else {
			r.pop()
		}
	case DoFork:
		r.join()
	}
	act := r.advance(readings, ahead)
	r.waits = act.Do
	if act.Do == DoDone || act.Do == DoFail {
		end := *act
		r.end = &end
	}
	return act
}

// maxTurns is after how much work of its own a run lets the host breathe.
const maxTurns = 10_000

// advance runs until the host must do something. readings are for the evaluation that goes on; ahead
// for the one that begins next.
func (r *Run) advance(readings, ahead []Reading) *Action {
	for {
		if !r.abort && r.cancel.Load() {
			r.abort, r.eval, r.delay, readings, ahead = true, nil, 0, nil, nil
			r.fail(&Failure{Names: []string{"CancelledError", "BaseException"}, Text: "the workflow was cancelled", Abort: true, Place: r.place()})
		}
		if r.end != nil {
			return r.end
		}
		if r.eval != nil {
			v, needs, failure := r.eval.Step(readings)
			readings = nil
			known := r.eval.pulls == 1 && len(r.eval.cond.needs) > 0
			switch {
			case known && len(ahead) == len(needs):
				readings, ahead = ahead, nil
			case len(needs) > 0:
				act := r.act(DoRead)
				act.Needs, act.First, act.Fresh = needs, r.eval.number(), r.eval.pulls == 1
				return act
			case failure != nil:
				r.eval = nil
				failure.Place = r.place()
				r.fail(failure)
			case r.top().step.action != doProcess && r.top().step.action != doFor && v.doubtful() != nil:
				failure = r.eval.failure(v.doubtful(), 0)
				r.eval = nil
				failure.Place = r.place()
				r.fail(failure)
			default:
				r.eval = nil
				r.got(v)
			}
			continue
		}
		if r.turns++; r.turns > maxTurns {
			return r.act(DoSleep)
		}
		if r.delay > 0 {
			act := r.act(DoSleep)
			act.Seconds = r.delay
			r.delay = 0
			return act
		}
		if len(r.frames) == 0 {
			return &Action{Do: DoDone, Depth: r.depth, Step: -1, First: -1, Value: r.value}
		}
		top := r.top()
		switch {
		case top.next < len(top.steps):
			top.next++
			r.begin(top.steps[top.next-1])
		case top.step == nil:
			r.pop()
		case top.step.action == doProcess && top.count == len(top.step.args):
			act := r.act(DoRun)
			act.Process, act.Index, act.Args = top.step.process, top.step.index, top.args
			r.ahead(act)
			return act
		case top.step.action == doParallel && top.branches != nil:
			act := r.act(DoFork)
			act.Branches = top.branches
			return act
		default:
			r.turn(top)
		}
	}
}

// act makes the action of the step on top.
func (r *Run) act(do Do) *Action {
	a := &r.action
	*a = Action{Do: do, Depth: r.depth + len(r.frames) - 2, Step: -1, First: -1}
	if s := r.top().step; s != nil {
		a.Place, a.Step = s.place, s.number
	}
	return a
}

// ahead adds what the test needs that comes after the process on top, if one does.
func (r *Run) ahead(a *Action) {
	around := &r.frames[len(r.frames)-2]
	var test *Condition
	switch {
	case around.next < len(around.steps):
		if next := around.steps[around.next]; next.action == doWhile || next.action == doIf {
			test = next.tests[0]
		}
	case around.step != nil && around.step.action == doWhile:
		test = around.step.tests[0]
	}
	if test != nil && len(test.needs) > 0 {
		a.Needs, a.First = test.needs, test.base
	}
	if around.next == len(around.steps) {
		a.Repeat = r.offer(around)
	}
}

// offer lets the host go round a loop that does nothing but run the process on top.
func (r *Run) offer(around *frame) *Repeat {
	s := around.step
	if s == nil || s.action != doWhile || s.again == nil || r.branch || len(r.top().step.args) > 0 {
		return nil
	}
	left := r.budget.limit - r.budget.used.Load()
	if s.max > 0 {
		left = min(left, int64(s.max-around.count))
	}
	if left <= 0 {
		return nil
	}
	r.repeat = *s.again
	r.repeat.Times = left
	return &r.repeat
}

// repeated counts the turns that the host went by itself.
func (r *Run) repeated(turns int64) {
	turns = min(turns, r.repeat.Times)
	r.repeat.Times = 0
	if turns > 0 {
		r.budget.used.Add(turns)
		r.frames[len(r.frames)-2].count += int(turns)
	}
}

func (r *Run) top() *frame { return &r.frames[len(r.frames)-1] }

// pop ends the frame on top, and the scope of its loop with it.
func (r *Run) pop() {
	r.vars = r.top().vars
	r.frames[len(r.frames)-1] = frame{}
	r.frames = r.frames[:len(r.frames)-1]
}

// place is that of the innermost step.
func (r *Run) place() Place {
	if len(r.frames) == 0 || r.top().step == nil {
		return Place{}
	}
	return r.top().step.place
}

// begin pushes the frame of a step.
func (r *Run) begin(s *step) {
	r.frames = append(r.frames, frame{step: s, vars: r.vars})
	top := r.top()
	switch s.action {
	case doRun, doTry, doRetry:
		top.steps = s.body
		top.count = 1
	case doCall:
		if failure := r.budget.count(s.action, s.place); failure != nil {
			r.fail(failure)
			return
		}
		top.steps, r.vars = s.body, nil
	case doParallel:
		for _, body := range s.bodies {
			top.branches = append(top.branches, &Run{
				budget: r.budget, cancel: r.cancel, branch: true, depth: r.depth + len(r.frames) - 1,
				vars: slices.Clone(r.vars), frames: []frame{{steps: body, vars: r.vars}},
			})
		}
		if len(top.branches) == 0 {
			r.pop()
		}
	case doFor:
		if len(s.tests) == 0 {
			top.items = s.args[0].value.Items()
			r.item(top)
			return
		}
		r.eval = s.tests[0].Start(r.vars...)
	case doAsk:
		r.eval = s.tests[0].Start()
	case doIf, doWhile, doProcess:
		r.turn(top)
	}
}

// turn goes on with a step whose steps have all been run, or that has none of its own.
func (r *Run) turn(top *frame) {
	s := top.step
	switch s.action {
	case doWhile:
		if top.eval == nil {
			top.eval = s.tests[0].Start(r.vars...)
		} else {
			top.eval.again(r.vars)
		}
		r.eval = top.eval
	case doFor:
		r.item(top)
	case doIf:
		switch {
		case top.steps != nil || top.count > len(s.bodies) || top.count == len(s.bodies):
			r.pop()
		case top.count == len(s.tests): // else
			top.steps = s.bodies[top.count]
			top.count = len(s.bodies)
		default:
			r.eval = s.tests[top.count].Start(r.vars...)
		}
	case doProcess:
		for top.count < len(s.args) {
			a := s.args[top.count]
			if a.expr != nil {
				r.eval = a.expr.Start(r.vars...)
				return
			}
			top.args = append(top.args, Arg{a.name, a.value})
			top.count++
		}
	case doTry:
		if top.phase != inFinally && len(s.finally) > 0 {
			top.phase, top.steps, top.next = inFinally, s.finally, 0
			return
		}
		failure := top.failure
		r.pop()
		if failure != nil {
			r.fail(failure)
		}
	default:
		r.pop()
	}
}

// got takes the value of an evaluation to the step that wanted it.
func (r *Run) got(v Value) {
	top := r.top()
	s := top.step
	switch s.action {
	case doAsk:
		r.value = v
		r.pop()
	case doIf:
		if v.Truth() {
			top.steps, top.count = s.bodies[top.count], len(s.bodies)
		} else {
			top.count++
		}
	case doWhile:
		if !v.Truth() {
			r.pop()
			return
		}
		if top.count++; s.max > 0 && top.count > s.max {
			r.fail(tripped(s.place, "Safety Trip: the loop at %s was stopped: its max is %d iterations\n"+
				"  fix:           mend its condition, or raise its max", s.place, s.max))
			return
		}
		r.iterate(top)
	case doFor:
		top.items = v.Items()
		r.item(top)
	case doProcess:
		top.args = append(top.args, Arg{s.args[top.count].name, v})
		top.count++
		r.turn(top)
	}
}

// item begins the next turn of a for, or ends it.
func (r *Run) item(top *frame) {
	if top.count == len(top.items) {
		r.pop()
		return
	}
	r.vars = append(slices.Clip(top.vars), top.items[top.count])
	top.count++
	r.iterate(top)
}

// iterate runs the body of a loop once more, if the budget allows.
func (r *Run) iterate(top *frame) {
	if failure := r.budget.count(top.step.action, top.step.place); failure != nil {
		r.fail(failure)
		return
	}
	top.steps, top.next = top.step.body, 0
}

// fail unwinds the frames to what catches a failure, tries again or cleans up.
func (r *Run) fail(f *Failure) {
	for len(r.frames) > 0 {
		top := r.top()
		s := top.step
		switch {
		case s == nil:
		case s.action == doTry && top.phase != inFinally:
			r.vars = top.vars
			if i := slices.IndexFunc(s.catches, func(h handler) bool { return f.is(h.class) }); top.phase == inBody && !f.Abort && i >= 0 {
				top.phase, top.steps, top.next = inCatch, s.catches[i].body, 0
				return
			}
			if len(s.finally) > 0 {
				top.phase, top.steps, top.next, top.failure = inFinally, s.finally, 0, f
				return
			}
		case s.action == doRetry && !f.Abort && f.is(s.on...) && top.count < s.times:
			if tripped := r.budget.count(s.action, s.place); tripped != nil {
				f = tripped
				break
			}
			r.vars = top.vars
			r.delay = s.backoff * float64(int(1)<<min(top.count-1, 20))
			top.count++
			top.steps, top.next = s.body, 0
			return
		}
		r.pop()
	}
	r.end = &Action{Do: DoFail, Depth: r.depth, Failure: f, Place: f.Place, Step: -1, First: -1}
}

// join looks how the branches ended.
func (r *Run) join() {
	branches := r.top().branches
	for i, b := range branches {
		if b.end == nil {
			at := r.place()
			r.pop()
			r.fail(&Failure{Names: names("RuntimeError"), Abort: true, Place: at,
				Text: fmt.Sprintf("branch %d was not driven to its end by the host", i)})
			return
		}
	}
	r.pop()
	for _, b := range branches {
		if b.end.Do == DoFail {
			r.abort = r.abort || b.abort // it is what cancelling does here too: once
			r.fail(b.end.Failure)
			return
		}
	}
}
