package audit

import (
	"math"
	"regexp"
	"slices"
	"strings"
)

// Condition is one test of a value against a limit.
type Condition uint8

const (
	Min     Condition = 1  // a number, or each element of an array, is at least the limit
	Max     Condition = 2  // and at most
	Eq      Condition = 3  // ==
	Neq     Condition = 4  // !=
	MinLen  Condition = 5  // len() is at least the limit
	MaxLen  Condition = 6  // and at most
	Regex   Condition = 7  // re.search finds the limit in a text; RE2, so time is linear
	In      Condition = 8  // equals one of a list
	NotIn   Condition = 9  // equals none of a list
	Type    Condition = 10 // isinstance, by name
	NotNull Condition = 11 // is not None
	Finite  Condition = 12 // a number, or each element of an array, is neither NaN nor infinite
	Shape   Condition = 13 // an array has these lengths; null stands for any
	Dtype   Condition = 14 // the elements of an array are of this type, or one of several
	NBytes  Condition = 15 // the elements of an array take this many bytes
	Check   Condition = 16 // an expression is true; it names its fields itself
)

// conditions is the table: a condition is what stands here and nothing else. A test that is not
// certain fails, so what it does not mention violates.
var conditions = [...]struct {
	word  string
	ask   Ask
	limit func(v Value) (limit, string) // reads what the recipe says; a text tells what belongs there
	test  func(l *limit, v *Value) outcome
}{
	Min:     {"min", AskValue | AskExtreme, numberLimit, func(l *limit, v *Value) outcome { return ordered(l, v, -1) }},
	Max:     {"max", AskValue | AskExtreme, numberLimit, func(l *limit, v *Value) outcome { return ordered(l, v, +1) }},
	Eq:      {"eq", AskValue, anyLimit, func(l *limit, v *Value) outcome { return holds(equal(&l.value, v), yes) }},
	Neq:     {"neq", AskValue, anyLimit, func(l *limit, v *Value) outcome { return holds(equal(&l.value, v), no) }},
	MinLen:  {"min_len", AskLen, lengthLimit, func(l *limit, v *Value) outcome { return sized(l, v, -1) }},
	MaxLen:  {"max_len", AskLen, lengthLimit, func(l *limit, v *Value) outcome { return sized(l, v, +1) }},
	Regex:   {"regex", AskValue, regexLimit, matches},
	In:      {"in", AskValue, listLimit, func(l *limit, v *Value) outcome { return holds(among(l.list, v), yes) }},
	NotIn:   {"not_in", AskValue, listLimit, func(l *limit, v *Value) outcome { return holds(among(l.list, v), no) }},
	Type:    {"type", AskType, typeLimit, isInstance},
	NotNull: {"not_null", AskType, trueLimit, func(_ *limit, v *Value) outcome { return holds(when(v.kind == Null), no) }},
	Finite:  {"finite", AskValue | AskFinite, trueLimit, isFinite},
	Shape:   {"shape", AskLayout, shapeLimit, hasShape},
	Dtype:   {"dtype", AskLayout, dtypeLimit, hasDtype},
	NBytes:  {"nbytes", AskLayout, lengthLimit, hasBytes},
	Check:   {"check", 0, nil, nil}, // see check.go
}

// conditionWords lists the words, in the order of the table.
var conditionWords = func() (words []string) {
	for _, c := range conditions[1:] {
		words = append(words, c.word)
	}
	return words
}()

// String is the word of the condition, "" for none.
func (c Condition) String() string {
	if int(c) >= len(conditions) {
		return ""
	}
	return conditions[c].word
}

// conditionOf reads a word.
func conditionOf(word string) (Condition, bool) {
	for c := Min; int(c) < len(conditions); c++ {
		if conditions[c].word == word {
			return c, true
		}
	}
	return 0, false
}

// outcome of a test.
type outcome uint8

const (
	passes     outcome = iota
	fails              // the value is not what the limit asks for
	wrongKind          // the limit cannot be asked of such a value
	noFact             // a fact about an array is missing
	isMissing          // the value is absent
	hasRaised          // reading the value failed
	isNested           // an Each in an Each, which no host may say
	noElements         // an empty array has no least or greatest element
)

// reasons end a message where it is not enough to show value and limit.
var reasons = [...]string{
	passes:     "",
	fails:      "",
	wrongKind:  "which this condition cannot judge",
	noFact:     "of which the host did not say enough",
	isMissing:  "",
	hasRaised:  "",
	isNested:   "of which the host did not say enough",
	noElements: "which has no elements",
}

func holds(got, want answer) outcome {
	switch got {
	case want:
		return passes
	case unknown:
		return wrongKind
	default:
		return fails
	}
}

// limit is what a rule compares with, made ready.
type limit struct {
	value Value
	list  []Value
	words []string
	n     int64
	re    *regexp.Regexp
	check Expression
}

// judge runs the test of a condition. What is no value never gets as far as the test.
func (c Condition) judge(l *limit, v *Value) outcome {
	switch v.kind {
	case Absent:
		return isMissing
	case Raised:
		return hasRaised
	case Each:
		return isNested
	default:
		return conditions[c].test(l, v)
	}
}

// ordered wants v not on the given side of the limit.
func ordered(l *limit, v *Value, side int) outcome {
	if v.kind == Array {
		return extreme(l, v, side)
	}
	if !v.isNumber() {
		return wrongKind
	}
	if sign, ok := order(v, &l.value); !ok || sign == side {
		return fails
	}
	return passes
}

// extreme wants no element of an array on the given side of the limit.
func extreme(l *limit, v *Value, side int) outcome {
	if v.len == 0 {
		return noElements
	}
	f := &v.more.facts
	if f.Known&AskExtreme == 0 {
		return noFact
	}
	x := &f.Max
	if side < 0 {
		x = &f.Min
	}
	if !x.isNumber() {
		return noFact
	}
	return ordered(l, x, side)
}

// sized wants the length of v not on the given side of the limit.
func sized(l *limit, v *Value, side int) outcome {
	n, ok := v.length()
	switch {
	case !ok:
		return wrongKind
	case side < 0 && n < l.n || side > 0 && n > l.n:
		return fails
	default:
		return passes
	}
}

func matches(l *limit, v *Value) outcome {
	if v.kind != String {
		return wrongKind
	}
	return holds(when(l.re.MatchString(v.text)), yes)
}

// isInstance asks whether a type of v is one of the limit's.
func isInstance(l *limit, v *Value) outcome {
	rest := v.types()
	if rest == "" {
		return wrongKind
	}
	for rest != "" {
		var name string
		name, rest, _ = strings.Cut(rest, " ")
		if slices.Contains(l.words, name) {
			return passes
		}
	}
	return fails
}

func isFinite(_ *limit, v *Value) outcome {
	switch {
	case v.kind == Array && v.more.facts.Known&AskFinite == 0:
		return noFact
	case v.kind == Array:
		return holds(when(v.more.facts.Finite), yes)
	case v.kind == Float:
		return holds(when(math.IsNaN(v.float) || math.IsInf(v.float, 0)), no)
	case v.isNumber():
		return passes
	default:
		return wrongKind
	}
}

// layout gives what the host said of how an array is laid out, or why nothing can be judged.
func (v *Value) layout() (*Facts, outcome) {
	switch {
	case v.kind != Array:
		return nil, wrongKind
	case v.more.facts.Known&AskLayout == 0:
		return nil, noFact
	default:
		return &v.more.facts, passes
	}
}

func hasShape(l *limit, v *Value) outcome {
	f, why := v.layout()
	if why != passes {
		return why
	}
	lengths, _ := l.value.elements()
	if len(lengths) != len(f.Shape) {
		return fails
	}
	for i, n := range lengths {
		if n.kind == Int && n.num != f.Shape[i] {
			return fails
		}
	}
	return passes
}

func hasDtype(l *limit, v *Value) outcome {
	f, why := v.layout()
	if why != passes {
		return why
	}
	return holds(when(slices.Contains(l.words, f.Dtype)), yes)
}

func hasBytes(l *limit, v *Value) outcome {
	f, why := v.layout()
	if why != passes {
		return why
	}
	return holds(when(f.Bytes == l.n), yes)
}
