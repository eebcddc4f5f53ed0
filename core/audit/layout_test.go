package audit

import (
	"testing"

	"github.com/stretchr/testify/require"
)

// The layout of an array is judged exactly; what the host did not say, or what is no array, violates.
func TestLayoutConditions(t *testing.T) {
	frame := ArrayValue(4, Facts{Known: AskLayout, Shape: []int64{4, 3}, Dtype: "float32", Bytes: 48})
	scalar := ArrayValue(1, Facts{Known: AskLayout, Shape: nil, Dtype: "int8", Bytes: 1})
	list := func(lengths ...int64) Value {
		items := make([]Value, len(lengths))
		for i, n := range lengths {
			if items[i] = IntValue(n); n < 0 {
				items[i] = NullValue()
			}
		}
		return ListValue(items...)
	}
	names := ListValue(StringValue("int8"), StringValue("float32"))
	for _, c := range []struct {
		condition Condition
		limit     Value
		value     Value
		want      outcome
	}{
		{Shape, list(4, 3), frame, passes},
		{Shape, list(-1, 3), frame, passes},
		{Shape, list(-1, -1), frame, passes},
		{Shape, list(3, 4), frame, fails},
		{Shape, list(4), frame, fails},
		{Shape, list(4, 3, 1), frame, fails},
		{Shape, list(), frame, fails},
		{Shape, list(), scalar, passes},
		{Dtype, StringValue("float32"), frame, passes},
		{Dtype, StringValue("float64"), frame, fails},
		{Dtype, StringValue("float"), frame, fails},
		{Dtype, names, frame, passes},
		{Dtype, names, scalar, passes},
		{NBytes, IntValue(48), frame, passes},
		{NBytes, IntValue(49), frame, fails},
		{Shape, list(5), ArrayValue(5, Facts{}), noFact},
		{Dtype, names, ArrayValue(5, Facts{Known: AskFinite}), noFact},
		{NBytes, IntValue(1), ArrayValue(5, Facts{}), noFact},
		{Shape, list(5), ListLen(5), wrongKind},
		{Dtype, names, StringValue("int8"), wrongKind},
		{NBytes, IntValue(5), BytesValue("abcde"), wrongKind},
		{Shape, list(5), AbsentValue(), isMissing},
	} {
		got := c.condition.judge(ready(t, c.condition, c.limit), &c.value)
		require.Equal(t, c.want, got, "%s %s of %s", c.condition, c.limit, c.value)
	}
	require.Equal(t, "<array of float32 and shape [4, 3]>", frame.String())
}

// A limit that cannot be a layout is refused when the recipe is read.
func TestLayoutLimits(t *testing.T) {
	for _, c := range []struct {
		condition Condition
		limit     Value
		want      string
	}{
		{Shape, IntValue(3), "a list of lengths"},
		{Shape, ListValue(IntValue(-1)), "a list of lengths"},
		{Shape, ListValue(FloatValue(3)), "a list of lengths"},
		{Dtype, IntValue(3), "the name of an element type"},
		{Dtype, StringValue(""), "the name of an element type"},
		{Dtype, ListValue(), "the name of an element type"},
		{NBytes, IntValue(-1), "a whole number"},
		{NBytes, FloatValue(1), "a whole number"},
	} {
		_, wrong := conditions[c.condition].limit(c.limit)
		require.Contains(t, wrong, c.want, "%s: %s", c.condition, c.limit)
	}
}
