package heavy

import (
	"encoding/binary"
	"math"
)

// extremes are the least and the greatest key of some elements. A key is an integer that orders as
// the element does: of a float its bits, the lower ones flipped where it is negative. NaN has keys
// beyond those of the infinities, so that it shows in the extremes and needs no test of its own.
type extremes struct{ least, greatest int64 }

var nothingYet = extremes{math.MaxInt64, math.MinInt64}

func (e extremes) join(f extremes) extremes {
	return extremes{min(e.least, f.least), max(e.greatest, f.greatest)}
}

// extremesOf finds the extremes of a block, which is not empty.
func extremesOf(block []byte, kind Kind, size int) extremes {
	flip, fold := uint64(0), int64(0)
	switch kind {
	case Uint:
		flip = 1 << (8*size - 1) // unsigned order is signed order from the middle
	case Float:
		fold = 1<<(8*size-1) - 1
	}
	switch size {
	case 1:
		return extremes8(block, uint8(flip))
	case 2:
		return extremes16(block, uint16(flip), int16(fold))
	case 4:
		return extremes32(block, uint32(flip), int32(fold))
	default:
		return extremes64(block, flip, fold)
	}
}

func extremes8(block []byte, flip uint8) extremes {
	least, greatest := int8(math.MaxInt8), int8(math.MinInt8)
	for _, b := range block {
		k := int8(b ^ flip)
		least, greatest = min(least, k), max(greatest, k)
	}
	return extremes{int64(least), int64(greatest)}
}

func extremes16(block []byte, flip uint16, fold int16) extremes {
	least, greatest := int16(math.MaxInt16), int16(math.MinInt16)
	for ; len(block) >= 2; block = block[2:] {
		k := int16(binary.LittleEndian.Uint16(block) ^ flip)
		k ^= k >> 15 & fold
		least, greatest = min(least, k), max(greatest, k)
	}
	return extremes{int64(least), int64(greatest)}
}

func extremes32(block []byte, flip uint32, fold int32) extremes {
	least, greatest := int32(math.MaxInt32), int32(math.MinInt32)
	low, high := least, greatest // two chains: a processor follows both at once
	for ; len(block) >= 16; block = block[16:] {
		x := block[:16:16]
		k := int32(binary.LittleEndian.Uint32(x[0:4]) ^ flip)
		m := int32(binary.LittleEndian.Uint32(x[4:8]) ^ flip)
		k ^= k >> 31 & fold
		m ^= m >> 31 & fold
		least, greatest = min(least, k), max(greatest, k)
		low, high = min(low, m), max(high, m)
		k = int32(binary.LittleEndian.Uint32(x[8:12]) ^ flip)
		m = int32(binary.LittleEndian.Uint32(x[12:16]) ^ flip)
		k ^= k >> 31 & fold
		m ^= m >> 31 & fold
		least, greatest = min(least, k), max(greatest, k)
		low, high = min(low, m), max(high, m)
	}
	for ; len(block) >= 4; block = block[4:] {
		k := int32(binary.LittleEndian.Uint32(block) ^ flip)
		k ^= k >> 31 & fold
		least, greatest = min(least, k), max(greatest, k)
	}
	return extremes{int64(min(least, low)), int64(max(greatest, high))}
}

func extremes64(block []byte, flip uint64, fold int64) extremes {
	least, greatest := int64(math.MaxInt64), int64(math.MinInt64)
	low, high := least, greatest
	for ; len(block) >= 16; block = block[16:] {
		x := block[:16:16]
		k := int64(binary.LittleEndian.Uint64(x[0:8]) ^ flip)
		m := int64(binary.LittleEndian.Uint64(x[8:16]) ^ flip)
		k ^= k >> 63 & fold
		m ^= m >> 63 & fold
		least, greatest = min(least, k), max(greatest, k)
		low, high = min(low, m), max(high, m)
	}
	for ; len(block) >= 8; block = block[8:] {
		k := int64(binary.LittleEndian.Uint64(block) ^ flip)
		k ^= k >> 63 & fold
		least, greatest = min(least, k), max(greatest, k)
	}
	return extremes{min(least, low), max(greatest, high)}
}

// facts turns keys back into elements.
func (e extremes) facts(kind Kind, size int) Facts {
	f := Facts{Finite: true, Min: boundOf(e.least, kind, size), Max: boundOf(e.greatest, kind, size)}
	if kind != Float {
		return f
	}
	low, high := f.Min.Float(), f.Max.Float()
	f.NaN = math.IsNaN(low) || math.IsNaN(high)
	f.Finite = !f.NaN && !math.IsInf(low, 0) && !math.IsInf(high, 0)
	return f
}

func boundOf(key int64, kind Kind, size int) Bound {
	switch kind {
	case Uint:
		mask := ^uint64(0) >> (64 - 8*size)
		return Bound{kind, (uint64(key) ^ 1<<(8*size-1)) & mask}
	case Float:
		return Bound{kind, math.Float64bits(floatOf(key, size))}
	default:
		return Bound{kind, uint64(key)}
	}
}

func floatOf(key int64, size int) float64 {
	key ^= key >> 63 & (1<<(8*size-1) - 1) // folds back what was folded
	switch size {
	case 2:
		return half(uint16(key))
	case 4:
		return float64(math.Float32frombits(uint32(key)))
	default:
		return math.Float64frombits(uint64(key))
	}
}

// half is the value of a float of 16 bits.
func half(bits uint16) float64 {
	sign, exponent, fraction := float64(1), int(bits>>10&0x1f), float64(bits&0x3ff)
	if bits>>15 != 0 {
		sign = -1
	}
	switch exponent {
	case 0x1f:
		if fraction != 0 {
			return math.NaN()
		}
		return math.Inf(int(sign))
	case 0:
		return math.Copysign(math.Ldexp(fraction, -24), sign)
	default:
		return sign * math.Ldexp(1+fraction/1024, exponent-15)
	}
}
