package heavy

import (
	"encoding/binary"
	"math"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

// atOnce is the spread of many cores.
func atOnce(parts int, each func(part int)) {
	var all sync.WaitGroup
	for i := range parts {
		all.Add(1)
		go func() {
			defer all.Done()
			each(i)
		}()
	}
	all.Wait()
}

// twin finds the facts element by element, by their indices, as numbers that hold all of them.
func twin(a *Array) (finite, nan, empty bool, least, greatest float64) {
	finite, least, greatest = true, math.Inf(1), math.Inf(-1)
	empty = true
	var visit func(d int, at int64)
	visit = func(d int, at int64) {
		if d < len(a.Shape) {
			for i := range a.Shape[d] {
				visit(d+1, at+i*a.Strides[d])
			}
			return
		}
		empty = false
		x := element(a, at)
		finite = finite && !math.IsNaN(x) && !math.IsInf(x, 0)
		nan = nan || math.IsNaN(x)
		least, greatest = math.Min(least, x), math.Max(greatest, x)
	}
	visit(0, int64(a.First))
	return finite, nan, empty, least, greatest
}

func element(a *Array, at int64) float64 {
	var bits uint64
	for i := range a.Size {
		shift := 8 * i
		if a.Big {
			shift = 8 * (a.Size - 1 - i)
		}
		bits |= uint64(a.Memory[at+int64(i)]) << shift
	}
	switch {
	case a.Kind == Uint:
		return float64(bits)
	case a.Kind == Int:
		return float64(int64(bits<<(64-8*a.Size)) >> (64 - 8*a.Size))
	case a.Size == 2:
		return half(uint16(bits))
	case a.Size == 4:
		return float64(math.Float32frombits(uint32(bits)))
	default:
		return math.Float64frombits(bits)
	}
}

func (b Bound) number() float64 {
	switch b.Kind {
	case Int:
		return float64(int64(b.Bits))
	case Uint:
		return float64(b.Bits)
	default:
		return b.Float()
	}
}

// drawArray gives any array that can be: every order, strides up, down and 0, overlaps, gaps.
func drawArray(t *rapid.T) *Array {
	a := &Array{Kind: Kind(rapid.IntRange(1, 3).Draw(t, "kind")), Big: rapid.Bool().Draw(t, "big")}
	a.Size = rapid.SampledFrom([]int{1, 2, 4, 8}[min(int(a.Kind)/3, 1):]).Draw(t, "size")
	low, high := int64(0), int64(a.Size)
	for range rapid.IntRange(0, 4).Draw(t, "dims") {
		n := rapid.Int64Range(0, 9).Draw(t, "length")
		stride := rapid.Int64Range(-40, 40).Draw(t, "stride")
		if rapid.Bool().Draw(t, "whole") {
			stride = stride / 8 * int64(a.Size)
		}
		a.Shape, a.Strides = append(a.Shape, n), append(a.Strides, stride)
		low, high = low+min(0, max(0, n-1)*stride), high+max(0, max(0, n-1)*stride)
	}
	a.First = int(-low)
	few := rapid.SampledFrom([]byte{0, 1, 0x7f, 0x80, 0xff, 0x7c, 0xf0})
	any := rapid.Byte()
	a.Memory = rapid.SliceOfN(rapid.OneOf(few, any), int(high-low), int(high-low)).Draw(t, "memory")
	return a
}

// A scan finds what looking at each element finds, however it is spread.
func TestScanIsItsTwin(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		a := drawArray(t)
		require.NoError(t, a.Check())
		isFinite, nan, empty, least, greatest := twin(a)
		for _, spread := range []Spread{InTurn, atOnce} {
			require.Equal(t, isFinite, Scan(a, AskFinite, 3, spread).Finite)
			f := Scan(a, AskFinite|AskExtreme, 3, spread)
			require.Equal(t, empty, f.Empty)
			require.Equal(t, isFinite, f.Finite)
			require.Equal(t, nan, f.NaN)
			if !empty && !nan {
				require.Equal(t, [2]float64{least, greatest}, [2]float64{f.Min.number(), f.Max.number()})
			}
		}
	})
}

// Large arrays are cut into parts and blocks; one bad element is found wherever it is.
func TestOneBadElement(t *testing.T) {
	const n = 3<<18 + 5
	memory := make([]byte, 4*n)
	for i := range n {
		binary.LittleEndian.PutUint32(memory[4*i:], math.Float32bits(float32(i%1000)-500))
	}
	a := &Array{Memory: memory, Kind: Float, Size: 4, Shape: []int64{n}, Strides: []int64{4}}
	require.NoError(t, a.Check())
	require.True(t, Scan(a, AskFinite, 4, atOnce).Finite)
	f := Scan(a, AskExtreme, 4, atOnce)
	require.Equal(t, [2]float64{-500, 499}, [2]float64{f.Min.Float(), f.Max.Float()})
	for _, at := range []int{0, 1, 15, 16, 17, 65535, 65536, n / 2, n - 17, n - 1} {
		for _, bad := range []float64{math.NaN(), math.Inf(1), math.Inf(-1)} {
			former := binary.LittleEndian.Uint32(memory[4*at:])
			binary.LittleEndian.PutUint32(memory[4*at:], math.Float32bits(float32(bad)))
			require.False(t, Scan(a, AskFinite, 4, atOnce).Finite, "%v at %d", bad, at)
			f := Scan(a, AskExtreme, 4, atOnce)
			require.False(t, f.Finite)
			require.Equal(t, math.IsNaN(bad), f.NaN)
			binary.LittleEndian.PutUint32(memory[4*at:], former)
		}
	}
}

// Both ends of every type are found exactly.
func TestEnds(t *testing.T) {
	ends := []byte{0x80, 0, 0, 0, 0, 0, 0, 0, 0x7f, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff}
	a := &Array{Memory: ends, Kind: Int, Size: 8, Big: true, Shape: []int64{2}, Strides: []int64{8}}
	f := Scan(a, AskExtreme, 1, InTurn)
	require.Equal(t, Facts{Finite: true, Min: Bound{Int, 1 << 63}, Max: Bound{Int, 1<<63 - 1}}, f)
	a.Kind = Uint
	f = Scan(a, AskExtreme, 1, InTurn)
	require.Equal(t, Facts{Finite: true, Min: Bound{Uint, 1<<63 - 1}, Max: Bound{Uint, 1 << 63}}, f)
}

// What cannot be is refused at the gateway, whatever the numbers are.
func TestCheck(t *testing.T) {
	whole := Array{Memory: make([]byte, 32), Kind: Float, Size: 4, Shape: []int64{8}, Strides: []int64{4}}
	require.NoError(t, whole.Check())
	for name, change := range map[string]func(a *Array){
		"kind":            func(a *Array) { a.Kind = 0 },
		"size":            func(a *Array) { a.Size = 3 },
		"a float of one":  func(a *Array) { a.Size = 1 },
		"no strides":      func(a *Array) { a.Strides = nil },
		"negative length": func(a *Array) { a.Shape = []int64{-1} },
		"too long":        func(a *Array) { a.Shape = []int64{9} },
		"first":           func(a *Array) { a.First = 1 },
		"before":          func(a *Array) { a.First = -4 },
		"down":            func(a *Array) { a.Strides = []int64{-4} },
		"huge":            func(a *Array) { a.Shape = []int64{math.MaxInt64} },
		"huge stride":     func(a *Array) { a.Strides = []int64{math.MinInt64} },
		"huge down":       func(a *Array) { a.Strides = []int64{-math.MaxInt64} },
		"many":            func(a *Array) { a.Shape, a.Strides = make([]int64, 65), make([]int64, 65) },
	} {
		a := whole
		change(&a)
		require.Error(t, a.Check(), name)
	}
	rapid.Check(t, func(t *rapid.T) {
		a := Array{
			Memory:  make([]byte, rapid.IntRange(0, 64).Draw(t, "memory")),
			First:   rapid.Int().Draw(t, "first"),
			Kind:    Kind(rapid.Byte().Draw(t, "kind")),
			Size:    rapid.SampledFrom([]int{-1, 0, 1, 2, 4, 8}).Draw(t, "size"),
			Shape:   rapid.SliceOfN(rapid.Int64(), 0, 3).Draw(t, "shape"),
			Strides: rapid.SliceOfN(rapid.Int64(), 0, 3).Draw(t, "strides"),
		}
		if a.Check() == nil && len(a.Shape) == 0 {
			Scan(&a, AskExtreme, 1, InTurn)
		}
	})
}

func benchmark(b *testing.B, ask Ask) {
	const n = 1 << 24
	a := &Array{Memory: make([]byte, 4*n), Kind: Float, Size: 4, Shape: []int64{n}, Strides: []int64{4}}
	b.SetBytes(4 * n)
	for b.Loop() {
		Scan(a, ask, 1, InTurn)
	}
}

func BenchmarkFinite(b *testing.B)  { benchmark(b, AskFinite) }
func BenchmarkExtreme(b *testing.B) { benchmark(b, AskExtreme) }
