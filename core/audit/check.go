package audit

import (
	"errors"
	"strings"

	"gopkg.in/yaml.v3"

	"github.com/theus-project/theus/core/path"
)

// A check is a rule across fields: an expression that must be true.
//
//	outputs:
//	  - {check: "domain.reserves >= sum(domain.accounts.values())", level: B}
//
// It has no field: the expression names what it looks at. Which language it is written in, this
// package does not know; it says below what it needs of one.

// Language compiles expressions. core/check joins one to this package.
type Language interface {
	// Compile checks a text. If it is open, names that are nothing else are arguments of the
	// process. The error is a *Malformed.
	Compile(text string, open bool) (Expression, error)
}

// Expression is a compiled text. It never changes, so any number of goroutines may use it.
type Expression interface {
	// Needs lists what every evaluation is handed first.
	Needs() []Need
	// Reads lists the places that the text names.
	Reads() []path.Path
	// Start begins an evaluation.
	Start() Evaluation
}

// Evaluation is one evaluation of an expression, by one goroutine. The same values give the same
// answers.
type Evaluation interface {
	// Step goes on with the values of Needs, and after that with those of the answer before.
	Step(values []Value) Answer
}

// Answer is what an evaluation comes to, or what it lacks.
type Answer struct {
	Needs  []Need // it wants these and comes to nothing yet
	Failed string // it raised: the error, and the place in the text in lines of their own
	True   bool   // as Python has it
	Shown  string // the value as Python shows it
}

// Malformed says what is wrong with an expression. It is an error of Language.Compile.
type Malformed struct {
	Line, Column int // in the text, from 1
	Text         string
}

var _ error = (*Malformed)(nil)

func (m *Malformed) Error() string { return m.Text }

// maxRounds bounds how often one evaluation may ask for more.
const maxRounds = 64

// maxCheck bounds the text of an expression.
const maxCheck = 10_000

// compile makes the limit of a check; a *Malformed says why it is none.
func compile(l Language, text string, g Gate) (limit, *Malformed) {
	switch {
	case l == nil:
		return limit{}, &Malformed{Text: "this kernel was built without a language for checks"}
	case len(text) > maxCheck:
		return limit{}, &Malformed{Text: "this expression is too long; let a process compute it"}
	}
	x, err := l.Compile(text, g == Input)
	if m, ok := errors.AsType[*Malformed](err); ok {
		return limit{}, m
	} else if err != nil {
		return limit{}, &Malformed{Text: err.Error()}
	}
	return limit{value: StringValue(text), check: x}, nil
}

// check reads the expression of a rule. The place of a mistake is exact where the text stands on
// one line as it is; elsewhere the message has the column.
func (r *reader) check(base *Rule, n *yaml.Node) bool {
	text, ok := r.text(n, "an expression, like domain.reserves >= 0,")
	if !ok {
		return false
	}
	l, wrong := compile(r.language, text, base.Gate)
	if wrong == nil {
		base.Limit, base.limit = l.value, l
		base.name = text
		return true
	}
	at, t := r.at(n), target(n)
	switch {
	case wrong.Column == 0 || at.Line == 0 || t != n:
		r.report.add(at, "check: %s", wrong.Text)
	case t.Style&(yaml.LiteralStyle|yaml.FoldedStyle) != 0 || strings.Contains(text, "\n"):
		r.report.add(at, "check, line %d, column %d of the expression: %s", wrong.Line, wrong.Column, wrong.Text)
	default:
		at.Column += wrong.Column - 1
		if t.Style&(yaml.SingleQuotedStyle|yaml.DoubleQuotedStyle) != 0 {
			at.Column++
		}
		r.report.add(at, "check: %s", wrong.Text)
	}
	return false
}

// checking is an evaluation under way at a gate.
type checking struct {
	rule   int
	run    Evaluation
	wants  int // values
	answer Answer
}

// checks evaluates the checks of a gate as far as the values go: those of the plan, then those of
// every answer before, in the order in which they were asked for. If some lack values, it gives
// what to ask for next.
func (p *Plan) checks(values []Value) (done []checking, more []Need) {
	for i := range p.rules {
		if r := &p.rules[i]; r.limit.check != nil {
			done = append(done, checking{rule: i, run: r.limit.check.Start()})
		}
	}
	given := func(at int) Value {
		if at < len(values) {
			return values[at]
		}
		return AbsentValue()
	}
	for i := range done {
		var first []Value
		for _, at := range p.rules[done[i].rule].needs {
			first = append(first, given(at))
		}
		done[i].step(first)
	}
	rest := values[min(len(p.needs), len(values)):]
	for round := 0; ; round++ {
		more = nil
		for i := range done {
			if round == maxRounds && done[i].wants > 0 {
				done[i].wants = 0
				done[i].answer = Answer{Failed: "it takes more rounds of reading than a check may; let a process compute it"}
			}
			if done[i].wants > 0 {
				more = append(more, done[i].answer.Needs...)
			}
		}
		if len(more) == 0 || len(rest) < len(more) {
			return done, more
		}
		for i := range done {
			if n := done[i].wants; n > 0 {
				next := rest[:n]
				rest = rest[n:]
				done[i].step(next)
			}
		}
	}
}

func (c *checking) step(values []Value) {
	c.answer = c.run.Step(values)
	c.wants = len(c.answer.Needs)
}

// violation of a check; nil if it holds.
func (c *checking) violation(r *planned, values []Value) *violation {
	v := &violation{rule: c.rule, why: fails, path: r.where(), shown: c.answer.Shown}
	switch {
	case c.wants > 0:
		v.why, v.shown = noFact, "unknown"
	case c.answer.Failed != "":
		v.why, v.shown = hasRaised, c.answer.Failed
	case c.answer.True:
		return nil
	default:
		v.read = r.read(values)
	}
	return v
}

// where is the first place that the text of a check names.
func (r *Rule) where() string {
	if places := r.limit.check.Reads(); len(places) > 0 {
		return places[0].String()
	}
	return ""
}

// maxRead is how many of the values that a check read a message tells.
const maxRead = 4

// read tells the scalars among the first values of a check.
func (r *planned) read(values []Value) string {
	var b strings.Builder
	told := 0
	for i, at := range r.needs {
		if at >= len(values) || told == maxRead || values[at].kind < Null || values[at].kind > Bytes {
			continue
		}
		told++
		b.WriteString("; " + r.limit.check.Needs()[i].Field.String() + " is " + values[at].String())
	}
	return b.String()
}

// oneLine makes an expression fit a message.
func oneLine(text string) string {
	return shorten(strings.Join(strings.Split(text, "\n"), " "), 4*maxShown)
}

// detailOf gives the first line of an error of an evaluation, and the lines after it.
func detailOf(failed string) (first, rest string) {
	first, rest, found := strings.Cut(failed, "\n")
	if found {
		rest = "\n" + rest
	}
	return first, rest
}
