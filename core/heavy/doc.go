// Package heavy reads arrays of numbers where they lie, whatever their order and strides.
//
//	Array  what a host says about a block of memory: element type, shape, strides
//	Scan   finds facts about its elements in one pass: all finite? the least, the greatest?
//	Facts  what it found
//
// No byte is copied but those of elements that do not lie side by side, or in another byte order:
// they are gathered a few at a time. The order in which elements are visited is not that of their
// indices; no fact depends on it.
//
// The package starts no goroutine. Who has cores to spare hands in a Spread, which runs the parts
// of a scan as it likes; the facts do not depend on that either.
//
// Caveats: memory that changes during a scan gives facts of a mixture. A host that says more memory
// is there than there is will be followed into it.
package heavy
