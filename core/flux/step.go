package flux

import "github.com/theus-project/theus/core/path"

// action is what a step does; the words are those of the key flux.
type action string

const (
	doProcess  action = "process" // no word of its own
	doRun      action = "run"
	doIf       action = "if"
	doWhile    action = "while"
	doFor      action = "for"
	doCall     action = "call"
	doTry      action = "try"
	doRetry    action = "retry"
	doParallel action = "parallel"
	doAsk      action = "condition" // no word of its own: a question is nothing else
)

// step is a node of a checked workflow. It never changes.
type step struct {
	action action
	place  Place
	number int // in the program

	process string     // doProcess
	index   int        // doProcess: in the processes of the program
	args    []argument // doProcess

	tests  []*Condition // doIf: one for each of the bodies, but for that of else
	bodies [][]*step    // doIf, doParallel
	body   []*step      // doRun, doWhile, doFor, doTry, doRetry, doCall

	max      int       // doWhile: 0 is no bound of its own
	again    *Repeat   // doWhile: its test, if a host may make it and the body is one process; but for Times
	slot     int       // doFor: which variable
	catches  []handler // doTry
	finally  []*step   // doTry
	times    int       // doRetry
	backoff  float64   // doRetry: seconds before the second attempt
	on       []string  // doRetry
	workflow *workflow // doCall
}

// argument is a keyword argument of a process: a value, or an expression that gives it.
type argument struct {
	name  string
	value Value
	expr  *Condition
}

type handler struct {
	class string
	body  []*step
}

// workflow is a checked file.
type workflow struct {
	name  string
	steps []*step
}

// each visits steps and those inside them, those of called workflows too. A workflow is visited once.
func each(steps []*step, seen map[*workflow]bool, visit func(s *step)) {
	for _, s := range steps {
		visit(s)
		if s.workflow != nil {
			if !seen[s.workflow] {
				seen[s.workflow] = true
				each(s.workflow.steps, seen, visit)
			}
			continue
		}
		each(s.body, seen, visit)
		for _, body := range s.bodies {
			each(body, seen, visit)
		}
		for _, h := range s.catches {
			each(h.body, seen, visit)
		}
		each(s.finally, seen, visit)
	}
}

// conditions lists the expressions of a step itself.
func (s *step) conditions() []*Condition {
	var all []*Condition
	for _, t := range s.tests {
		if t != nil { // it was refused
			all = append(all, t)
		}
	}
	for _, a := range s.args {
		if a.expr != nil {
			all = append(all, a.expr)
		}
	}
	return all
}

// reads lists the paths that the conditions of a step name.
func (s *step) reads() []path.Path {
	var all []path.Path
	for _, c := range s.conditions() {
		all = append(all, c.Reads()...)
	}
	return all
}
