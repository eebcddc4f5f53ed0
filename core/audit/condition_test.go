package audit

import (
	"fmt"
	"math"
	"math/big"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

// ready makes the limit of a condition, which must be a good one.
func ready(t testing.TB, c Condition, v Value) *limit {
	t.Helper()
	l, wrong := conditions[c].limit(v)
	require.Empty(t, wrong, "%s: %s", c, v)
	return &l
}

// kinds has values of every kind, under the name that the table of a condition uses.
var kinds = []struct {
	name  string
	value Value
}{
	{"absent", AbsentValue()},
	{"raised", RaisedValue("KeyError: 'x'")},
	{"none", NullValue()},
	{"true", BoolValue(true)},
	{"false", BoolValue(false)},
	{"int", IntValue(5)},
	{"float", FloatValue(5)},
	{"nan", FloatValue(math.NaN())},
	{"inf", FloatValue(math.Inf(1))},
	{"-inf", FloatValue(math.Inf(-1))},
	{"big", NumberValue("99999999999999999999")},
	{"decimal", NumberValue("5.0")},
	{"str", StringValue("abcde")},
	{"bytes", BytesValue("abcde")},
	{"list", ListValue(IntValue(5), StringValue("abcde"))},
	{"list unread", ListLen(5)},
	{"dict", MapValue(StringValue("k"), IntValue(5))},
	{"dict unread", MapLen(5)},
	{"array", ArrayValue(5, Scan([]float32{5, 6}))},
	{"array nan", ArrayValue(5, Scan([]float64{5, math.NaN()}))},
	{"array inf", ArrayValue(5, Scan([]float64{5, math.Inf(1)}))},
	{"array empty", ArrayValue(0, Scan([]float64{}))},
	{"array unread", ArrayValue(5, Facts{})},
	{"object", ObjectValue("Account")},
	{"object sized", ObjectValue("deque").WithLen(5)},
	{"each in each", EachValue(Item{"x", IntValue(5)})},
}

// Every condition is asked of every kind; the kinds that are named pass, all others violate.
// A3: absent and None are two things. A6: whatever is not certain violates; eq compares numbers.
func TestConditions(t *testing.T) {
	abcde, five := StringValue("abcde"), IntValue(5)
	for _, c := range []struct {
		condition Condition
		limit     Value
		pass      string
	}{
		{Min, five, "int, float, inf, big, decimal, array, array inf"},
		{Min, FloatValue(5.5), "inf, big"},
		{Min, IntValue(1), "true, int, float, inf, big, decimal, array, array inf"},
		{Max, five, "true, false, int, float, -inf, decimal"},
		{Max, FloatValue(math.Inf(1)), "true, false, int, float, inf, -inf, big, decimal, array, array inf"},
		{Max, FloatValue(6), "true, false, int, float, -inf, decimal, array"},
		{Eq, five, "int, float, decimal"},
		{Eq, BoolValue(true), "true"},
		{Eq, IntValue(1), "true"},
		{Eq, NullValue(), "none"},
		{Eq, abcde, "str"},
		{Eq, BytesValue("abcde"), "bytes"},
		{Eq, ListValue(FloatValue(5), abcde), "list"},
		{Eq, MapValue(StringValue("k"), FloatValue(5)), "dict"},
		{Eq, FloatValue(math.Inf(1)), "inf"},
		{Eq, NumberValue("99999999999999999999"), "big"},
		{Neq, five, "none, true, false, nan, inf, -inf, big, str, bytes, list, list unread, dict, dict unread"},
		{Neq, NullValue(), "true, false, int, float, nan, inf, -inf, big, decimal, str, bytes, list, list unread, " +
			"dict, dict unread, array, array nan, array inf, array empty, array unread, object, object sized"},
		{Neq, ListValue(five, five, five, five, five), "none, true, false, int, float, nan, inf, -inf, big, decimal, str, bytes, " +
			"list, dict, dict unread"},
		{MinLen, five, "str, bytes, list unread, dict unread, array, array nan, array inf, array unread, object sized"},
		{MinLen, IntValue(6), ""},
		{MaxLen, five, "str, bytes, list, list unread, dict, dict unread, array, array nan, array inf, array empty, " +
			"array unread, object sized"},
		{MaxLen, IntValue(4), "list, dict, array empty"},
		{Regex, StringValue("bcd"), "str"},
		{Regex, StringValue("^bcd"), ""},
		{In, ListValue(abcde, five), "int, float, decimal, str"},
		{NotIn, ListValue(abcde, five), "none, true, false, nan, inf, -inf, big, bytes, list, list unread, dict, dict unread"},
		{Type, StringValue("int"), "true, false, int, big"},
		{Type, ListValue(StringValue("string"), StringValue("NoneType")), "none, str"},
		{Type, StringValue("bool"), "true, false"},
		{Type, StringValue("Account"), "object"},
		{NotNull, BoolValue(true), "true, false, int, float, nan, inf, -inf, big, decimal, str, bytes, list, list unread, " +
			"dict, dict unread, array, array nan, array inf, array empty, array unread, object, object sized"},
		{Finite, BoolValue(true), "true, false, int, float, big, decimal, array, array empty"},
	} {
		l := ready(t, c.condition, c.limit)
		var pass []string
		for _, k := range kinds {
			if c.condition.judge(l, &k.value) == passes {
				pass = append(pass, k.name)
			}
		}
		require.Equal(t, c.pass, strings.Join(pass, ", "), "%s: %s", c.condition, c.limit)
	}
}

// A limit that a condition has no meaning for is refused with what belongs there.
func TestLimits(t *testing.T) {
	for _, c := range []struct {
		condition Condition
		limit     Value
		want      string
	}{
		{Min, StringValue("5"), "a number"},
		{Max, BoolValue(true), "a number"},
		{Max, FloatValue(math.NaN()), "nothing compares with NaN"},
		{Eq, FloatValue(math.NaN()), "use finite"},
		{MinLen, IntValue(-1), "a length"},
		{MaxLen, FloatValue(1), "a length"},
		{Regex, IntValue(1), "a regular expression"},
		{Regex, StringValue("("), "missing closing )"},
		{Regex, StringValue("a(?=b)"), "RE2 has no lookaround"},
		{Regex, StringValue(`(a)\1`), "RE2 has no back-references"},
		{Regex, StringValue("((a{100}){100}){100}"), "no regular expression"},
		{Regex, StringValue(strings.Repeat("a", maxPattern+1)), "too long"},
		{In, StringValue("abc"), "a list of values"},
		{NotIn, ListValue(), "a list of values"},
		{Type, NullValue(), "the name of a type"},
		{Type, ListValue(IntValue(1)), "the name of a type"},
		{Type, StringValue("int or str"), "the name of a type"},
		{NotNull, BoolValue(false), "remove it"},
		{Finite, StringValue("yes"), "true belongs here"},
	} {
		_, wrong := conditions[c.condition].limit(c.limit)
		require.Contains(t, wrong, c.want, "%s: %s", c.condition, c.limit)
	}
}

// A pattern that would keep a backtracking engine busy for ever takes linear time.
func TestRegexBomb(t *testing.T) {
	l := ready(t, Regex, StringValue("^(a+)+$"))
	v := StringValue(strings.Repeat("a", 100_000) + "b")
	require.Equal(t, fails, Regex.judge(l, &v))
}

// Every word is that of exactly one condition or level.
func TestWords(t *testing.T) {
	require.Len(t, conditionWords, int(Check))
	for _, word := range conditionWords {
		c, ok := conditionOf(word)
		require.True(t, ok)
		require.Equal(t, word, c.String())
	}
	for _, word := range levelWords {
		l, ok := levelOf(word)
		require.True(t, ok)
		require.Equal(t, word, l.String())
		require.Equal(t, strings.Contains("SAB", word), l.Refuses())
	}
	require.Empty(t, Condition(99).String()+Level(99).String()+Level(0).String())
	_, ok := conditionOf("")
	require.False(t, ok)
	_, ok = levelOf("")
	require.False(t, ok)
}

// numbers draws numbers around the places where int64 and float64 differ.
func numbers() *rapid.Generator[Value] {
	edge := rapid.SampledFrom([]int64{0, 1, -1, 1 << 53, 1<<53 + 1, math.MaxInt64, math.MinInt64, math.MaxInt64 - 1})
	return rapid.OneOf(
		rapid.Map(rapid.Bool(), BoolValue),
		rapid.Map(edge, IntValue),
		rapid.Map(rapid.Int64(), IntValue),
		rapid.Map(edge, func(n int64) Value { return FloatValue(float64(n)) }),
		rapid.Map(rapid.Float64(), FloatValue),
		rapid.Map(edge, func(n int64) Value { return NumberValue(fmt.Sprintf("%d.5", n)) }),
		rapid.Map(edge, func(n int64) Value { return NumberValue(fmt.Sprintf("%d0", n)) }),
		rapid.Map(rapid.SampledFrom([]float64{math.Inf(1), math.Inf(-1), 1 << 63, -1 << 63, 0.5}), FloatValue),
	)
}

// Numbers are ordered as exact numbers are, whatever they are held in.
func TestOrder(t *testing.T) {
	exact := func(v *Value) *big.Rat {
		if v.kind == Float && math.IsInf(v.float, 0) {
			return new(big.Rat).SetInt(new(big.Int).Lsh(big.NewInt(int64(math.Copysign(1, v.float))), 2000))
		}
		return v.rat()
	}
	rapid.Check(t, func(t *rapid.T) {
		a, b := numbers().Draw(t, "a"), numbers().Draw(t, "b")
		sign, ok := order(&a, &b)
		require.True(t, ok)
		require.Equal(t, exact(&a).Cmp(exact(&b)), sign, "%s %s", a, b)
	})
	for _, k := range kinds {
		v, nan := k.value, FloatValue(math.NaN())
		if v.isNumber() {
			_, ok := order(&v, &nan)
			require.False(t, ok)
			_, ok = order(&nan, &v)
			require.False(t, ok)
		}
	}
}

// Lists and dicts are equal as in Python, and unknown where an element is.
func TestEqual(t *testing.T) {
	one, two, object := IntValue(1), IntValue(2), ObjectValue("X")
	a := StringValue("a")
	for _, c := range []struct {
		x, y Value
		want answer
	}{
		{ListValue(), ListLen(0), yes},
		{ListValue(one), ListLen(1), unknown},
		{ListValue(one), ListLen(2), no},
		{ListValue(one, object), ListValue(BoolValue(true), one), unknown},
		{ListValue(one, object), ListValue(two, one), no},
		{ListValue(ListValue(one)), ListValue(ListValue(FloatValue(1))), yes},
		{MapValue(a, one, two, one), MapValue(two, one, a, one), yes},
		{MapValue(a, one), MapValue(a, two), no},
		{MapValue(a, one), MapValue(two, one), no},
		{MapValue(a, one), MapValue(a, object), unknown},
		{MapValue(a, one), MapValue(object, one), unknown},
		{MapValue(a, one), MapLen(1), unknown},
		{MapValue(a, one), MapLen(2), no},
		{MapValue(a), MapLen(0), yes},
		{ListValue(), MapValue(), no},
		{object, object, unknown},
		{FloatValue(math.NaN()), FloatValue(math.NaN()), no},
		{StringValue("a"), BytesValue("a"), no},
	} {
		require.Equal(t, c.want, equal(&c.x, &c.y), "%s %s", c.x, c.y)
		require.Equal(t, c.want, equal(&c.y, &c.x), "%s %s", c.y, c.x)
	}
}
