package heavy

import (
	"encoding/binary"
	"math"
	"math/bits"
	"sync/atomic"
)

// Ask is what to find out, a set of bits. The numbers are those of capi/theus.h.
type Ask uint8

const (
	AskFinite  Ask = 1 // whether every element is finite
	AskExtreme Ask = 2 // the least and the greatest element
)

// Facts are what a scan found.
type Facts struct {
	Finite   bool  // no element is NaN or infinite; an empty array is finite
	NaN      bool  // asked for the extremes: an element is NaN, and there are none
	Empty    bool  // there are no extremes either
	Min, Max Bound // asked for the extremes
}

// Bound is an element: an int64, a uint64 or a float64 by its kind.
type Bound struct {
	Kind Kind
	Bits uint64
}

// Float is the value of a bound of kind Float.
func (b Bound) Float() float64 { return math.Float64frombits(b.Bits) }

// Spread runs each(0) to each(parts-1), in any order, at once or not, and returns when all have
// returned.
type Spread func(parts int, each func(part int))

// InTurn is the spread of one core.
func InTurn(parts int, each func(part int)) {
	for i := range parts {
		each(i)
	}
}

const (
	blockBytes = 256 << 10 // between two looks at whether the answer is known already
	partBytes  = 1 << 20   // less is not worth another core
	partsEach  = 16        // parts for each core: one that is busy elsewhere takes fewer of them
	gathered   = 4 << 10   // bytes of elements brought together at a time
)

// Scan finds facts about an array that passed Check, in parts where there are cores for them.
func Scan(a *Array, ask Ask, cores int, spread Spread) Facts {
	r, ok := simplify(a)
	if !ok {
		return Facts{Finite: true, Empty: true}
	}
	if a.Kind != Float && ask&AskExtreme == 0 {
		return Facts{Finite: true}
	}
	parts := 1
	if cores > 1 {
		parts = int(min(int64(cores)*partsEach, r.count()*int64(a.Size)/partBytes+1))
	}
	found := make([]extremes, parts)
	var spoiled atomic.Bool
	spread(parts, func(i int) {
		found[i] = nothingYet
		one := r.part(i, parts)
		if ask&AskExtreme == 0 {
			one.each(func(block []byte) bool {
				if !finite(block, a.Size) {
					spoiled.Store(true)
				}
				return !spoiled.Load()
			})
			return
		}
		one.each(func(block []byte) bool {
			found[i] = found[i].join(extremesOf(block, a.Kind, a.Size))
			return true
		})
	})
	if ask&AskExtreme == 0 {
		return Facts{Finite: !spoiled.Load()}
	}
	all := nothingYet
	for _, one := range found {
		all = all.join(one)
	}
	return all.facts(a.Kind, a.Size)
}

// each hands the elements of a run to visit, little-endian and side by side, until it says false.
func (r *run) each(visit func(block []byte) bool) {
	last := len(r.shape) - 1
	at := make([]int64, last)
	for base := int64(r.first); r.count() > 0; {
		if !r.row(base, visit) {
			return
		}
		d := last - 1
		for ; d >= 0; d-- {
			at[d]++
			base += r.strides[d]
			if at[d] < r.shape[d] {
				break
			}
			base -= at[d] * r.strides[d]
			at[d] = 0
		}
		if d < 0 {
			return
		}
	}
}

// row visits the elements of the last dimension.
func (r *run) row(base int64, visit func(block []byte) bool) bool {
	last := len(r.shape) - 1
	n, stride, size := r.shape[last], r.strides[last], int64(r.Size)
	if stride == size && !r.Big {
		for bytes := n * size; bytes > 0; {
			some := min(bytes, blockBytes)
			if !visit(r.Memory[base : base+some]) {
				return false
			}
			base += some
			bytes -= some
		}
		return true
	}
	var scratch [gathered]byte
	for n > 0 {
		some := min(n, gathered/size)
		gather(scratch[:some*size], r.Memory, base, stride, r.Size, r.Big)
		if !visit(scratch[:some*size]) {
			return false
		}
		base += some * stride
		n -= some
	}
	return true
}

// gather brings elements together, as little-endian ones.
func gather(into, memory []byte, base, stride int64, size int, big bool) {
	switch size {
	case 1:
		for i := range into {
			into[i] = memory[base]
			base += stride
		}
	case 2:
		for ; len(into) >= 2; into = into[2:] {
			x := binary.LittleEndian.Uint16(memory[base:])
			if big {
				x = bits.ReverseBytes16(x)
			}
			binary.LittleEndian.PutUint16(into, x)
			base += stride
		}
	case 4:
		for ; len(into) >= 4; into = into[4:] {
			x := binary.LittleEndian.Uint32(memory[base:])
			if big {
				x = bits.ReverseBytes32(x)
			}
			binary.LittleEndian.PutUint32(into, x)
			base += stride
		}
	default:
		for ; len(into) >= 8; into = into[8:] {
			x := binary.LittleEndian.Uint64(memory[base:])
			if big {
				x = bits.ReverseBytes64(x)
			}
			binary.LittleEndian.PutUint64(into, x)
			base += stride
		}
	}
}
