package flux

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"go.starlark.net/starlark"

	"github.com/theus-project/theus/core/fault"
	"github.com/theus-project/theus/core/path"
)

const (
	// Bounds of one evaluation, with all its attempts.
	maxSteps = 2_000_000  // of Starlark
	maxSpent = 16_000_000 // characters, items, comparisons and words of numbers in our builtins
	maxPulls = 1_000      // attempts
	maxAhead = 4096       // values asked for at once before they are needed
)

// Condition is a compiled expression. It never changes, so any number of goroutines may evaluate it.
type Condition struct {
	text    string
	vars    []string
	fn      *starlark.Function
	slots   []slot
	first   []question // what every evaluation needs
	needs   []Need     // the same, for the host
	later   []Need     // these, and those of the other slots
	base    int        // number of the first of them in the program
	numbers []int      // of the slots, in later
	quick   *quick     // nil: it takes the interpreter
}

// Compile checks an expression, in which vars are the names of loop variables. The error is a
// fault.Invalid that shows the text and points into it.
func Compile(text string, vars ...string) (*Condition, error) {
	c, _, err := compileFor(text, vars, Get)
	if err != nil {
		return nil, mistake(text, err)
	}
	return c, nil
}

// CompileOpen is Compile for an expression whose variables nobody has listed: each name that is
// neither state nor a function is one. Vars lists them.
func CompileOpen(text string) (*Condition, error) {
	c, _, err := compileWith(&translator{open: true}, text, nil, Get)
	if err != nil {
		return nil, mistake(text, err)
	}
	return c, nil
}

// Mistake is what is wrong with an expression: the cause of the fault that Compile gives.
type Mistake struct {
	Line, Column int // in the text, from 1
	Text         string
}

// Error is what is wrong, without the place.
func (m *Mistake) Error() string { return m.Text }

func mistake(text string, err *syntaxError) error {
	m := &Mistake{strings.Count(text[:min(err.at, len(text))], "\n") + 1, column(text, err.at), err.text}
	return &fault.Error{
		Kind: fault.Invalid, Detail: err.text, Err: m,
		Text: fmt.Sprintf("column %d: %s", m.Column, err.text) + pointer(text, err.at, ""),
	}
}

func compileFor(source string, vars []string, what What) (*Condition, expr, *syntaxError) {
	return compileWith(new(translator), source, vars, what)
}

func compileWith(t *translator, source string, vars []string, what What) (*Condition, expr, *syntaxError) {
	x, wrong := parseExpr(source)
	if wrong != nil {
		return nil, nil, wrong
	}
	file, slots, wrong := t.translate(x, vars, what)
	if wrong != nil {
		return nil, nil, wrong
	}
	fn, err := compile(file)
	if err != nil {
		return nil, nil, fail(0, "%s", err)
	}
	c := &Condition{text: source, vars: t.scopes[0], fn: fn, slots: slots}
	if what == Get {
		c.quick = c.shorten(x)
	}
	c.numbers = make([]int, len(slots))
	for i, s := range slots {
		if s.first {
			c.numbers[i] = len(c.needs)
			c.first = append(c.first, question{s.need, i})
			c.needs = append(c.needs, s.need)
		}
	}
	c.later = slices.Clip(c.needs)
	for i, s := range slots {
		if !s.first && s.need.What != walk {
			c.numbers[i] = len(c.later)
			c.later = append(c.later, s.need)
		}
	}
	return c, x, nil
}

// String gives the text of the user.
func (c *Condition) String() string { return c.text }

// Reads lists the paths that the text tells. Below each of them, and only there, an evaluation may
// read as well.
func (c *Condition) Reads() []path.Path {
	var all []path.Path
	for _, s := range c.slots {
		all = append(all, s.need.Path)
	}
	return all
}

// Needs lists what every evaluation asks for first, if it asks for anything that is certain.
func (c *Condition) Needs() []Need { return c.needs }

// Vars lists the variables, in the order in which Start wants their values.
func (c *Condition) Vars() []string { return c.vars }

// Evaluation is one evaluation of a condition: a stepper that asks for the values it needs.
type Evaluation struct {
	cond    *Condition
	thread  starlark.Thread
	args    starlark.Tuple // the evaluation itself and the loop variables
	static  []answer       // by slot
	dynamic map[string]answer
	asked   []question
	sizes   map[string]int // of the containers whose items are known, by path
	doubts  []*doubt       // of what was read
	spent   int
	pulls   int
}

var _ starlark.Value = (*Evaluation)(nil) // the first argument of every builtin

func (e *Evaluation) String() string        { return "@env" }
func (e *Evaluation) Type() string          { return "@env" }
func (e *Evaluation) Freeze()               {}
func (e *Evaluation) Truth() starlark.Bool  { return true }
func (e *Evaluation) Hash() (uint32, error) { return 0, raise("TypeError", "unhashable") }

type answer struct {
	value   starlark.Value // nil: not asked yet
	failure *Failure
}

// question is a need and the slot that waits for it, or -1.
type question struct {
	need Need
	slot int
}

// errPull ends an attempt of an evaluation that lacks a value; it starts again with it.
var errPull = errors.New("a value is needed")

// Start begins an evaluation. vars are the values of the loop variables, in the order of Compile.
func (c *Condition) Start(vars ...Value) *Evaluation {
	e := &Evaluation{cond: c, static: make([]answer, len(c.slots))}
	e.args = append(starlark.Tuple{e}, plain(vars)...)
	e.restart()
	return e
}

// again makes e an evaluation that begins.
func (e *Evaluation) again(vars []Value) {
	clear(e.static)
	clear(e.dynamic)
	clear(e.sizes)
	e.restart()
	for i, v := range vars {
		e.args[i+1] = v.starlark()
	}
}

func (e *Evaluation) restart() {
	e.doubts = e.doubts[:0]
	e.asked, e.pulls, e.spent, e.thread.Steps = e.asked[:0], 0, 0, 0
	e.thread.Uncancel()
	e.thread.SetMaxExecutionSteps(maxSteps)
}

// Step goes on: with no readings at first, then with one for each need it was asked for. It gives
// needs, a failure, or the value. The text of a failure shows the condition and points into it.
func (e *Evaluation) Step(readings []Reading) (Value, []Need, *Failure) {
	if len(readings) != len(e.asked) {
		return Value{}, nil, &Failure{Names: names("RuntimeError"),
			Text: fmt.Sprintf("%d values were needed and %d given", len(e.asked), len(readings))}
	}
	for i, q := range e.asked {
		a := answer{readings[i].locate(q.need), readings[i].Failure}
		e.doubts = doubts(a.value, e.doubts)
		if list, ok := a.value.(starlark.Indexable); ok && q.need.What == Items {
			if e.sizes == nil {
				e.sizes = make(map[string]int)
			}
			e.sizes[q.need.Path.String()] = list.Len()
		}
		if q.slot >= 0 {
			e.static[q.slot] = a
			continue
		}
		if e.dynamic == nil {
			e.dynamic = make(map[string]answer)
		}
		e.dynamic[q.need.id()] = a
	}
	e.asked = e.asked[:0]
	if e.pulls++; e.pulls == 1 && len(e.cond.first) > 0 {
		e.asked = append(e.asked, e.cond.first...)
		return Value{}, e.cond.needs, nil
	}
	if e.pulls > maxPulls {
		return Value{}, nil, e.failure(raise("FluxLimitError",
			"this takes more than %d rounds of reading; let a process compute it", maxPulls), 0)
	}
	return e.attempt()
}

// number is that of the first need that is asked for, if the others follow it; or -1.
func (e *Evaluation) number() int {
	switch {
	case e.pulls == 1 && len(e.cond.first) > 0:
		return e.cond.base
	case len(e.asked) == 1 && e.asked[0].slot >= 0:
		return e.cond.base + e.cond.numbers[e.asked[0].slot]
	}
	return -1
}

func (e *Evaluation) needs() []Need {
	all := make([]Need, len(e.asked))
	for i, q := range e.asked {
		all[i] = q.need
	}
	return all
}

func (e *Evaluation) attempt() (Value, []Need, *Failure) {
	if q := e.cond.quick; q != nil {
		v := q.value(e)
		if len(e.asked) > 0 {
			return Value{}, e.needs(), nil
		}
		if v != nil {
			return Value{v}, nil, nil
		}
	}
	v, err := starlark.Call(&e.thread, e.cond.fn, e.args, nil)
	if len(e.asked) > 0 {
		return Value{}, e.needs(), nil
	}
	for _, d := range e.doubts {
		if d.asked {
			return Value{}, nil, e.failure(d.why, 0)
		}
	}
	if err == nil {
		return Value{v}, nil, nil
	}
	at := 0
	var trace *starlark.EvalError
	if errors.As(err, &trace) {
		for i := range trace.CallStack {
			if frame := trace.CallStack.At(i); frame.Pos.Col > 0 {
				at = int(frame.Pos.Col) - 1
				break
			}
		}
	}
	return Value{}, nil, e.failure(err, at)
}

// failure tells what went wrong at a place of the condition.
func (e *Evaluation) failure(err error, at int) *Failure {
	var host *Failure
	if errors.As(err, &host) {
		f := *host
		f.Text += pointer(e.cond.text, at, "")
		return &f
	}
	var r *raised
	if !errors.As(err, &r) {
		r = raise("ValueError", "%s", err)
		if e.thread.Steps >= maxSteps {
			r = tooMuch()
		}
	}
	return &Failure{Names: names(r.class), Text: r.text + pointer(e.cond.text, at, "")}
}

func tooMuch() *raised {
	return raise("FluxLimitError", "this takes too much work for a condition; let a process compute it")
}

// spend counts work and memory before they are spent.
func (e *Evaluation) spend(n int) error {
	if n < 0 || n > maxSpent-e.spent {
		return tooMuch()
	}
	e.spent += n
	return nil
}

// ask gives the answer to a need, or notes it down.
func (e *Evaluation) ask(n Need, slot int) (starlark.Value, error) {
	var a answer
	if slot >= 0 {
		a = e.static[slot]
	} else {
		a = e.dynamic[n.id()]
	}
	switch {
	case a.failure != nil:
		return nil, a.failure
	case a.value == nil:
		e.asked = append(e.asked, question{n, slot})
		e.ahead(n)
		return nil, errPull
	}
	return a.value, nil
}

// ahead asks for what the next turns of a loop will want, beside n, which this turn wants: twice as
// many in each attempt, so that a loop over many objects takes few. What they fail with is raised
// only where it is really read.
func (e *Evaluation) ahead(n Need) {
	for at := len(n.Path) - 1; at > 0 && len(e.sizes) > 0; at-- {
		if n.Path[at].Kind != path.Int || n.Path[at].Index < 0 {
			continue
		}
		size, looped := e.sizes[n.Path[:at].String()]
		if !looped {
			continue
		}
		last := min(int64(size)-1, n.Path[at].Index+min(int64(1)<<min(e.pulls, 12), maxAhead))
		for i := n.Path[at].Index + 1; i <= last; i++ {
			next := n
			next.Path = slices.Clone(n.Path)
			next.Path[at].Index = i
			if _, known := e.dynamic[next.id()]; !known {
				e.asked = append(e.asked, question{next, -1})
			}
		}
		return
	}
}

// contents gives what a place holds, and everything else as it is.
func (e *Evaluation) contents(v starlark.Value) (starlark.Value, error) {
	p, ok := v.(*place)
	if !ok {
		return e.settle(v)
	}
	if p.known && p.kind == KindObject {
		return v, nil
	}
	if p.path == nil {
		return nil, raise("TypeError", "what is inside a set cannot be looked into")
	}
	v, err := e.ask(Need{What: Items, Path: p.path}, -1)
	if err != nil {
		return nil, err
	}
	return e.settle(v)
}

// settle makes dicts and sets of what the host gave as such.
func (e *Evaluation) settle(v starlark.Value) (starlark.Value, error) {
	switch v := v.(type) {
	case *entries:
		if err := e.spend(len(v.keys)); err != nil {
			return nil, err
		}
		return e.makeDict(len(v.keys), func(i int) (key, value starlark.Value) { return v.keys[i], v.values[i] })
	case *bag:
		if v.kind == KindSet {
			if err := e.spend(len(v.list)); err != nil {
				return nil, err
			}
			return e.makeSet(v.list)
		}
	}
	return v, nil
}

// column counts characters from 1, in the line of the text that holds a byte offset.
func column(text string, at int) int {
	at = min(at, len(text))
	return utf8.RuneCountInString(text[strings.LastIndexByte(text[:at], '\n')+1:at]) + 1
}

// pointer shows a line of a condition with a mark under a place.
func pointer(text string, at int, indent string) string {
	at = min(at, len(text))
	start := strings.LastIndexByte(text[:at], '\n') + 1
	line, _, _ := strings.Cut(text[start:], "\n")
	before := utf8.RuneCountInString(text[start:at])
	if runes := []rune(line); len(runes) > 120 {
		from := max(0, before-60)
		line, before = string(runes[from:min(len(runes), from+120)]), before-from
	}
	for _, r := range line {
		if !strconv.IsPrint(r) {
			return "\n  " + indent + strconv.Quote(line)
		}
	}
	return "\n  " + indent + line + "\n  " + indent + strings.Repeat(" ", before) + "^"
}
