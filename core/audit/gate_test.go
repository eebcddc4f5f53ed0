package audit

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/theus-project/theus/core/fault"
	"github.com/theus-project/theus/core/path"
)

// A1: every condition acts at every level and gate, through the whole auditor.
func TestConditionLevelGate(t *testing.T) {
	limits := map[string]Value{
		"min": IntValue(1), "max": IntValue(-1), "eq": IntValue(1), "neq": IntValue(0), "min_len": IntValue(1), "max_len": IntValue(0),
		"regex": StringValue("x"), "in": ListValue(IntValue(1)), "not_in": ListValue(IntValue(0)), "type": StringValue("str"),
		"not_null": BoolValue(true), "finite": BoolValue(true),
		"shape": ListValue(IntValue(1)), "dtype": StringValue("int8"), "nbytes": IntValue(1),
	}
	for _, word := range conditionWords {
		if word == "check" {
			continue // it has tests of its own
		}
		for _, level := range levelWords {
			for _, gate := range []Gate{Input, Output} {
				a, err := New(Options{})
				require.NoError(t, err)
				rules := []RuleSpec{rule(func(r *RuleSpec) { r.Condition, r.Limit, r.Level = word, limits[word], level })}
				s := ProcessSpec{Name: "p", Inputs: rules}
				if gate == Output {
					s.Inputs, s.Outputs = nil, rules
				}
				a.Replace(build(t, s))
				bad := IntValue(0)
				switch word {
				case "not_null":
					bad = NullValue()
				case "finite":
					bad = StringValue("1")
				}
				v := a.Judge("p", gate, nil, []Value{bad})
				require.NotNil(t, v, "%s %s %s", word, level, gate)
				require.Equal(t, level, v.Level.String())
				require.Equal(t, Acted, v.Cause.Outcome)
				require.Equal(t, level == "S", a.Stopped() != nil)
				require.Nil(t, a.Judge("p", 1-gate, nil, []Value{bad}), "the other gate has no rules")
				require.Nil(t, a.Judge("q", gate, nil, []Value{bad}), "nor has another process")
			}
		}
	}
}

// A7: two rules that differ in one part of their identity have two counts.
func TestIdentity(t *testing.T) {
	base := rule(func(r *RuleSpec) { r.MaxThreshold, r.ResetOnSuccess = 2, false })
	change := func(f func(*RuleSpec)) RuleSpec { r := base; f(&r); return r }
	for name, other := range map[string]ProcessSpec{
		"process":   {Name: "q", Outputs: []RuleSpec{base}},
		"gate":      {Name: "p", Inputs: []RuleSpec{base}},
		"field":     {Name: "p", Outputs: []RuleSpec{change(func(r *RuleSpec) { r.Field = "domain.y" })}},
		"condition": {Name: "p", Outputs: []RuleSpec{change(func(r *RuleSpec) { r.Condition = "eq" })}},
		"limit":     {Name: "p", Outputs: []RuleSpec{change(func(r *RuleSpec) { r.Limit = IntValue(9) })}},
	} {
		specs := []ProcessSpec{{Name: "p", Outputs: []RuleSpec{base}}}
		if other.Name == "p" {
			specs[0].Inputs = other.Inputs
			specs[0].Outputs = append(specs[0].Outputs, other.Outputs...)
		} else {
			specs = append(specs, other)
		}
		a, err := New(Options{})
		require.NoError(t, err)
		a.Replace(build(t, specs...))
		require.Len(t, a.rules.Load().counters, 2, name)
	}
	// The same field in another spelling, and the same number in another type, are the same rule.
	_, err := Build("test", []ProcessSpec{{Name: "p", Outputs: []RuleSpec{base, change(func(r *RuleSpec) {
		r.Field, r.Limit = "domain_ctx.x", FloatValue(10)
	})}}})
	require.ErrorContains(t, err, "given twice")
}

// A bad file leaves the old rules in force; a good one replaces all of them, and rules that are in
// both go on counting. A run that has a plan ends with that plan.
func TestReplace(t *testing.T) {
	three := rule(func(r *RuleSpec) { r.MaxThreshold = 3 })
	y := rule(func(r *RuleSpec) { r.Field = "domain.y" })
	a := auditor(t, three)
	old := a.Plan("p", Output)
	require.Equal(t, "c", letter(old.Judge(nil, said(true))))

	_, err := Load("f.yaml", []byte("process_recipes: {p: {outputs: [{field: domain.x, mox: 1}]}}"))
	require.ErrorIs(t, err, fault.Invalid)
	require.Equal(t, "c", letter(a.Judge("p", Output, nil, said(true))))

	generation := a.Generation()
	require.Equal(t, generation+1, a.Replace(build(t, ProcessSpec{Name: "p", Outputs: []RuleSpec{y, three}})))
	require.Equal(t, generation+1, a.Plan("p", Output).Generation())
	require.Equal(t, generation, old.Generation())
	v := a.Judge("p", Output, nil, []Value{IntValue(0), IntValue(11)})
	require.Equal(t, "A", letter(v), "the third, over two recipes")
	require.Equal(t, "domain_ctx.x", v.Cause.Path)

	require.Equal(t, "c", letter(old.Judge(nil, said(true))))
	require.Equal(t, "c", letter(a.Judge("p", Output, nil, []Value{IntValue(0), IntValue(11)})), "they share their count")
	require.Equal(t, "A", letter(old.Judge(nil, said(true))))

	a.Replace(nil)
	require.Nil(t, a.Judge("p", Output, nil, nil))
	require.Nil(t, a.Recipe())
	require.Zero(t, a.Plan("p", Output).Generation())
}

// Several rules of a gate are all counted; the most severe that acts decides, the first of equals.
func TestMostSevere(t *testing.T) {
	at := func(field, level string) RuleSpec {
		return rule(func(r *RuleSpec) { r.Field, r.Level = "domain."+field, level })
	}
	a := auditor(t, at("a", "C"), at("b", "B"), at("c", "A"), at("d", "A"), at("e", "I"))
	bad := []Value{IntValue(11), IntValue(11), IntValue(11), IntValue(11), IntValue(11)}
	v := a.Judge("p", Output, nil, bad)
	require.Len(t, v.Events, 5)
	require.Equal(t, Abort, v.Level)
	require.Equal(t, "domain_ctx.c", v.Cause.Path)
	require.Nil(t, a.Stopped())
}

// A level S violation stops everything, until somebody says otherwise; the first cause stays.
func TestInterlock(t *testing.T) {
	a := auditor(t, rule(func(r *RuleSpec) { r.Level, r.Message = "S", "too much" }))
	require.Nil(t, a.Stopped())
	require.Nil(t, a.Reset())
	for range 2 {
		v := a.Judge("p", Output, nil, said(true))
		require.Equal(t, Safety, v.Level)
		require.Equal(t, "too much", v.Cause.Text)
	}
	a.Replace(nil)
	require.EqualValues(t, 1, a.Stopped().Serial)
	require.EqualValues(t, 1, a.Reset().Serial)
	require.Nil(t, a.Stopped())
}

// A value that the host did not hand in violates.
func TestForgotten(t *testing.T) {
	a := auditor(t, rule(func(r *RuleSpec) { r.Level = "B" }))
	require.True(t, a.Judge("p", Output, nil, nil).Refuses())
	require.Nil(t, a.Plan("p", Gate(7)))
	require.False(t, (*Verdict)(nil).Refuses())
}

// The log holds so many events, and knows how many it lost.
func TestLog(t *testing.T) {
	a, err := New(Options{Log: 3})
	require.NoError(t, err)
	wild := rule(func(r *RuleSpec) { r.Field, r.Level = "domain.accounts.*.balance", "I" })
	a.Replace(build(t, ProcessSpec{Name: "p", Outputs: []RuleSpec{rule(nil)}}, ProcessSpec{Name: "q", Outputs: []RuleSpec{wild}}))
	require.Empty(t, a.Log().Events(Query{}))
	alice := EachValue(Item{"domain_ctx.accounts.bob.balance", IntValue(1)}, Item{"domain_ctx.accounts.alice.balance", IntValue(11)})
	for i := range 5 {
		run := Run{Stamp: int64(i)}
		a.Judge("p", Output, &run, said(true))
	}
	require.NotNil(t, a.Judge("q", Output, nil, []Value{alice}))
	serials := func(q Query) (list []uint64) {
		for _, e := range a.Log().Events(q) {
			list = append(list, e.Serial)
		}
		return list
	}
	where := func(text string) path.Path { p, err := path.Parse(text); require.NoError(t, err); return p }
	require.Equal(t, []uint64{4, 5, 6}, serials(Query{}))
	require.Equal(t, []uint64{5, 6}, serials(Query{After: 4}))
	require.Empty(t, serials(Query{After: 6}))
	require.Equal(t, []uint64{6}, serials(Query{Most: 1}))
	require.Equal(t, []uint64{4, 5}, serials(Query{Process: "p"}))
	require.Equal(t, []uint64{6}, serials(Query{Level: Info}))
	require.Equal(t, []uint64{4, 5, 6}, serials(Query{Outcome: Acted}))
	require.Empty(t, serials(Query{Outcome: Counted}))
	require.Equal(t, []uint64{4, 5, 6}, serials(Query{Path: where("domain")}))
	require.Equal(t, []uint64{4, 5}, serials(Query{Path: path.Path{{Kind: path.Attr, Name: "domain"}, {Kind: path.Attr, Name: "x"}}}))
	require.Equal(t, []uint64{6}, serials(Query{Path: where("domain.accounts.alice")}))
	require.Equal(t, []uint64{6}, serials(Query{Path: where("domain.accounts.*.balance")}))
	require.Empty(t, serials(Query{Path: where("domain.accounts.bob")}))
	require.EqualValues(t, 4, a.Log().Events(Query{})[1].Stamp)
	all, lost := a.Log().Count()
	require.EqualValues(t, 6, all)
	require.EqualValues(t, 3, lost)
	for _, n := range []int{-1, maxLog + 1} {
		_, err := New(Options{Log: n})
		require.ErrorIs(t, err, fault.Invalid)
	}
}

// tenRules are scalar rules of a gate, and values that pass them.
func tenRules(t testing.TB) (*Plan, []Value) {
	var rules []RuleSpec
	for i := range 5 {
		field := func(r *RuleSpec) { r.Field, r.Level, r.Limit = fmt.Sprintf("domain.f%d", i), "B", FloatValue(0.5) }
		rules = append(rules, rule(field))
		rules[2*i].Condition = "min"
		rules = append(rules, rule(field))
		rules[2*i+1].Limit = IntValue(100)
	}
	p := auditor(t, rules...).Plan("p", Output)
	require.Len(t, p.Needs(), 5)
	return p, []Value{IntValue(1), FloatValue(2.5), BoolValue(true), IntValue(100), FloatValue(0.5)}
}

// A gate that passes allocates nothing, whatever scalars it judges.
func TestPassingAllocatesNothing(t *testing.T) {
	p, values := tenRules(t)
	var run Run
	require.Zero(t, testing.AllocsPerRun(100, func() { p.Judge(&run, values) }))
	a := auditor(t,
		rule(func(r *RuleSpec) { r.Condition, r.Limit = "regex", StringValue("^a+$") }),
		rule(func(r *RuleSpec) { r.Condition, r.Limit = "in", ListValue(StringValue("b"), StringValue("aaa")) }),
		rule(func(r *RuleSpec) { r.Condition, r.Limit = "type", StringValue("str") }),
		rule(func(r *RuleSpec) { r.Condition, r.Limit = "min_len", IntValue(1) }),
		rule(func(r *RuleSpec) { r.Condition, r.Limit = "neq", StringValue("x") }))
	text := []Value{StringValue("aaa")}
	require.Zero(t, testing.AllocsPerRun(100, func() {
		if a.Judge("p", Output, nil, text) != nil {
			t.Fatal("it does not pass")
		}
	}))
}

func BenchmarkTenRules(b *testing.B) {
	p, values := tenRules(b)
	b.ReportAllocs()
	for b.Loop() {
		if p.Judge(nil, values) != nil {
			b.Fatal("it does not pass")
		}
	}
}

func BenchmarkNoRules(b *testing.B) {
	a := auditor(b)
	for b.Loop() {
		a.Judge("q", Output, nil, nil)
	}
}

func BenchmarkViolation(b *testing.B) {
	a := auditor(b, rule(nil))
	values := said(true)
	b.ReportAllocs()
	for b.Loop() {
		a.Judge("p", Output, nil, values)
	}
}

func BenchmarkLoad(b *testing.B) {
	for _, n := range []int{1000, 10_000} {
		text := rulesText(n)
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			for b.Loop() {
				if _, err := Load("f.yaml", text); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*n), "ns/rule")
		})
	}
}
