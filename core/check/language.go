package check

import (
	"errors"

	"github.com/theus-project/theus/core/audit"
	"github.com/theus-project/theus/core/fault"
	"github.com/theus-project/theus/core/flux"
	"github.com/theus-project/theus/core/path"
)

// Language is that of flux. The zero value is ready, and any number of goroutines may use it.
type Language struct{}

var _ audit.Language = Language{}

// Compile checks a text.
func (Language) Compile(text string, open bool) (audit.Expression, error) {
	compile := flux.CompileOpen
	if !open {
		compile = func(text string) (*flux.Condition, error) { return flux.Compile(text) }
	}
	c, err := compile(text)
	if err != nil {
		return nil, malformed(err)
	}
	x := &expression{condition: c}
	for _, p := range c.Reads() {
		if len(p) > 0 && p[0].Name == "local" {
			return nil, &audit.Malformed{Text: "local belongs to one call of a process; a check reads domain and global"}
		}
		x.reads = append(x.reads, p)
	}
	for _, v := range c.Vars() {
		f, err := audit.ParseField(v)
		if err != nil {
			return nil, &audit.Malformed{Text: err.Error()}
		}
		x.needs = append(x.needs, audit.Need{Field: f, Ask: audit.AskPlace | audit.AskItems})
	}
	for _, n := range c.Needs() {
		x.needs = append(x.needs, need(n))
	}
	switch {
	case len(x.needs) > 0:
	case len(x.reads) == 0:
		return nil, &audit.Malformed{Text: "this check reads nothing, so it is always the same"}
	default: // nothing is certain; a gate asks for something all the same
		x.needs = append(x.needs, need(flux.Need{What: flux.Get, Path: x.reads[0]}))
	}
	return x, nil
}

func malformed(err error) error {
	m := &audit.Malformed{Text: err.Error()}
	if f, ok := errors.AsType[*fault.Error](err); ok {
		m.Text = f.Detail
	}
	if at, ok := errors.AsType[*flux.Mistake](err); ok {
		m.Line, m.Column = at.Line, at.Column
	}
	return m
}

// expression is a condition as an audit sees it.
type expression struct {
	condition *flux.Condition
	needs     []audit.Need // the variables, then what the condition needs first
	reads     []path.Path
}

func (x *expression) Needs() []audit.Need     { return x.needs }
func (x *expression) Reads() []path.Path      { return x.reads }
func (x *expression) Start() audit.Evaluation { return &evaluation{of: x} }

// evaluation is one that is under way. It begins with its first Step, when the variables are known.
type evaluation struct {
	of    *expression
	run   *flux.Evaluation
	asked []flux.Need
}

// Step takes the values of Needs at first.
func (e *evaluation) Step(values []audit.Value) audit.Answer {
	if e.run == nil {
		n := len(e.of.condition.Vars())
		vars := make([]flux.Value, n)
		for i := range vars {
			v := values[i]
			if v.Kind() == audit.Absent {
				return audit.Answer{Failed: "TypeError: there is no argument '" + e.of.condition.Vars()[i] + "'"}
			}
			var failed *flux.Failure
			if vars[i], failed = value(&v); failed != nil {
				return audit.Answer{Failed: said(failed)}
			}
		}
		e.run = e.of.condition.Start(vars...)
		answer := e.step(nil)
		if len(e.of.condition.Needs()) == 0 {
			return answer
		}
		values = values[n:]
	}
	return e.step(readings(e.asked, values))
}

func (e *evaluation) step(given []flux.Reading) audit.Answer {
	v, more, failed := e.run.Step(given)
	e.asked = more
	if failed != nil {
		return audit.Answer{Failed: said(failed)}
	}
	if len(more) > 0 {
		needs := make([]audit.Need, len(more))
		for i := range more {
			needs[i] = need(more[i])
		}
		return audit.Answer{Needs: needs}
	}
	return audit.Answer{True: v.Truth(), Shown: v.String()}
}

// said is a failure in words: its class and text, and the lines that point into the expression.
func said(f *flux.Failure) string { return f.Class() + ": " + f.Text }
