package check_test

import (
	"errors"
	"math/big"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/theus-project/theus/core/audit"
	"github.com/theus-project/theus/core/check"
	"github.com/theus-project/theus/core/path"
)

// state is that of a host: scalars, lists, and maps that stand for dicts and objects.
var state = map[string]any{
	"domain_ctx": map[string]any{
		"reserves": audit.IntValue(100),
		"accounts": map[string]any{"alice": audit.IntValue(60), "bob": audit.IntValue(40)},
		"rows":     []any{audit.IntValue(1), audit.FloatValue(2.5)},
		"pair":     audit.ListValue(audit.IntValue(1), audit.StringValue("x")).WithForm(audit.Tuple, true),
		"tags":     audit.ObjectValue("set").WithItems(audit.StringValue("a")).WithForm(audit.Set, true),
		"big":      audit.NumberValue("1" + "000000000000000000000000"),
		"price":    audit.NumberValue("1.5").WithType("Decimal"),
		"raw":      audit.BytesValue("ab"),
		"bad":      audit.RaisedValue("ValueError: no"),
		"none":     audit.NullValue(),
		"on":       audit.BoolValue(true),
		"thing":    audit.ObjectValue("Thing").WithForm(audit.Plain, true),
	},
}

func find(n audit.Need) audit.Value {
	var at any = state
	for _, s := range n.Field.Steps {
		switch x := at.(type) {
		case map[string]any:
			var ok bool
			if at, ok = x[s.Name]; !ok {
				return audit.AbsentValue()
			}
		case []any:
			if s.Kind != path.Int || s.Index < 0 || s.Index >= int64(len(x)) {
				return audit.AbsentValue()
			}
			at = x[s.Index]
		default:
			return audit.AbsentValue()
		}
	}
	if n.Ask&audit.AskHas != 0 {
		m, ok := at.(map[string]any)
		if !ok {
			return audit.RaisedValue("TypeError: not iterable")
		}
		_, has := m[n.Key.Text()]
		return audit.BoolValue(has)
	}
	return tell(at, n.Ask)
}

func tell(at any, ask audit.Ask) audit.Value {
	switch x := at.(type) {
	case audit.Value:
		return x
	case []any:
		if ask&audit.AskContents == 0 {
			return audit.ListLen(int64(len(x))).WithForm(audit.Plain, len(x) > 0)
		}
		var items []audit.Value
		for _, item := range x {
			items = append(items, tell(item, audit.AskPlace))
		}
		return audit.ListValue(items...)
	case map[string]any:
		if ask&audit.AskContents == 0 {
			return audit.MapLen(int64(len(x))).WithForm(audit.Plain, len(x) > 0)
		}
		var items []audit.Value
		for _, key := range []string{"alice", "bob"} {
			if item, ok := x[key]; ok {
				items = append(items, audit.StringValue(key), tell(item, audit.AskPlace))
			}
		}
		return audit.MapValue(items...)
	}
	return audit.AbsentValue()
}

func evaluate(t testing.TB, text string, open bool, args ...audit.Value) audit.Answer {
	t.Helper()
	x, err := check.Language{}.Compile(text, open)
	require.NoError(t, err, text)
	values := args
	for _, n := range x.Needs()[len(args):] {
		values = append(values, find(n))
	}
	run := x.Start()
	for range 50 {
		a := run.Step(values)
		if len(a.Needs) == 0 {
			return a
		}
		values = nil
		for _, n := range a.Needs {
			values = append(values, find(n))
		}
	}
	t.Fatal("it asks without end")
	return audit.Answer{}
}

// What a rule says is what the language means, of every kind of value that a host can say.
func TestLanguage(t *testing.T) {
	for text, want := range map[string]string{
		"domain.reserves >= sum(domain.accounts.values())":      "True",
		"domain.reserves - domain.accounts['alice']":            "40",
		"[x * 2 for x in domain.rows]":                          "[2, 5.0]",
		"domain.rows[0] + len(domain.rows)":                     "3",
		"'alice' in domain.accounts and 'c' in domain.accounts": "False",
		"domain.pair == (1, 'x')":                               "True",
		"domain.tags == {'a'}":                                  "True",
		"domain.big == 10 ** 24":                                "True",
		"domain.raw == domain.raw":                              "True",
		"domain.none is None and domain.on":                     "True",
		"bool(domain.thing)":                                    "True",
		"not domain.on or domain.rows[1] > 2":                   "True",
		"any(domain.reserves == x for x in [1, 100])":           "True",
	} {
		a := evaluate(t, text, false)
		require.Empty(t, a.Failed, text)
		require.Equal(t, want, a.Shown, text)
		require.Equal(t, want != "False", a.True, text)
	}
}

// What cannot be judged says so, and points into the text.
func TestFailures(t *testing.T) {
	for text, want := range map[string]string{
		"domain.missing":          "AttributeError: domain_ctx.missing is missing\n  domain.missing\n         ^",
		"domain.rows[5]":          "LookupError: domain_ctx.rows[5] is missing\n  domain.rows[5]\n             ^",
		"domain.price > 1":        "TypeError: a check cannot compute with a Decimal; use a condition such as min, max or finite\n  domain.price > 1\n         ^",
		"domain.bad":              "ValueError: no\n  domain.bad\n         ^",
		"domain.thing > 1":        "",
		"1 in domain.reserves":    "TypeError: not iterable",
		"domain.reserves / 0 > 1": "ZeroDivisionError",
	} {
		a := evaluate(t, text, false)
		require.Contains(t, a.Failed, want, text)
		require.NotEmpty(t, a.Failed, text)
		require.False(t, a.True)
	}
}

// Names that are nothing else are arguments where there are any, and have no place elsewhere.
func TestArguments(t *testing.T) {
	x, err := check.Language{}.Compile("amount * rate <= domain.reserves + amount", true)
	require.NoError(t, err)
	require.Len(t, x.Needs(), 3)
	require.Equal(t, "amount", x.Needs()[0].Field.Arg)
	require.Equal(t, "rate", x.Needs()[1].Field.Arg)
	require.True(t, evaluate(t, "amount <= domain.reserves", true, audit.IntValue(100)).True)
	nested := audit.MapValue(audit.StringValue("rows"), audit.ListValue(audit.IntValue(1), audit.NumberValue("0.5")))
	require.True(t, evaluate(t, "amount['rows'][0] == 1 and len(amount['rows']) == 2", true, nested).True)
	require.Contains(t, evaluate(t, "amount > 1", true, audit.AbsentValue()).Failed, "there is no argument 'amount'")
	require.Contains(t, evaluate(t, "amount > 1", true, audit.RaisedValue("ValueError: x")).Failed, "ValueError: x")
	_, err = check.Language{}.Compile("amount > 1", false)
	require.ErrorContains(t, err, `there is no name "amount" here`)
}

// Every mistake is a Malformed with its column.
func TestMistakes(t *testing.T) {
	for text, want := range map[string]audit.Malformed{
		"domain.x >":        {Line: 1, Column: 11},
		"domian.x":          {Line: 1, Column: 1},
		"domain.x +\n * 2":  {Line: 2, Column: 2},
		"1 < 2":             {},
		"local.x > 1":       {},
		"__import__('os')":  {Line: 1, Column: 1},
		"domain._x":         {Line: 1, Column: 8},
		"domain.x for x in": {Line: 1, Column: 10},
	} {
		_, err := check.Language{}.Compile(text, false)
		m, ok := errors.AsType[*audit.Malformed](err)
		require.True(t, ok, text)
		require.NotEmpty(t, m.Text)
		want.Text = m.Text
		require.Equal(t, want, *m, text)
	}
}

// No text and no value makes an evaluation panic, hang, or pass by failing.
func FuzzCheck(f *testing.F) {
	for _, text := range []string{
		"domain.reserves >= sum(domain.accounts.values())", "amount in domain.tags", "[a for a, b in amount]",
		"domain.rows[amount]", "amount[0]['x'].y", "{amount: 1} == {1: amount}", "any(x for x in amount if x)",
	} {
		f.Add(text, int64(1), "x")
	}
	f.Fuzz(func(t *testing.T, text string, n int64, s string) {
		x, err := check.Language{}.Compile(text, true)
		if err != nil {
			return
		}
		require.NotEmpty(t, x.Needs())
		arg := audit.MapValue(audit.IntValue(n), audit.ListValue(audit.StringValue(s), audit.NullValue()),
			audit.StringValue(s), audit.NumberValue(big.NewInt(n).String()+"123456789012345678901234567890"))
		run := x.Start()
		var values []audit.Value
		for _, need := range x.Needs() {
			if need.Field.Arg != "" {
				values = append(values, arg)
			} else {
				values = append(values, find(need))
			}
		}
		for range 20 {
			a := run.Step(values)
			require.False(t, a.True && a.Failed != "")
			if len(a.Needs) == 0 {
				return
			}
			values = nil
			for _, need := range a.Needs {
				values = append(values, find(need))
			}
		}
	})
}
