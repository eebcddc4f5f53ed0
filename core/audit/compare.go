package audit

import (
	"cmp"
	"math"
	"math/big"
)

// order compares two numbers by their values, as Python does: 1, 1.0 and True are one number, and
// no int is rounded to meet a float. NaN has no order.
func order(a, b *Value) (sign int, ok bool) {
	switch {
	case a.kind == Float && b.kind == Float:
		if math.IsNaN(a.float) || math.IsNaN(b.float) {
			return 0, false
		}
		return cmp.Compare(a.float, b.float), true
	case a.kind == Float:
		sign, ok = order(b, a)
		return -sign, ok
	case a.kind != Exact && b.kind == Float:
		return orderFloat(a.num, b.float)
	case a.kind != Exact && b.kind != Exact:
		return cmp.Compare(a.num, b.num), true
	case b.kind == Float && math.IsNaN(b.float):
		return 0, false
	case b.kind == Float && math.IsInf(b.float, 0):
		return -int(math.Copysign(1, b.float)), true
	default:
		return a.rat().Cmp(b.rat()), true
	}
}

// orderFloat compares an integer with a float, exactly.
func orderFloat(n int64, f float64) (sign int, ok bool) {
	switch {
	case math.IsNaN(f):
		return 0, false
	case f >= 1<<63:
		return -1, true
	case f < -1<<63:
		return 1, true
	}
	whole := math.Trunc(f)
	if sign := cmp.Compare(n, int64(whole)); sign != 0 {
		return sign, true
	}
	return cmp.Compare(whole, f), true
}

// rat gives a finite number exactly.
func (v *Value) rat() *big.Rat {
	switch v.kind {
	case Exact:
		return v.more.exact
	case Float:
		return new(big.Rat).SetFloat64(v.float)
	default:
		return new(big.Rat).SetInt64(v.num)
	}
}

// answer of a comparison that may have none.
type answer uint8

const (
	no answer = iota
	yes
	unknown // a host alone could tell, and was not asked to: it would run code of the user
)

// equal compares as Python's == does. Of an object or array nothing is known but that it is not
// None.
func equal(a, b *Value) answer {
	switch {
	case a.isNumber() && b.isNumber():
		if sign, ok := order(a, b); ok && sign == 0 {
			return yes
		}
		return no
	case a.kind == Null || b.kind == Null:
		return when(a.kind == b.kind)
	case opaque(a) || opaque(b):
		return unknown
	case a.kind != b.kind:
		return no
	case a.kind == List:
		return equalLists(a, b)
	case a.kind == Map:
		return equalMaps(a, b)
	default:
		return when(a.text == b.text)
	}
}

func when(b bool) answer {
	if b {
		return yes
	}
	return no
}

// opaque reports whether == of v is the business of its own type.
func opaque(v *Value) bool {
	return v.kind == Array || v.kind >= Object || v.kind <= Raised
}

// elements are those of a List or Map, if they are known.
func (v *Value) elements() ([]Value, bool) {
	if v.more == nil {
		return nil, v.sized && v.len == 0
	}
	return v.more.items, v.more.known
}

func equalLists(a, b *Value) answer {
	if a.len != b.len {
		return no
	}
	x, xKnown := a.elements()
	y, yKnown := b.elements()
	if !xKnown || !yKnown {
		return unknown
	}
	all := yes
	for i := range x {
		switch equal(&x[i], &y[i]) {
		case no:
			return no
		case unknown:
			all = unknown
		}
	}
	return all
}

func equalMaps(a, b *Value) answer {
	if a.len != b.len {
		return no
	}
	x, xKnown := a.elements()
	y, yKnown := b.elements()
	if !xKnown || !yKnown {
		return unknown
	}
	all := yes
	for i := 0; i < len(x); i += 2 {
		switch found(y, &x[i], &x[i+1]) {
		case no:
			return no
		case unknown:
			all = unknown
		}
	}
	return all
}

// found tells whether items hold value under key.
func found(items []Value, key, value *Value) answer {
	best := no
	for i := 0; i < len(items); i += 2 {
		switch equal(&items[i], key) {
		case yes:
			return equal(&items[i+1], value)
		case unknown:
			best = unknown
		}
	}
	return best
}

// among tells whether v equals one of a list.
func among(list []Value, v *Value) answer {
	best := no
	for i := range list {
		switch equal(&list[i], v) {
		case yes:
			return yes
		case unknown:
			best = unknown
		}
	}
	return best
}
