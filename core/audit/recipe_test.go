package audit

import (
	"errors"
	"fmt"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/theus-project/theus/core/fault"
)

// valid is a recipe in which every part of the format occurs, one to a line.
const valid = `name: garden
process_recipes:
  _limits:
    outputs:
      - field: domain.pressure
        max: 6.0
        level: S
  open_valve:
    inherits: _limits
    inputs:
      - field: minutes
        min: 1
        threshold: 3
        min_threshold: 2
        reset_on_success: false
        message: too long
      - field: domain.mode
        in: [auto, manual]
    outputs:
      - field: domain.moisture.mean()
        max_threshold: 2
        regex: a
        finite: true
        min_len: 1
        type: str
    side_effects: [valve]
    errors: [TimeoutError]
`

func problems(t testing.TB, text string) Problems {
	t.Helper()
	_, err := Load("f.yaml", []byte(text))
	if err == nil {
		return nil
	}
	require.ErrorIs(t, err, fault.Invalid)
	ps, ok := errors.AsType[Problems](err)
	require.True(t, ok)
	require.NotEmpty(t, ps)
	return ps
}

// A5: however one part of a good recipe is spoiled, loading fails and points at its line.
func TestMutations(t *testing.T) {
	require.Empty(t, problems(t, valid))
	lines := strings.Split(strings.TrimSuffix(valid, "\n"), "\n")
	spoil := func(i int, line string) Problems {
		spoiled := append([]string(nil), lines...)
		spoiled[i] = line
		return problems(t, strings.Join(spoiled, "\n"))
	}
	entry := regexp.MustCompile(`^([ -]*)([\w]+):(.*)$`)
	for i, line := range lines {
		m := entry.FindStringSubmatch(line)
		require.NotNil(t, m, line)
		indent, key, value := m[1], m[2], m[3]
		where := fmt.Sprintf("line %d: %s", i+1, line)

		if indent != "  " || value != "" { // not the name of a process
			ps := spoil(i, indent+"x"+key+":"+value)
			require.NotEmpty(t, ps, where)
			if key == "field" { // the rule has none then
				require.Contains(t, ps.Error(), "no field", where)
			}
			require.True(t, anyAt(ps, i+1), "%s\n%s", where, ps)
		}
		for _, wrong := range []string{"{a: [}", "*nothing", "&x [*x]"} {
			require.NotEmpty(t, spoil(i, indent+key+": "+wrong), "%s -> %s", where, wrong)
		}
		if value == "" || key == "name" {
			continue
		}
		for _, wrong := range []string{"!mine 5", "2001-01-01", "{b: {c: d}}", "1.5e", "[[]]"} {
			if accepts(key, wrong) {
				continue
			}
			ps := spoil(i, indent+key+": "+wrong)
			require.True(t, anyAt(ps, i+1), "%s -> %s\n%s", where, wrong, ps)
		}
		ps := spoil(i, line+"\n"+strings.Replace(indent, "-", " ", 1)+key+":"+value)
		require.True(t, anyAt(ps, i+2), "twice: %s\n%s", where, ps)
	}
}

// accepts tells the wrong values that are right somewhere: any text is a message, and a list is
// one of the values to be in.
func accepts(key, value string) bool {
	return map[string]string{"message": "1.5e", "regex": "1.5e", "type": "1.5e", "in": "[[]]"}[key] == value
}

func anyAt(ps Problems, line int) bool {
	for _, p := range ps {
		if p.Line == line && p.Column >= 1 && p.File == "f.yaml" && p.Text != "" {
			return true
		}
	}
	return false
}

// The first line of a report stands alone, and a report has an end.
func TestReport(t *testing.T) {
	text := "process_recipes:\n  p:\n    inputs:\n" + strings.Repeat("      - {field: a, mox: 1}\n", 60)
	_, err := Load("f.yaml", []byte(text))
	require.EqualError(t, err, `Invalid Recipe: f.yaml:4:20: "mox" is no condition or setting of a rule; did you mean "max"?`)
	f, _ := errors.AsType[*fault.Error](err)
	require.True(t, strings.HasSuffix(f.Text, "\n10 more problems are not shown"), f.Text)
	require.Len(t, problems(t, text), maxProblems)
	require.Equal(t, Place{File: "f.yaml", Line: 4, Column: 20}, problems(t, text)[0].Place)
}

// Files that are not text, too long, too deep or too much are refused with a place.
func TestBadFiles(t *testing.T) {
	bomb := "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n"
	for i := 1; i < 12; i++ {
		bomb += fmt.Sprintf("a%d: &a%d [%s]\n", i, i, strings.TrimSuffix(strings.Repeat(fmt.Sprintf("*a%d, ", i-1), 10), ", "))
	}
	for _, c := range []struct{ text, want string }{
		{"a: \xff", "f.yaml:1:4: this is not UTF-8"},
		{"a:\n  b\x00", "f.yaml:2:4: a control character"},
		{"a: \x1b[0m", "f.yaml:1:4: a control character"},
		{strings.Repeat("# filler\n", 10<<20/9), "this file is longer than 4 MiB"},
		{strings.Repeat("[", 200) + strings.Repeat("]", 200), "nested more than 64 deep"},
		{strings.Repeat("[", 200_000), "this is no YAML"},
		{strings.Repeat("{a: ", 20_000) + strings.Repeat("}", 20_000), "this is no YAML"},
		{bomb, "stand for more than"},
		{"process_recipes: &a {p: *a}", "f.yaml:1:25: this alias stands inside"},
		{"&a [*a]", "f.yaml:1:5: this alias stands inside"},
		{"process_recipes: &a {<<: *a}", "this alias stands inside"},
		{"process_recipes: {<<: 5}", "a mapping to merge belongs here"},
		{"process_recipes: {p: {inputs: [{field: a, eq: {b: 1, b: 2}}]}}", "this key is given twice"},
		{"process_recipes: {p: {inputs: [{field: a, in: !!set {b, c}}]}}", "cannot be compared"},
		{"process_recipes: {p: {inputs: [{field: a, eq: " + strings.Repeat("[", 20) + strings.Repeat("]", 20) + "}]}}", "lists deep"},
		{"process_recipes: {[a]: {}}", "a name belongs here, not a list"},
		{"%YAML 9.9\n---\na", "this is no YAML"},
		{"a: b: c", "f.yaml:1:1: this is no YAML: mapping values are not allowed"},
	} {
		ps := problems(t, c.text)
		require.NotEmpty(t, ps, "%.100s", c.text)
		require.Contains(t, ps.Error(), c.want, "%.100s", c.text)
		require.Less(t, len(ps.Error()), 20_000)
	}
}

// What recipes inherit from each other is bounded, and so is how long it takes to find that out.
func TestInheritanceBounds(t *testing.T) {
	var wide, long, lost strings.Builder
	wide.WriteString("process_recipes:\n  _t:\n    outputs:\n")
	for i := range 5000 {
		fmt.Fprintf(&wide, "      - {field: domain.f%d, max: 1}\n", i)
	}
	long.WriteString("process_recipes:\n")
	lost.WriteString("process_recipes:\n")
	for i := range 5000 {
		fmt.Fprintf(&wide, "  p%d: {inherits: _t}\n", i)
		fmt.Fprintf(&long, "  p%d: {inherits: p%d}\n", i+1, i)
		fmt.Fprintf(&lost, "  p%d: {inherits: nowhere%d}\n", i, i)
	}
	require.Contains(t, problems(t, wide.String()).Error(), "inherit more than 262144 rules")
	require.Contains(t, problems(t, long.String()+"  p0: {}\n").Error(), "through more than 32 others")
	require.Contains(t, problems(t, strings.Replace(long.String(), "recipes:\n", "recipes:\n  p0: {}\n", 1)).Error(),
		"through more than 32 others", "in either order")
	require.Contains(t, problems(t, lost.String()).Error(), `no recipe is called "nowhere0"`)
	many := "process_recipes:\n  _t: {errors: [" + strings.Repeat("a, ", 1000) + "]}\n  p: {inherits: [" + strings.Repeat("_t, ", 1000) + "]}\n"
	require.Empty(t, problems(t, strings.Replace(many, "1000", "10", 1)))
}

// rulesText is a recipe with so many rules.
func rulesText(n int) []byte {
	var b strings.Builder
	b.WriteString("process_recipes:\n")
	for i := range n / 10 {
		fmt.Fprintf(&b, "  p%d:\n    inputs:\n", i)
		for j := range 5 {
			fmt.Fprintf(&b, "      - {field: domain.accounts.a%d, min: %d, max: 1000, level: B}\n", j, i)
		}
	}
	return []byte(b.String())
}

// requireLinear loads ten times as much, and that takes ten times as much: so many allocations, and
// so many bytes of them. Benchmarks measure the time.
func requireLinear(t *testing.T, load func(n int) func(), n int) {
	cost := func(n int) (allocations, bytes float64) {
		work := load(n)
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		work()
		runtime.ReadMemStats(&after)
		return float64(after.Mallocs - before.Mallocs), float64(after.TotalAlloc - before.TotalAlloc)
	}
	cost(n) // what is made once
	few, small := cost(n)
	many, large := cost(10 * n)
	require.Less(t, many, 11*few)
	require.Less(t, large, 12*small)
}

// Loading takes work in proportion to the rules.
func TestLinear(t *testing.T) {
	requireLinear(t, func(n int) func() {
		text := rulesText(n)
		return func() {
			r, err := Load("f.yaml", text)
			require.NoError(t, err)
			require.Equal(t, n, r.Rules())
		}
	}, 2000)
}

// A recipe that a program builds is checked as one from a file is.
func TestBuild(t *testing.T) {
	rule := RuleSpec{Field: "domain.a", Condition: "max", Limit: IntValue(5), Level: "B", MaxThreshold: 1, ResetOnSuccess: true}
	built, err := Build("AuditRecipe", []ProcessSpec{
		{Name: "_t", Outputs: []RuleSpec{rule}, Errors: []string{"E"}},
		{Name: "p", Inputs: []RuleSpec{rule}, Inherits: []string{"_t"}},
	})
	require.NoError(t, err)
	require.Equal(t, "p\n"+
		"  input domain_ctx.a max: 5, level B (p, p: input rule 1)\n"+
		"  output domain_ctx.a max: 5, level B (_t, _t: output rule 1)\n"+
		"  notes E\n", show(built))

	for _, c := range []struct {
		spoil func(*RuleSpec)
		want  string
	}{
		{func(r *RuleSpec) { r.Field = "domain..a" }, "p: output rule 1: field \"domain..a\": column 8"},
		{func(r *RuleSpec) { r.Condition = "mx" }, `"mx" is no condition; did you mean "max"?`},
		{func(r *RuleSpec) { r.Limit = StringValue("5") }, "max: a number belongs here"},
		{func(r *RuleSpec) { r.Limit = AbsentValue() }, "max: this cannot be compared with"},
		{func(r *RuleSpec) { r.Limit, r.Condition = ListLen(3), "in" }, "in: this cannot be compared with"},
		{func(r *RuleSpec) { r.Limit, r.Condition = ListValue(ObjectValue("X")), "in" }, "in: this cannot be compared with"},
		{func(r *RuleSpec) { r.Level = "X" }, `"X" is no level`},
		{func(r *RuleSpec) { r.MaxThreshold = 0 }, "max_threshold is 0"},
		{func(r *RuleSpec) { r.MinThreshold = 2 }, "min_threshold is 2"},
	} {
		spoiled := rule
		c.spoil(&spoiled)
		_, err := Build("AuditRecipe", []ProcessSpec{{Name: "p", Outputs: []RuleSpec{spoiled}}})
		require.ErrorIs(t, err, fault.Invalid)
		require.ErrorContains(t, err, c.want)
	}
	_, err = Build("AuditRecipe", []ProcessSpec{{Name: "p", Inputs: []RuleSpec{rule, rule}}})
	require.ErrorContains(t, err, "given twice")
	_, err = Build("AuditRecipe", []ProcessSpec{{Name: "p"}, {Name: "p"}})
	require.ErrorContains(t, err, "given twice")
	_, err = Build("AuditRecipe", []ProcessSpec{{}})
	require.ErrorContains(t, err, "needs a name")
	_, err = Build("AuditRecipe", []ProcessSpec{{Name: "p", Inherits: []string{"q"}}})
	require.ErrorContains(t, err, "p: no recipe is called \"q\"")
}

// A recipe that was never loaded has no rules.
func TestNoRecipe(t *testing.T) {
	var r *Recipe
	require.Empty(t, r.Processes())
	require.Nil(t, r.Process("p"))
	require.Zero(t, r.Rules())
	require.Equal(t, "f.yaml", Place{File: "f.yaml"}.String())
}

// show prints all effective rules.
func show(r *Recipe) string {
	var out strings.Builder
	for _, name := range r.Processes() {
		p := r.Process(name)
		fmt.Fprintf(&out, "%s\n", name)
		for _, rule := range p.Rules {
			fmt.Fprintf(&out, "  %s %s %s: %s, level %s", rule.Gate, rule.Field, rule.Condition, rule.Limit, rule.Level)
			if rule.MaxThreshold != 1 || rule.MinThreshold != 0 {
				fmt.Fprintf(&out, ", thresholds %d %d", rule.MinThreshold, rule.MaxThreshold)
			}
			if !rule.ResetOnSuccess {
				out.WriteString(", no reset")
			}
			if rule.Message != "" {
				fmt.Fprintf(&out, ", %q", rule.Message)
			}
			fmt.Fprintf(&out, " (%s, %s)\n", rule.From, rule.Place)
		}
		if names := slices.Concat(p.SideEffects, p.Errors); len(names) > 0 {
			fmt.Fprintf(&out, "  notes %s\n", strings.Join(names, " "))
		}
	}
	if out.Len() == 0 {
		return "no processes"
	}
	return out.String()
}
