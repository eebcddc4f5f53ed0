package audit

import (
	"math"
	"strconv"
)

// Ask is what a host must find out about a field, a set of bits. The numbers are those of
// capi/theus.h.
type Ask uint16

const (
	AskValue    Ask = 1 << iota // its value, if it is a scalar
	AskType                     // its type
	AskLen                      // its length
	AskItems                    // its elements, and theirs, if it is a list or dict
	AskFinite                   // of an array: whether every element is finite
	AskExtreme                  // of an array: its least and its greatest element
	AskLayout                   // of an array: its shape, element type and size
	AskPlace                    // for a check: a scalar as it is; else kind, form, length and truth
	AskContents                 // for a check: the same, and of a container what it holds, told alike
	AskHas                      // for a check: whether Key is in it
)

// Facts are what conditions want to know of an array. A fact that is missing violates.
type Facts struct {
	Known    Ask     // AskFinite, AskExtreme, AskLayout
	Finite   bool    // no element is NaN or infinite
	Min, Max Value   // of the elements; NaN if one of them is
	Shape    []int64 // lengths of its dimensions
	Dtype    string  // type of an element, as numpy names it
	Bytes    int64   // size of all elements
}

// Number is an element type whose arrays can be scanned where they lie.
type Number interface {
	~float32 | ~float64 | ~int8 | ~int16 | ~int32 | ~int64 | ~uint8 | ~uint16 | ~uint32 | ~uint64
}

// Scan finds the facts of a block of memory in one pass and without a copy. An empty one is
// finite and has no extremes. The facts of an array that lies in several blocks are Joined.
func Scan[T Number](block []T) Facts {
	f := Facts{Known: AskFinite, Finite: true}
	if len(block) == 0 {
		return f
	}
	least, greatest, zero := block[0], block[0], T(0)
	for _, x := range block {
		if x-x != zero { // NaN and infinities only
			f.Finite = false
		}
		if x != x { // NaN
			f.Min, f.Max = FloatValue(math.NaN()), FloatValue(math.NaN())
			f.Known |= AskExtreme
			return f
		}
		least, greatest = min(least, x), max(greatest, x)
	}
	f.Known |= AskExtreme
	f.Min, f.Max = number(least), number(greatest)
	return f
}

func number[T Number](x T) Value {
	half := T(1)
	half /= 2
	switch {
	case half != 0: // a float type
		return FloatValue(float64(x))
	case x > 0 && uint64(x) > math.MaxInt64:
		return NumberValue(strconv.FormatUint(uint64(x), 10))
	default:
		return IntValue(int64(x))
	}
}

// Join gives the facts of both blocks together.
func (f Facts) Join(g Facts) Facts {
	f.Finite = f.Finite && g.Finite
	switch {
	case g.Known&AskExtreme == 0:
	case f.Known&AskExtreme == 0:
		f.Min, f.Max = g.Min, g.Max
	default:
		if sign, ok := order(&g.Min, &f.Min); !ok || sign < 0 {
			f.Min = nan(f.Min, g.Min)
		}
		if sign, ok := order(&g.Max, &f.Max); !ok || sign > 0 {
			f.Max = nan(f.Max, g.Max)
		}
	}
	f.Known |= g.Known & AskExtreme
	return f
}

// nan gives old if that is NaN, which stays, otherwise fresh.
func nan(old, fresh Value) Value {
	if old.kind == Float && math.IsNaN(old.float) {
		return old
	}
	return fresh
}
