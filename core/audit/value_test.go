package audit

import (
	"math"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

// Values look as in Python, on one bounded line.
func TestShow(t *testing.T) {
	for _, c := range []struct {
		value Value
		want  string
	}{
		{AbsentValue(), "missing"},
		{RaisedValue("KeyError: 'x'\nmore"), "KeyError: 'x'..."},
		{NullValue(), "None"},
		{BoolValue(true), "True"},
		{IntValue(-5), "-5"},
		{FloatValue(5), "5.0"},
		{FloatValue(0.1), "0.1"},
		{FloatValue(1e16), "1e+16"},
		{FloatValue(123456789012345), "123456789012345.0"},
		{FloatValue(1e-5), "1e-05"},
		{FloatValue(math.NaN()), "nan"},
		{FloatValue(math.Inf(-1)), "-inf"},
		{FloatValue(math.Inf(1)), "inf"},
		{FloatValue(math.Copysign(0, -1)), "-0.0"},
		{NumberValue("99999999999999999999"), "99999999999999999999"},
		{NumberValue("1.50"), "1.5"},
		{NumberValue("1/3"), "1/3"},
		{NumberValue("Infinity"), "inf"},
		{NumberValue("-inf"), "-inf"},
		{NumberValue("NaN"), "nan"},
		{StringValue("it's"), `"it's"`},
		{StringValue("a'\"\n\\"), `'a\'"\n\\'`},
		{BytesValue("a'\x00"), `b'a\'\x00'`},
		{ListValue(IntValue(1), StringValue("a")), "[1, 'a']"},
		{ListLen(3), "<list of length 3>"},
		{ListValue(ListValue(ListValue(ListValue(IntValue(1))))), "[[[<list of length 1>]]]"},
		{MapValue(StringValue("a"), IntValue(1), StringValue("b"), NullValue()), "{'a': 1, 'b': None}"},
		{ArrayValue(7, Facts{}), "<array of length 7>"},
		{ArrayValue(7, Facts{}).WithType("ndarray object"), "<ndarray of length 7>"},
		{ObjectValue("Account object"), "<Account>"},
		{ObjectValue(""), "<object>"},
		{EachValue(), "<values>"},
	} {
		require.Equal(t, c.want, c.value.String())
	}
	long := ListValue(StringValue(strings.Repeat("x", 1000)), StringValue("y")).String()
	require.Len(t, long, maxShown)
	require.True(t, strings.HasSuffix(long, "..."))
	require.Len(t, StringValue(strings.Repeat("x", 1000)).String(), maxShown)
	many := make([]Value, 1000)
	require.LessOrEqual(t, len(ListValue(many...).String()), maxShown)
}

// A number in text is exact; what is none, or too large to reckon with, cannot be read.
func TestNumber(t *testing.T) {
	for _, text := range []string{"", "x", "1_000", "0x10", "1e5001", "1e-99999999999999999999", strings.Repeat("1", maxDigits+1), "1/0", "p3", "1e", "--1"} {
		require.Equal(t, Raised, NumberValue(text).Kind(), text)
	}
	require.Equal(t, IntValue(-9223372036854775808), NumberValue("-9223372036854775808"))
	require.Equal(t, Exact, NumberValue("9223372036854775808").Kind())
	tenth, float := NumberValue("0.1"), FloatValue(0.1)
	require.Equal(t, no, equal(&tenth, &float), "as in Python, 0.1 is not Decimal('0.1')")
}

// The length of text is that of Python: characters, not bytes.
func TestLength(t *testing.T) {
	v := StringValue("größe")
	n, ok := v.length()
	require.True(t, ok)
	require.EqualValues(t, 5, n)
	v = v.WithLen(7)
	n, _ = v.length()
	require.EqualValues(t, 7, n)
}

// Facts of memory are those of its elements, in one block or in several.
func TestScan(t *testing.T) {
	element := rapid.OneOf(rapid.Float64(), rapid.SampledFrom([]float64{math.NaN(), math.Inf(1), math.Inf(-1), 0}))
	rapid.Check(t, func(t *rapid.T) {
		data := rapid.SliceOfN(element, 0, 20).Draw(t, "data")
		f := Scan(data)
		finite, least, greatest := true, math.Inf(1), math.Inf(-1)
		for _, x := range data {
			finite = finite && !math.IsNaN(x) && !math.IsInf(x, 0)
			if least, greatest = min(least, x), max(greatest, x); math.IsNaN(x) {
				break
			}
		}
		require.Equal(t, finite, f.Finite)
		require.Equal(t, len(data) > 0, f.Known&AskExtreme != 0)
		if len(data) > 0 {
			require.Equal(t, FloatValue(least).String(), f.Min.String())
			require.Equal(t, FloatValue(greatest).String(), f.Max.String())
		}
		cut := rapid.IntRange(0, len(data)).Draw(t, "cut")
		joined := Scan(data[:cut]).Join(Scan(data[cut:]))
		require.Equal(t, f.Known, joined.Known)
		require.Equal(t, f.Finite, joined.Finite)
		require.Equal(t, unsigned(f.Min), unsigned(joined.Min))
		require.Equal(t, unsigned(f.Max), unsigned(joined.Max))
	})
	f := Scan([]uint64{math.MaxUint64, 3})
	require.Equal(t, "18446744073709551615", f.Max.String())
	require.Equal(t, IntValue(3), f.Min)
	require.Equal(t, IntValue(-128), Scan([]int8{1, -128}).Min)
	require.True(t, f.Finite)
}

// unsigned prints a number; which of two equal zeros was met first is nobody's business.
func unsigned(v Value) string {
	if s := v.String(); s != "-0.0" {
		return s
	}
	return "0.0"
}
