package flux

import (
	"cmp"
	"slices"

	"go.starlark.net/starlark"
)

// quick is a condition that takes no interpreter: values, two of one kind compared, and what "and",
// "or" and "not" make of these. Loops turn on such conditions. Where it does not know the answer, the
// interpreter is asked.
type quick struct {
	op   string // "compare" x and y; "" is x alone; "and", "or" and "not" are about all
	how  Op     // of compare
	x, y operand
	all  []*quick
}

// operand is a value that is there: of a slot, of a loop variable, or of the text.
type operand struct {
	slot, variable int // -1: none
	value          starlark.Value
}

// shorten makes the quick form of a condition; nil if it has none.
func (c *Condition) shorten(x expr) *quick {
	switch x := x.(type) {
	case *comparison:
		if len(x.ops) != 1 || ops[x.ops[0]] == 0 {
			return nil
		}
		a, knownA := c.operand(x.x)
		b, knownB := c.operand(x.ys[0])
		if !knownA || !knownB {
			return nil
		}
		return &quick{op: "compare", how: ops[x.ops[0]], x: a, y: b}
	case *logic:
		return c.combine(x.op, x.x, x.y)
	case *unary:
		if x.op == "not" {
			return c.combine("not", x.x)
		}
		return nil
	}
	if a, known := c.operand(x); known {
		return &quick{x: a}
	}
	return nil
}

func (c *Condition) combine(op string, parts ...expr) *quick {
	q := &quick{op: op}
	for _, part := range parts {
		inner := c.shorten(part)
		if inner == nil {
			return nil
		}
		q.all = append(q.all, inner)
	}
	return q
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
		links = append(links, link{name: a.name})
		x = a.x
	}
	slices.Reverse(links)
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
		if s.need.What == Get && s.need.Path.Equal(where) {
			o.slot = i
			return o, true
		}
	}
	return o, false
}

// get gives what is there. nil: it was not read yet, and is asked for; or it is not known here.
func (o *operand) get(e *Evaluation) starlark.Value {
	v := o.value
	switch {
	case o.slot >= 0:
		a := &e.static[o.slot]
		if v = a.value; a.failure != nil {
			return nil
		}
		if v == nil {
			e.asked = append(e.asked, question{e.cond.slots[o.slot].need, o.slot})
		}
	case o.variable >= 0:
		v = e.args[1+o.variable]
	}
	if p, ok := v.(*place); ok && (!p.known || p.doubt != nil) {
		return nil
	}
	return v
}

var ops = map[string]Op{"<": Less, "<=": LessEqual, ">": Greater, ">=": GreaterEqual, "==": Equal, "!=": NotEqual}

// repeat is the test as the host may make it by itself; nil if it may not.
func (q *quick) repeat() *Repeat {
	if q.x.slot < 0 || len(q.all) > 0 {
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
	return &Repeat{Op: q.how, Bound: n}
}

// holds tells by a comparison whether it is the one that was asked for.
func (o Op) holds(c int) bool {
	switch o {
	case Less:
		return c < 0
	case LessEqual:
		return c <= 0
	case Greater:
		return c > 0
	case GreaterEqual:
		return c >= 0
	case Equal:
		return c == 0
	default:
		return c != 0
	}
}

// value gives that of the condition. nil: something was asked for, or the interpreter has to say.
func (q *quick) value(e *Evaluation) starlark.Value {
	switch q.op {
	case "":
		return q.x.get(e)
	case "not":
		v := q.all[0].value(e)
		if v == nil {
			return nil
		}
		return !v.Truth()
	case "and", "or":
		v := q.all[0].value(e)
		if v == nil || bool(v.Truth()) == (q.op == "or") {
			return v
		}
		return q.all[1].value(e)
	}
	x := q.x.get(e)
	if x == nil {
		return nil
	}
	y := q.y.get(e)
	if y == nil {
		return nil
	}
	if c, ok := compared(x, y); ok {
		return starlark.Bool(q.how.holds(c))
	}
	return nil
}

// compared tells how two values of one kind compare, if that is certain.
func compared(x, y starlark.Value) (int, bool) {
	switch x := x.(type) {
	case starlark.Int:
		if y, ok := y.(starlark.Int); ok {
			a, small := x.Int64()
			b, too := y.Int64()
			return cmp.Compare(a, b), small && too
		}
	case starlark.Float:
		if y, ok := y.(starlark.Float); ok { // nan is equal to nothing
			return cmp.Compare(x, y), x == x && y == y
		}
	case starlark.String:
		if y, ok := y.(starlark.String); ok {
			return cmp.Compare(x, y), true
		}
	}
	return 0, false
}
