package flux

import (
	"math"
	"math/big"
	"strings"

	"go.starlark.net/starlark"
	"go.starlark.net/syntax"
)

// maxDepth is how deep values inside each other are compared.
const maxDepth = 100

func tooDeep() error {
	return raise("RecursionError", "values nested more than %d deep cannot be compared", maxDepth)
}

// compareNumbers gives the order of two numbers, exactly; ordered is false beside a nan.
func compareNumbers(x, y starlark.Value) (order int, ordered bool) {
	a, isInt := x.(starlark.Int)
	b, both := y.(starlark.Int)
	if isInt && both {
		c, _ := a.Cmp(b, 0) // it never fails
		return c, true
	}
	f, isFloat := x.(starlark.Float)
	g, bothFloat := y.(starlark.Float)
	switch {
	case f != f || g != g:
		return 0, false
	case isFloat && bothFloat:
		switch {
		case f < g:
			return -1, true
		case f > g:
			return 1, true
		}
		return 0, true
	case isFloat:
		order, ordered = compareNumbers(y, x)
		return -order, ordered
	case math.IsInf(float64(g), 0):
		if g > 0 {
			return -1, true
		}
		return 1, true
	}
	return new(big.Rat).SetInt(a.BigInt()).Cmp(new(big.Rat).SetFloat64(float64(g))), true
}

// equal is Python's ==.
func (e *Evaluation) equal(x, y starlark.Value, depth int) (bool, error) {
	x, y = number(x), number(y)
	if err := e.spend(1); err != nil {
		return false, err
	}
	switch {
	case depth > maxDepth:
		return false, tooDeep()
	case x == starlark.None || y == starlark.None:
		return x == y, nil
	case isNumber(x) && isNumber(y):
		if err := e.spend((size(x) + size(y)) / 8); err != nil {
			return false, err
		}
		order, ordered := compareNumbers(x, y)
		if !ordered && depth > 0 && x == x && isNan(x) && isNan(y) {
			return false, raise("ValueError", "whether nan equals nan inside a container depends on where it comes from; test the items")
		}
		return ordered && order == 0, nil
	}
	if kindOf(x) == KindObject || kindOf(y) == KindObject {
		return false, raise("TypeError", "an object can only be compared with None in a condition; compare one of its fields")
	}
	if kindOf(x) != kindOf(y) {
		return false, nil
	}
	var err error
	if x, err = e.contents(x); err != nil {
		return false, err
	}
	if y, err = e.contents(y); err != nil {
		return false, err
	}
	switch x := x.(type) {
	case starlark.String:
		return x == y, e.spend(len(x) / 8)
	case starlark.Bytes:
		return x == y, e.spend(len(x) / 8)
	case *starlark.List, starlark.Tuple:
		a, b := x.(starlark.Indexable), y.(starlark.Indexable)
		if a.Len() != b.Len() {
			return false, nil
		}
		for i := range a.Len() {
			if same, err := e.equal(a.Index(i), b.Index(i), depth+1); err != nil || !same {
				return false, err
			}
		}
		return true, nil
	case *starlark.Dict:
		return e.equalDicts(x, y.(*starlark.Dict), depth)
	case *starlark.Set:
		b := y.(*starlark.Set)
		if x.Len() != b.Len() {
			return false, nil
		}
		if err := e.spend(x.Len()); err != nil {
			return false, err
		}
		return starlark.Compare(syntax.EQL, x, b)
	case *bag:
		return false, raise("TypeError", "this can be looped over and no more; put it in list() to compare it")
	}
	if err := e.spend(1); err != nil {
		return false, err
	}
	return starlark.Compare(syntax.EQL, x, y) // ranges
}

func isNan(v starlark.Value) bool {
	f, ok := v.(starlark.Float)
	return ok && f != f
}

func (e *Evaluation) equalDicts(x, y *starlark.Dict, depth int) (bool, error) {
	if x.Len() != y.Len() {
		return false, nil
	}
	for _, pair := range x.Items() {
		other, ok, err := y.Get(pair[0])
		if err != nil || !ok {
			return false, err
		}
		if same, err := e.equal(pair[1], other, depth+1); err != nil || !same {
			return false, err
		}
	}
	return true, nil
}

// order is Python's <, <=, > and >=.
func (e *Evaluation) order(op string, x, y starlark.Value, depth int) (bool, error) {
	a, b := number(x), number(y)
	if err := e.spend(1); err != nil {
		return false, err
	}
	if depth > maxDepth {
		return false, tooDeep()
	}
	if isNumber(a) && isNumber(b) {
		if err := e.spend((size(a) + size(b)) / 8); err != nil {
			return false, err
		}
		c, ordered := compareNumbers(a, b)
		return ordered && holds(op, c), nil
	}
	if s, ok := a.(starlark.String); ok {
		if t, ok := b.(starlark.String); ok {
			return holds(op, strings.Compare(string(s), string(t))), e.spend(min(len(s), len(t)) / 8)
		}
	}
	if k := kindOf(a); k == kindOf(b) && (k == KindList || k == KindTuple) {
		return e.orderItems(op, a, b, depth)
	}
	if kindOf(a) == KindSet && kindOf(b) == KindSet {
		return false, raise("TypeError", "sets are not ordered in a condition")
	}
	sign := map[string]string{"lt": "<", "le": "<=", "gt": ">", "ge": ">="}[op]
	return false, raise("TypeError", "'%s' not supported between instances of '%s' and '%s'", sign, typeName(x), typeName(y))
}

func holds(op string, c int) bool {
	switch op {
	case "lt":
		return c < 0
	case "le":
		return c <= 0
	case "gt":
		return c > 0
	default:
		return c >= 0
	}
}

// orderItems compares the first items that differ.
func (e *Evaluation) orderItems(op string, x, y starlark.Value, depth int) (bool, error) {
	x, err := e.contents(x)
	if err != nil {
		return false, err
	}
	if y, err = e.contents(y); err != nil {
		return false, err
	}
	a, b := x.(starlark.Indexable), y.(starlark.Indexable)
	for i := range min(a.Len(), b.Len()) {
		same, err := e.equal(a.Index(i), b.Index(i), depth+1)
		if err != nil {
			return false, err
		}
		if !same {
			return e.order(op, a.Index(i), b.Index(i), depth+1)
		}
	}
	return holds(op, a.Len()-b.Len()), nil
}

// in is Python's: is x in y.
func (e *Evaluation) in(x, y starlark.Value) (bool, error) {
	if p, ok := y.(*place); ok {
		return e.has(x, p)
	}
	y, err := e.settle(y)
	if err != nil {
		return false, err
	}
	switch y := y.(type) {
	case starlark.String:
		s, ok := x.(starlark.String)
		if !ok {
			return false, raise("TypeError", "'in <string>' requires string as left operand, not %s", typeName(x))
		}
		return strings.Contains(string(y), string(s)), e.spend(len(y))
	case *starlark.Dict:
		k, err := e.key(x)
		if err != nil {
			return false, err
		}
		_, found, err := y.Get(k)
		return found, err
	case *starlark.Set:
		k, err := e.key(x)
		if err != nil {
			return false, err
		}
		return y.Has(k)
	case *starlark.List, starlark.Tuple, *bag:
		items, err := e.items(y)
		if err != nil {
			return false, err
		}
		for _, item := range items {
			if same, err := e.equal(x, item, 1); err != nil || same {
				return same, err
			}
		}
		return false, nil
	case starlark.Bytes:
	case starlark.Sequence: // a range
		n := number(x)
		if f, ok := n.(starlark.Float); ok {
			if float64(f) != math.Trunc(float64(f)) {
				return false, nil
			}
			if n, err = starlark.NumberToInt(f); err != nil {
				return false, nil // infinity
			}
		}
		if _, ok := n.(starlark.Int); !ok {
			return false, nil
		}
		v, err := starlark.Binary(syntax.IN, n, y)
		return err == nil && bool(v.Truth()), err
	}
	return false, raise("TypeError", "argument of type '%s' is not iterable", typeName(y))
}

// has asks the host whether something is in a container of the state.
func (e *Evaluation) has(x starlark.Value, p *place) (bool, error) {
	if p.path == nil {
		return false, raise("TypeError", "what is inside a set cannot be looked into")
	}
	if ok, err := e.scalar(x, 0); err != nil {
		return false, err
	} else if !ok {
		return false, raise("TypeError", "only a number, a text, None or a tuple of them is looked for in the state")
	}
	v, err := e.ask(Need{What: Has, Path: p.path, Key: Value{x}}, -1)
	if err != nil {
		return false, err
	}
	return bool(v.Truth()), nil
}

// scalar reports whether v is a scalar or a tuple of such.
func (e *Evaluation) scalar(v starlark.Value, depth int) (bool, error) {
	tuple, ok := v.(starlark.Tuple)
	if !ok || depth > 10 {
		text, _ := v.(starlark.String)
		return kindOf(v) <= KindBytes, e.spend(16 + len(text) + size(v))
	}
	for _, item := range tuple {
		if ok, err := e.scalar(item, depth+1); err != nil || !ok {
			return false, err
		}
	}
	return true, nil
}
