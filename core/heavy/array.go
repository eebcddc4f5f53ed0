package heavy

import (
	"math"

	"github.com/theus-project/theus/core/fault"
)

// Kind is a kind of elements. The numbers are those of capi/theus.h.
type Kind uint8

const (
	Int   Kind = 1 // two's complement
	Uint  Kind = 2 // and bool
	Float Kind = 3 // IEEE 754
)

// Array is a block of memory and how its elements lie in it.
//
//  1. After Check, every element lies in Memory.
type Array struct {
	Memory  []byte // from the lowest byte of any element to the highest
	First   int    // where the element lies whose indices are all 0
	Kind    Kind
	Size    int     // of an element, in bytes
	Big     bool    // elements are big-endian
	Shape   []int64 // as many as Strides
	Strides []int64 // in bytes; negative ones go down, 0 repeats
}

// maxDims bounds what a host may say.
const maxDims = 64

// Check refuses an array that cannot be. It is the gateway: a scan assumes that it passed.
func (a *Array) Check() error {
	switch {
	case a.Kind < Int || a.Kind > Float:
		return fault.New(fault.Invalid, "an array has elements of no known kind: %d", a.Kind)
	case a.Size != 1 && a.Size != 2 && a.Size != 4 && a.Size != 8, a.Size == 1 && a.Kind == Float:
		return fault.New(fault.Invalid, "an array has elements of %d bytes, which its kind cannot have", a.Size)
	case len(a.Shape) != len(a.Strides) || len(a.Shape) > maxDims:
		return fault.New(fault.Invalid, "an array has %d lengths and %d strides", len(a.Shape), len(a.Strides))
	}
	if a.First < 0 || a.First > len(a.Memory) {
		return fault.New(fault.Invalid, "an array begins outside of its memory")
	}
	low, high, empty := int64(a.First), int64(a.First)+int64(a.Size), false
	for i, n := range a.Shape {
		if n < 0 {
			return fault.New(fault.Invalid, "an array has the length %d", n)
		}
		empty = empty || n == 0
		if n <= 1 || a.Strides[i] == 0 {
			continue
		}
		stride := a.Strides[i]
		if stride == math.MinInt64 || n-1 > math.MaxInt64/4/abs(stride) {
			return fault.New(fault.Invalid, "an array is larger than memory")
		}
		if reach := (n - 1) * stride; reach < 0 {
			low += reach
		} else {
			high += reach
		}
		if low < -math.MaxInt64/4 || high > math.MaxInt64/4 {
			return fault.New(fault.Invalid, "an array is larger than memory")
		}
	}
	if !empty && (low < 0 || high > int64(len(a.Memory))) {
		return fault.New(fault.Invalid, "elements of an array lie outside of its memory")
	}
	return nil
}

func abs(n int64) int64 {
	if n < 0 {
		return -n
	}
	return n
}

// run is an array made simple: only dimensions that matter, strides up, and the last one the
// smallest, so that what lies side by side is one run.
type run struct {
	*Array
	first   int
	shape   []int64
	strides []int64
}

// simplify gives the run of an array that has elements; ok is false if it has none.
func simplify(a *Array) (r run, ok bool) {
	r = run{Array: a, first: a.First}
	for i, n := range a.Shape {
		stride := a.Strides[i]
		if n == 0 {
			return run{}, false
		}
		if n == 1 || stride == 0 { // the same elements again
			continue
		}
		if stride < 0 {
			r.first += int((n - 1) * stride)
			stride = -stride
		}
		at := 0
		for at < len(r.strides) && r.strides[at] >= stride {
			at++
		}
		r.shape = insert(r.shape, at, n)
		r.strides = insert(r.strides, at, stride)
	}
	for i := len(r.shape) - 2; i >= 0; i-- { // rows without a gap are one row
		if r.strides[i] == r.strides[i+1]*r.shape[i+1] {
			r.shape[i] *= r.shape[i+1]
			r.strides[i] = r.strides[i+1]
			r.shape = append(r.shape[:i+1], r.shape[i+2:]...)
			r.strides = append(r.strides[:i+1], r.strides[i+2:]...)
		}
	}
	if len(r.shape) == 0 {
		r.shape, r.strides = []int64{1}, []int64{int64(a.Size)}
	}
	return r, true
}

func insert(list []int64, at int, n int64) []int64 {
	list = append(list, 0)
	copy(list[at+1:], list[at:])
	list[at] = n
	return list
}

// count is how many elements there are to visit.
func (r *run) count() int64 {
	n := int64(1)
	for _, length := range r.shape {
		n *= length
	}
	return n
}

// part is one of several parts of a run: a range of its longest dimension.
func (r *run) part(i, of int) run {
	longest := 0
	for d, n := range r.shape {
		if n > r.shape[longest] {
			longest = d
		}
	}
	n := r.shape[longest]
	share := (n + int64(of) - 1) / int64(of)
	from := min(int64(i)*share, n)
	to := min(from+share, n)
	cut := *r
	cut.first += int(from * r.strides[longest])
	cut.shape = append([]int64(nil), r.shape...)
	cut.shape[longest] = to - from
	return cut
}
