package audit

import (
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"testing"

	"github.com/cockroachdb/datadriven"
	"github.com/stretchr/testify/require"

	"github.com/theus-project/theus/core/fault"
)

// The scripts of testdata are the specification: what they show is what happens. Run with
// -rewrite to write down what does, then read the difference.
func TestScripts(t *testing.T) {
	files, err := filepath.Glob("testdata/*.txt")
	require.NoError(t, err)
	require.NotEmpty(t, files)
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".txt"), func(t *testing.T) {
			w := newWorld(t)
			datadriven.RunTest(t, file, func(t *testing.T, d *datadriven.TestData) string {
				return strings.TrimSuffix(w.directive(t, d), "\n") + "\n"
			})
		})
	}
}

// world is an auditor and the runs that a script speaks of.
type world struct {
	auditor *Auditor
	runs    map[string]*Run
}

func newWorld(t testing.TB) *world {
	a, err := New(Options{Log: 8})
	require.NoError(t, err)
	return &world{a, make(map[string]*Run)}
}

func (w *world) directive(t *testing.T, d *datadriven.TestData) string {
	switch d.Cmd {
	case "load":
		recipe, err := Load("recipe.yaml", []byte(d.Input))
		if err != nil {
			return errorText(err)
		}
		w.auditor.Replace(recipe)
		return show(recipe)
	case "judge":
		return w.judge(t, d)
	case "needs":
		var out strings.Builder
		for _, g := range []Gate{Input, Output} {
			for _, n := range w.auditor.Needs(argument(d, "process"), g) {
				fmt.Fprintf(&out, "%s: %s%s, %s\n", g, n.Field, argNote(n.Field), askWords(n.Ask))
			}
		}
		return out.String()
	case "log":
		return w.log(t, d)
	case "stopped":
		if e := w.auditor.Stopped(); e != nil {
			return e.Text
		}
		return "no"
	case "reset":
		w.auditor.Reset()
		return "ok"
	default:
		t.Fatalf("%q is no directive", d.Cmd)
		return ""
	}
}

// judge hands in what each line says, "field = value"; wildcards have a line for each value.
func (w *world) judge(t *testing.T, d *datadriven.TestData) string {
	gate := Output
	if argument(d, "gate") == "input" {
		gate = Input
	}
	run := new(Run)
	if name := argument(d, "run"); name != "" {
		if w.runs[name] == nil {
			w.runs[name] = run
		}
		run = w.runs[name]
	}
	said := make(map[string]Value)
	each := make(map[string][]Item)
	for line := range strings.Lines(d.Input) {
		where, text, _ := strings.Cut(strings.TrimSpace(line), " = ")
		field, place, wild := strings.Cut(where, " at ")
		v := literal(t, text)
		if wild {
			each[field] = append(each[field], Item{place, v})
			v = EachValue(each[field]...)
		}
		said[field] = v
	}
	plan := w.auditor.Plan(argument(d, "process"), gate)
	values := make([]Value, len(plan.Needs()))
	for i, n := range plan.Needs() {
		values[i] = said[n.Field.String()]
		if values[i].Kind() == Absent && n.Field.Wild() {
			values[i] = EachValue()
		}
	}
	v := plan.Judge(run, values)
	if v == nil {
		return "pass"
	}
	var out strings.Builder
	for _, e := range v.Events {
		fmt.Fprintf(&out, "%d %s: %s\n", e.Serial, e.Outcome, e.Text)
	}
	if v.Refuses() {
		fmt.Fprintf(&out, "refused, level %s: %s\n", v.Level, v.Cause.Text)
	}
	return out.String()
}

func (w *world) log(t *testing.T, d *datadriven.TestData) string {
	q := Query{Process: argument(d, "process")}
	q.Level, _ = levelOf(argument(d, "level"))
	if text := argument(d, "path"); text != "" {
		f, err := ParseField(text)
		require.NoError(t, err)
		q.Path = f.Path()
	}
	var out strings.Builder
	for _, e := range w.auditor.Log().Events(q) {
		fmt.Fprintf(&out, "%d %s %s %s %s\n", e.Serial, e.Rule.Level, e.Outcome, e.Rule.Process, e.Path)
	}
	all, lost := w.auditor.Log().Count()
	fmt.Fprintf(&out, "of %d, %d lost\n", all, lost)
	return out.String()
}

// literal reads a value as a recipe would, and the words a host has besides.
func literal(t *testing.T, text string) Value {
	switch {
	case text == "missing":
		return AbsentValue()
	case strings.HasPrefix(text, "raises "):
		return RaisedValue(strings.TrimPrefix(text, "raises "))
	}
	r := newReader("")
	n := r.document([]byte(text))
	require.NotNil(t, n, text)
	v, ok := r.value(n, 0)
	require.True(t, ok, text)
	return v
}

func argument(d *datadriven.TestData, key string) string {
	arg, _ := d.Arg(key)
	return strings.Join(arg.Vals, " ")
}

func argNote(f Field) string {
	if f.Arg != "" {
		return " (argument first)"
	}
	return ""
}

func askWords(a Ask) string {
	var words []string
	for i, word := range []string{"value", "type", "len", "items", "finite", "extreme"} {
		if a&(1<<i) != 0 {
			words = append(words, word)
		}
	}
	return strings.Join(words, " ")
}

func errorText(err error) string {
	if f, ok := errors.AsType[*fault.Error](err); ok {
		return f.Text
	}
	return err.Error()
}
