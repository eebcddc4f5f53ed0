package heavy

import "encoding/binary"

// A float is not finite when all bits of its exponent are set. Adding the lowest of these bits to
// the exponent alone carries into the bit of the sign then, and only then; so eight bytes are asked
// at once, whatever number of floats they hold, and no carry leaves its float.
type lanes struct{ exponent, lowest, sign uint64 }

var lanesOf = [...]lanes{
	2: {0x7c00_7c00_7c00_7c00, 0x0400_0400_0400_0400, 0x8000_8000_8000_8000},
	4: {0x7f80_0000_7f80_0000, 0x0080_0000_0080_0000, 0x8000_0000_8000_0000},
	8: {0x7ff0_0000_0000_0000, 0x0010_0000_0000_0000, 0x8000_0000_0000_0000},
}

// finite reports whether every float of a block is finite.
func finite(block []byte, size int) bool {
	l := lanesOf[size]
	var a, b, c, d uint64
	for len(block) >= 64 {
		x := block[:64:64]
		a |= (binary.LittleEndian.Uint64(x[0:8]) & l.exponent) + l.lowest
		b |= (binary.LittleEndian.Uint64(x[8:16]) & l.exponent) + l.lowest
		c |= (binary.LittleEndian.Uint64(x[16:24]) & l.exponent) + l.lowest
		d |= (binary.LittleEndian.Uint64(x[24:32]) & l.exponent) + l.lowest
		a |= (binary.LittleEndian.Uint64(x[32:40]) & l.exponent) + l.lowest
		b |= (binary.LittleEndian.Uint64(x[40:48]) & l.exponent) + l.lowest
		c |= (binary.LittleEndian.Uint64(x[48:56]) & l.exponent) + l.lowest
		d |= (binary.LittleEndian.Uint64(x[56:64]) & l.exponent) + l.lowest
		block = block[64:]
	}
	for len(block) >= 8 {
		a |= (binary.LittleEndian.Uint64(block) & l.exponent) + l.lowest
		block = block[8:]
	}
	var rest [8]byte // zeros are finite
	copy(rest[:], block)
	a |= (binary.LittleEndian.Uint64(rest[:]) & l.exponent) + l.lowest
	return (a|b|c|d)&l.sign == 0
}
