package flux

import (
	"cmp"

	"go.starlark.net/starlark"
)

// quick is a condition that takes no interpreter: one value, or two of one kind compared. Loops turn
// on such conditions. Where it does not know the answer, the interpreter is asked.
type quick struct {
	op   string // "" is x alone
	x, y operand
}

// operand is a value that is there: of a slot, of a loop variable, or of the text.
type operand struct {
	slot, variable int // -1: none
	value          starlark.Value
}

// shorten makes the quick form of a condition; nil if it has none.
func (c *Condition) shorten(x expr) *quick {
	if pair, ok := x.(*comparison); ok {
		if len(pair.ops) != 1 || order[pair.ops[0]] == nil {
			return nil
		}
		a, knownA := c.operand(pair.x)
		b, knownB := c.operand(pair.ys[0])
		if !knownA || !knownB {
			return nil
		}
		return &quick{pair.ops[0], a, b}
	}
	if a, known := c.operand(x); known {
		return &quick{x: a}
	}
	return nil
}

func (c *Condition) operand(x expr) (operand, bool) {
	o := operand{slot: -1, variable: -1}
	if constant, ok := x.(*constant); ok {
		switch v := constant.value.(type) {
		case int64:
			o.value = starlark.MakeInt64(v)
		case float64:
			o.value = starlark.Float(v)
		case string:
			o.value = starlark.String(v)
		case bool:
			o.value = starlark.Bool(v)
		}
		return o, o.value != nil
	}
	var links []link
	for {
		a, ok := x.(*attribute)
		if !ok {
			break
		}
		links = append([]link{{name: a.name}}, links...)
		x = a.x
	}
	n, ok := x.(*name)
	if !ok {
		return o, false
	}
	for i, v := range c.vars {
		if v == n.id {
			o.variable = i
			return o, len(links) == 0
		}
	}
	where, _ := constants(roots[n.id], links)
	for i, s := range c.slots {
		if s.first && s.need.What == Get && s.need.Path.Equal(where) {
			o.slot = i
			return o, true
		}
	}
	return o, false
}

// get gives what is there; nil if it is not, or is a failure.
func (o *operand) get(e *Evaluation) starlark.Value {
	switch {
	case o.slot >= 0:
		if e.static[o.slot].failure != nil {
			return nil
		}
		return e.static[o.slot].value
	case o.variable >= 0:
		return e.args[1+o.variable]
	}
	return o.value
}

var ops = map[string]Op{"<": Less, "<=": LessEqual, ">": Greater, ">=": GreaterEqual, "==": Equal, "!=": NotEqual}

// repeat is the test as the host may make it by itself; nil if it may not.
func (q *quick) repeat() *Repeat {
	if q.x.slot < 0 {
		return nil
	}
	if q.op == "" {
		return &Repeat{Op: IsTrue}
	}
	bound, ok := q.y.value.(starlark.Int)
	if !ok {
		return nil
	}
	n, small := bound.Int64()
	if !small {
		return nil
	}
	return &Repeat{Op: ops[q.op], Bound: n}
}

// order tells by a comparison whether an operator holds.
var order = map[string]func(int) bool{
	"<":  func(c int) bool { return c < 0 },
	"<=": func(c int) bool { return c <= 0 },
	">":  func(c int) bool { return c > 0 },
	">=": func(c int) bool { return c >= 0 },
	"==": func(c int) bool { return c == 0 },
	"!=": func(c int) bool { return c != 0 },
}

// value gives that of the condition, if it is certain.
func (q *quick) value(e *Evaluation) (starlark.Value, bool) {
	x := q.x.get(e)
	if x == nil || q.op == "" {
		return x, x != nil
	}
	result := 0
	switch x := x.(type) {
	case starlark.Int:
		y, ok := q.y.get(e).(starlark.Int)
		if !ok {
			return nil, false
		}
		a, small := x.Int64()
		b, too := y.Int64()
		if !small || !too {
			return nil, false
		}
		result = cmp.Compare(a, b)
	case starlark.Float:
		y, ok := q.y.get(e).(starlark.Float)
		if !ok || x != x || y != y { // nan is equal to nothing
			return nil, false
		}
		result = cmp.Compare(x, y)
	case starlark.String:
		y, ok := q.y.get(e).(starlark.String)
		if !ok {
			return nil, false
		}
		result = cmp.Compare(x, y)
	default:
		return nil, false
	}
	return starlark.Bool(order[q.op](result)), true
}
