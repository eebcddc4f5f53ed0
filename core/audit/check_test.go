package audit

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/theus-project/theus/core/path"
)

// counting is a language of one kind of text, "a b 3": it needs domain.a and domain.b, then asks
// three times for one more, and is true if all it was handed are.
type counting struct{}

func (counting) Compile(text string, open bool) (Expression, error) {
	words := strings.Fields(text)
	x := &counted{}
	_, err := fmt.Sscan(words[len(words)-1], &x.more)
	if err != nil {
		return nil, &Malformed{Line: 1, Column: len(text), Text: "a number belongs here"}
	}
	for _, w := range words[:len(words)-1] {
		x.needs = append(x.needs, field("domain."+w))
	}
	return x, nil
}

func field(text string) Need {
	f, err := ParseField(text)
	if err != nil {
		panic(err)
	}
	return Need{Field: f.at(Output), Ask: AskPlace}
}

type counted struct {
	needs []Need
	more  int
}

func (x *counted) Needs() []Need { return x.needs }

func (x *counted) Reads() (all []path.Path) {
	for _, n := range x.needs {
		all = append(all, n.Field.Path())
	}
	return all
}

func (x *counted) Start() Evaluation { return &count{of: x, good: true} }

type count struct {
	of   *counted
	n    int
	good bool
}

func (c *count) Step(values []Value) Answer {
	for i := range values {
		c.good = c.good && values[i].kind == Int && values[i].num != 0
	}
	if c.n == c.of.more {
		return Answer{True: c.good, Shown: "False"}
	}
	c.n++
	return Answer{Needs: []Need{field(fmt.Sprintf("domain.x%d", c.n))}}
}

func checked(t testing.TB, rules string) *Plan {
	t.Helper()
	text := "process_recipes: {p: {outputs: [" + rules + "]}}"
	r, err := Loader{Language: counting{}}.Load("r.yaml", []byte(text))
	require.NoError(t, err, text)
	a, err := New(Options{})
	require.NoError(t, err)
	a.Replace(r)
	return a.Plan("p", Output)
}

// A check is handed what is certain with the plan, and asks for the rest; nothing is counted before
// all of them have come to something.
func TestCheckAsks(t *testing.T) {
	p := checked(t, "{check: a b 2, level: B}, {field: domain.a, min: 5, level: C}, {check: a 0}, {check: b 3, level: C}")
	var names []string
	for _, n := range p.Needs() {
		names = append(names, n.Field.String())
	}
	require.Equal(t, []string{"domain_ctx.a", "domain_ctx.b", "domain_ctx.a"}, names, "one of the checks, one of min")
	values := []Value{IntValue(1), IntValue(1), IntValue(5)}
	for _, want := range []int{2, 2, 1} {
		v, more := p.Try(nil, values)
		require.Nil(t, v)
		require.Len(t, more, want)
		for range more {
			values = append(values, IntValue(1))
		}
	}
	v, more := p.Try(nil, values)
	require.Empty(t, more)
	require.Nil(t, v, "all of them hold")
	values[len(values)-1] = IntValue(0)
	v, _ = p.Try(nil, values)
	require.Equal(t, Caution, v.Level)
	require.Equal(t, "output audit of process 'p': b 3 is False; domain_ctx.b is 1 (level C)", v.Cause.Text)
	require.Equal(t, "domain_ctx.b", v.Cause.Path)
	require.Equal(t, "False", v.Cause.Value)
}

// A host that hands in too little, or is asked without end, gets a violation and no more.
func TestCheckFailsClosed(t *testing.T) {
	p := checked(t, "{check: a 1, level: B}")
	require.True(t, p.Judge(nil, nil).Refuses())
	require.True(t, p.Judge(nil, []Value{IntValue(1)}).Refuses())
	require.False(t, p.Judge(nil, []Value{IntValue(1), IntValue(1)}).Refuses())
	p = checked(t, "{check: a 1000, level: B}")
	values := []Value{IntValue(1)}
	for range maxRounds {
		v, more := p.Try(nil, values)
		require.Nil(t, v)
		require.Len(t, more, 1)
		values = append(values, IntValue(1))
	}
	v, more := p.Try(nil, values)
	require.Empty(t, more)
	require.ErrorContains(t, refusedBy(v), "more rounds of reading")
}

func refusedBy(v *Verdict) error { return fmt.Errorf("%s", v.Cause.Text) }

// What a check says about itself is refused at its place; without a language all of it is.
func TestCheckMistakes(t *testing.T) {
	for text, want := range map[string]string{
		"{check: a b x}":             "r.yaml:1:45: check: a number belongs here",
		"{check: 'a b x'}":           "r.yaml:1:46: check: a number belongs here",
		"{check: \"a\\n b x\"}":      "r.yaml:1:41: check, line 1, column 6 of the expression: a number belongs here",
		"{check: a 1, field: a}":     "r.yaml:1:53: a check names its fields itself",
		"{check: a 1, eq: 2}":        "r.yaml:1:46: a check stands alone",
		"{check: [a]}":               "r.yaml:1:41: an expression",
		"{check: a 1}, {check: a 1}": "r.yaml:1:48: this rule is given twice",
	} {
		_, err := Loader{Language: counting{}}.Load("r.yaml", []byte("process_recipes: {p: {outputs: ["+text+"]}}"))
		require.ErrorContains(t, err, want, text)
	}
	_, err := Load("r.yaml", []byte("process_recipes: {p: {outputs: [{check: a 1}]}}"))
	require.ErrorContains(t, err, "without a language for checks")
	spec := []ProcessSpec{{Name: "p", Outputs: []RuleSpec{rule(func(r *RuleSpec) {
		r.Condition, r.Limit = "check", StringValue("a 1")
	})}}}
	_, err = Loader{Language: counting{}}.Build("test", spec)
	require.ErrorContains(t, err, "a check names its fields itself; leave the field out")
	spec[0].Outputs[0].Field = ""
	r, err := Loader{Language: counting{}}.Build("test", spec)
	require.NoError(t, err)
	require.Contains(t, string(r.Describe()), `"field":"","condition":"check","limit":"a 1"`)
	spec[0].Outputs[0].Limit = IntValue(1)
	_, err = Loader{Language: counting{}}.Build("test", spec)
	require.ErrorContains(t, err, "an expression belongs here")
}

// Events of a check are found by every place it reads.
func TestCheckLog(t *testing.T) {
	p := checked(t, "{check: a b 0}")
	require.NotNil(t, p.Judge(nil, nil))
	for where, want := range map[string]int{"domain.a": 1, "domain_ctx.b": 1, "domain": 1, "domain.c": 0, "domain.*": 1} {
		q, err := path.Parse(where)
		require.NoError(t, err)
		require.Len(t, p.auditor.Log().Events(Query{Path: q}), want, where)
	}
}
