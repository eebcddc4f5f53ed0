package flux

import (
	"slices"

	"go.starlark.net/starlark"
)

func init() {
	for _, op := range []string{"+", "-", "*", "/", "//", "%", "**", "&", "|", "^", "<<", ">>"} {
		define("@"+op, func(e *Evaluation, args starlark.Tuple, _ []starlark.Tuple) (starlark.Value, error) {
			return e.binary(op, args[0], args[1])
		})
	}
	for _, op := range []string{"-", "+", "~"} {
		define("@unary"+op, func(_ *Evaluation, args starlark.Tuple, _ []starlark.Tuple) (starlark.Value, error) {
			return sign(op, args[0])
		})
	}
	compare := func(name string, do func(e *Evaluation, x, y starlark.Value) (bool, error)) {
		define(name, func(e *Evaluation, args starlark.Tuple, _ []starlark.Tuple) (starlark.Value, error) {
			b, err := do(e, args[0], args[1])
			return starlark.Bool(b), err
		})
	}
	for _, op := range []string{"lt", "le", "gt", "ge"} {
		compare("@"+op, func(e *Evaluation, x, y starlark.Value) (bool, error) { return e.order(op, x, y, 0) })
	}
	compare("@eq", func(e *Evaluation, x, y starlark.Value) (bool, error) { return e.equal(x, y, 0) })
	compare("@ne", func(e *Evaluation, x, y starlark.Value) (bool, error) {
		b, err := e.equal(x, y, 0)
		return !b, err
	})
	compare("@in", (*Evaluation).in)
	compare("@notin", func(e *Evaluation, x, y starlark.Value) (bool, error) {
		b, err := e.in(x, y)
		return !b, err
	})
	compare("@is", func(_ *Evaluation, x, _ starlark.Value) (bool, error) { return x == starlark.None, nil })
	compare("@isnot", func(_ *Evaluation, x, _ starlark.Value) (bool, error) { return x != starlark.None, nil })
}

// sign is an operator before a number.
func sign(op string, v starlark.Value) (starlark.Value, error) {
	switch n := number(v).(type) {
	case starlark.Int:
		switch op {
		case "-":
			return starlark.MakeInt(0).Sub(n), nil
		case "~":
			return n.Not(), nil
		}
		return n, nil
	case starlark.Float:
		switch op {
		case "-":
			return -n, nil
		case "+":
			return n, nil
		}
	}
	return nil, raise("TypeError", "bad operand type for unary %s: '%s'", op, typeName(v))
}

func (e *Evaluation) binary(op string, x, y starlark.Value) (starlark.Value, error) {
	if a, ok := x.(starlark.Bool); ok && (op == "&" || op == "|" || op == "^") {
		if b, ok := y.(starlark.Bool); ok {
			return a && b && op == "&" || (a || b) && op == "|" || a != b && op == "^", nil
		}
	}
	if err := e.spend(effort(op, x, y)); err != nil {
		return nil, err
	}
	v, ok, err := arithmetic(op, x, y)
	if ok || err != nil {
		return v, err
	}
	if x, err = e.contents(x); err != nil {
		return nil, err
	}
	if y, err = e.contents(y); err != nil {
		return nil, err
	}
	switch op {
	case "+":
		v, err = e.concat(x, y)
	case "*":
		v, err = e.repeat(x, y)
	case "-", "&", "|", "^":
		v, err = e.combine(op, x, y)
	case "%":
		if _, ok := x.(starlark.String); ok {
			return nil, raise("TypeError", `texts are not formatted in a condition; join them with "+" and str()`)
		}
	}
	if v == nil && err == nil {
		err = raise("TypeError", "unsupported operand type(s) for %s: '%s' and '%s'", op, typeName(x), typeName(y))
	}
	return v, err
}

// concat is + of texts, lists and tuples; nil if x and y are not two of them.
func (e *Evaluation) concat(x, y starlark.Value) (starlark.Value, error) {
	switch x := x.(type) {
	case starlark.String:
		if y, ok := y.(starlark.String); ok {
			return x + y, e.spend(len(x) + len(y))
		}
	case *starlark.List:
		if y, ok := y.(*starlark.List); ok {
			if err := e.spend(x.Len() + y.Len()); err != nil {
				return nil, err
			}
			all := make([]starlark.Value, 0, x.Len()+y.Len())
			all = slices.AppendSeq(slices.AppendSeq(all, starlark.Elements(x)), starlark.Elements(y))
			return starlark.NewList(all), nil
		}
	case starlark.Tuple:
		if y, ok := y.(starlark.Tuple); ok {
			if err := e.spend(len(x) + len(y)); err != nil {
				return nil, err
			}
			return slices.Concat(x, y), nil
		}
	}
	return nil, nil
}

// repeat is * of a text, list or tuple and a number, in either order.
func (e *Evaluation) repeat(x, y starlark.Value) (starlark.Value, error) {
	if _, ok := number(x).(starlark.Int); ok {
		x, y = y, x
	}
	times, ok := number(y).(starlark.Int)
	if !ok {
		return nil, nil
	}
	length := -1
	switch x := x.(type) {
	case starlark.String:
		length = len(x)
	case *starlark.List:
		length = x.Len()
	case starlark.Tuple:
		length = len(x)
	}
	if length < 0 {
		return nil, nil
	}
	n, fits := times.Int64()
	switch {
	case !fits: // also below zero, and of nothing
		return nil, raise("OverflowError", "cannot fit 'int' into an index-sized integer")
	case n < 0 || length == 0:
		n = 0
	case n > maxSpent:
		return nil, tooMuch()
	}
	if err := e.spend(length * int(n)); err != nil {
		return nil, err
	}
	switch x := x.(type) {
	case starlark.String:
		return starlark.String(repeatText(string(x), int(n))), nil
	case *starlark.List:
		return starlark.NewList(slices.Repeat(slices.Collect(starlark.Elements(x)), int(n))), nil
	default:
		return slices.Repeat(x.(starlark.Tuple), int(n)), nil
	}
}

// combine is an operator of sets, or | of dicts.
func (e *Evaluation) combine(op string, x, y starlark.Value) (starlark.Value, error) {
	a, isSet := x.(*starlark.Set)
	b, both := y.(*starlark.Set)
	if isSet && both {
		if err := e.spend(a.Len() + b.Len()); err != nil {
			return nil, err
		}
		return starlark.Binary(setOps[op], a, b)
	}
	c, isDict := x.(*starlark.Dict)
	d, both := y.(*starlark.Dict)
	if isDict && both && op == "|" {
		if err := e.spend(c.Len() + d.Len()); err != nil {
			return nil, err
		}
		return c.Union(d), nil
	}
	return nil, nil
}
