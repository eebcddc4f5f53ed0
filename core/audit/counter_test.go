package audit

import (
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

// The counter machine, A4: what a rule with these settings makes of values that violate (v) and
// pass (p), one run after the other. For each: "." nothing, "c" counted, "w" an early warning,
// "A" it acts.
var machine = []struct {
	min, max int
	reset    bool
	runs     string
	want     string
}{
	{0, 1, true, "vvv", "AAA"},
	{0, 1, true, "pvp", ".A."},
	{0, 2, true, "vvvv", "cAcA"},
	{0, 2, true, "vpv", "c.c"},
	{0, 3, true, "vvvvvv", "ccAccA"},
	{0, 3, true, "vvpvvv", "cc.ccA"},
	{0, 3, false, "vvpv", "cc.A"},
	{0, 3, false, "vpppvpv", "c...c.A"},
	{1, 3, true, "vvv", "wwA"},
	{2, 3, true, "vvvvv", "cwAcw"},
	{2, 4, true, "vvvpvv", "cww.cw"},
	{2, 4, false, "vvpvpv", "cw.w.A"},
	{3, 3, true, "vvv", "ccA"},
	{1, 1, true, "vv", "AA"},
	{0, 2, false, "pppvpv", "...c.A"},
}

func TestCounterMachine(t *testing.T) {
	for _, m := range machine {
		a := auditor(t, rule(func(r *RuleSpec) { r.MinThreshold, r.MaxThreshold, r.ResetOnSuccess = m.min, m.max, m.reset }))
		var got strings.Builder
		for _, run := range m.runs {
			got.WriteString(letter(a.Judge("p", Output, new(Run), said(run == 'v'))))
		}
		require.Equal(t, m.want, got.String(), "min_threshold %d, max_threshold %d, reset %v: %s", m.min, m.max, m.reset, m.runs)
	}
}

// rule gives one rule: domain_ctx.x at most 10, level C.
func rule(change func(*RuleSpec)) RuleSpec {
	r := RuleSpec{Field: "domain.x", Condition: "max", Limit: IntValue(10), Level: "C", MaxThreshold: 1, ResetOnSuccess: true}
	if change != nil {
		change(&r)
	}
	return r
}

// auditor has these rules in force at the output gate of p.
func auditor(t testing.TB, rules ...RuleSpec) *Auditor {
	t.Helper()
	a, err := New(Options{})
	require.NoError(t, err)
	a.Replace(build(t, ProcessSpec{Name: "p", Outputs: rules}))
	return a
}

func build(t testing.TB, specs ...ProcessSpec) *Recipe {
	t.Helper()
	r, err := Build("test", specs)
	require.NoError(t, err)
	return r
}

// said is a value that violates rule, or passes.
func said(violates bool) []Value {
	if violates {
		return []Value{IntValue(11)}
	}
	return []Value{IntValue(10)}
}

func letter(v *Verdict) string {
	if v == nil {
		return "."
	}
	return map[Outcome]string{Counted: "c", Warned: "w", Acted: "A"}[v.Events[0].Outcome]
}

// twin is the auditor once more, slow and plain: what section 8 of the manual says, word by word.
type twin struct {
	counts  map[string]int
	stopped bool
}

// judge takes the rules and for each whether it is violated, and gives the letters and the level.
func (w *twin) judge(process string, g Gate, rules []RuleSpec, bad []bool, seen map[string]byte, again bool) (string, Level) {
	var letters strings.Builder
	var worst Level
	for i, r := range rules {
		id := strings.Join([]string{process, g.String(), r.Field, r.Condition, r.Limit.String()}, "|")
		if !bad[i] {
			if r.ResetOnSuccess && !again {
				w.counts[id] = 0
			}
			continue
		}
		level := Level(strings.Index(" ICBAS", r.Level))
		if before, ok := seen[id]; ok {
			if before == 'A' && level >= Block {
				worst = max(worst, level)
			}
			continue
		}
		w.counts[id]++
		what := byte('c')
		switch {
		case w.counts[id] >= r.MaxThreshold:
			w.counts[id] = 0
			worst = max(worst, level)
			what = 'A'
		case r.MinThreshold > 0 && w.counts[id] >= r.MinThreshold:
			what = 'w'
		}
		seen[id] = what
		letters.WriteByte(what)
	}
	w.stopped = w.stopped || worst == Safety
	return letters.String(), worst
}

// Whatever rules there are and however runs go and are repeated, the auditor is its twin. A7: rules
// that differ in one part of their identity count apart.
func TestModel(t *testing.T) {
	specs := rapid.Custom(func(t *rapid.T) RuleSpec {
		max := rapid.IntRange(1, 4).Draw(t, "max")
		return RuleSpec{
			Field:          rapid.SampledFrom([]string{"domain_ctx.x", "domain_ctx.y"}).Draw(t, "field"),
			Condition:      rapid.SampledFrom([]string{"max", "eq"}).Draw(t, "condition"),
			Limit:          IntValue(rapid.Int64Range(0, 1).Draw(t, "limit")),
			Level:          rapid.SampledFrom(levelWords).Draw(t, "level"),
			MinThreshold:   rapid.IntRange(0, max).Draw(t, "min"),
			MaxThreshold:   max,
			ResetOnSuccess: rapid.Bool().Draw(t, "reset"),
		}
	})
	lists := rapid.SliceOfNDistinct(specs, 0, 6, func(r RuleSpec) string { return r.Field + r.Condition + r.Limit.String() })
	violates := func(r RuleSpec, v int64) bool {
		return r.Condition == "max" && v > r.Limit.num || r.Condition == "eq" && v != r.Limit.num
	}
	type run struct {
		*Run
		seen   map[string]byte
		judged [gates]bool
	}
	rapid.Check(t, func(t *rapid.T) {
		a, err := New(Options{Log: 4})
		require.NoError(t, err)
		w := &twin{counts: make(map[string]int)}
		rules := make(map[string]*[gates][]RuleSpec)
		runs := make(map[string]*run)
		serial := uint64(0)
		replace := func(t *rapid.T) {
			var all []ProcessSpec
			for _, name := range []string{"p", "q"} {
				s := &[gates][]RuleSpec{lists.Draw(t, "inputs"), lists.Draw(t, "outputs")}
				rules[name] = s
				all = append(all, ProcessSpec{Name: name, Inputs: s[0], Outputs: s[1]})
			}
			r, err := Build("test", all)
			require.NoError(t, err)
			before := make(map[string]bool)
			for _, name := range r.Processes() {
				for _, rule := range r.Process(name).Rules {
					before[strings.Join([]string{name, rule.Gate.String(), rule.name, rule.Condition.String(), rule.Limit.String()}, "|")] = true
				}
			}
			for id := range w.counts { // a rule that is gone takes its count along
				if !before[id] {
					delete(w.counts, id)
				}
			}
			clear(runs)
			a.Replace(r)
		}
		replace(t)
		t.Repeat(map[string]func(*rapid.T){
			"replace": replace,
			"reset": func(*rapid.T) {
				require.Equal(t, w.stopped, a.Reset() != nil)
				w.stopped = false
			},
			"judge": func(t *rapid.T) {
				process := rapid.SampledFrom([]string{"p", "q"}).Draw(t, "process")
				gate := Gate(rapid.IntRange(0, 1).Draw(t, "gate"))
				id := process + strconv.Itoa(rapid.IntRange(0, 2).Draw(t, "run"))
				if runs[id] == nil || rapid.Bool().Draw(t, "fresh") {
					runs[id] = &run{Run: new(Run), seen: make(map[string]byte)}
				}
				r, x, y := runs[id], rapid.Int64Range(0, 2).Draw(t, "x"), rapid.Int64Range(0, 2).Draw(t, "y")
				var bad []bool
				for _, s := range rules[process][gate] {
					bad = append(bad, violates(s, map[string]int64{"domain_ctx.x": x, "domain_ctx.y": y}[s.Field]))
				}
				var values []Value
				for _, n := range a.Needs(process, gate) {
					values = append(values, IntValue(map[string]int64{"domain_ctx.x": x, "domain_ctx.y": y}[n.Field.String()]))
				}
				letters, level := w.judge(process, gate, rules[process][gate], bad, r.seen, r.judged[gate])
				r.judged[gate] = true
				v := a.Judge(process, gate, r.Run, values)
				if letters == "" && level == 0 {
					require.Nil(t, v)
					return
				}
				require.NotNil(t, v)
				var got strings.Builder
				for i, e := range v.Events {
					serial++
					require.Equal(t, serial, e.Serial)
					got.WriteString(letter(&Verdict{Events: v.Events[i:]}))
				}
				require.Equal(t, letters, got.String())
				require.Equal(t, level, v.Level)
				require.Equal(t, level >= Block, v.Refuses())
				require.Equal(t, level != 0, v.Cause != nil)
			},
			"": func(t *rapid.T) {
				require.Equal(t, w.stopped, a.Stopped() != nil)
				all, lost := a.Log().Count()
				require.Equal(t, serial, all)
				held := a.Log().Events(Query{})
				require.Len(t, held, int(all-lost))
				require.True(t, slices.IsSortedFunc(held, func(x, y Event) int { return int(x.Serial) - int(y.Serial) }))
			},
		})
	})
}

// Counts are exact under threads: every violation is one, and every third acts.
func TestConcurrent(t *testing.T) {
	const workers, rounds = 8, 300
	a := auditor(t, rule(func(r *RuleSpec) { r.MaxThreshold, r.ResetOnSuccess = 3, false }))
	recipe := a.Recipe()
	var wait sync.WaitGroup
	var mu sync.Mutex // protects acted and serials
	acted, serials := 0, make(map[uint64]bool)
	for range workers {
		wait.Go(func() {
			for i := range rounds {
				var run Run
				v := a.Judge("p", Output, &run, said(true))
				mu.Lock()
				serials[v.Events[0].Serial] = true
				if v.Cause != nil {
					acted++
				}
				mu.Unlock()
				a.Judge("p", Output, nil, said(false))
				if i%100 == 0 {
					a.Replace(recipe)
					a.Log().Events(Query{Process: "p"})
				}
			}
		})
	}
	wait.Wait()
	require.Equal(t, workers*rounds/3, acted)
	require.Len(t, serials, workers*rounds)
}
