// Package host is the seam between the kernel and whoever holds the objects.
//
// The seam is narrow because the kernel never calls out. It hands out the next action; the host
// carries it out and comes back. What is left to say is how the kernel speaks about things that
// only the host can touch:
//
//   - an object is a Ref, the same one as long as a transaction is open that has read or written it;
//   - what of an object is read or written is a Key.
//
// The kernel stores and compares both, and follows neither. It holds no lifetimes: a Ref may be
// given to another object once the first is gone. At worst that makes two transactions meet that
// had nothing to do with each other, and one of them runs again.
//
// Package hosttest is a host in plain Go.
package host

// Ref names an object inside the host: its address, its index, whatever the host made of it. 0
// names nothing.
type Ref uint64

// Key names a part of an object: a field, a key, an index. Parts that are equal to the host have
// the same Key; others should not. The numbers below 16 are the kernel's.
type Key uint64

const (
	// Any is, of a write, everything; of a read, that something of the object was read.
	Any Key = 0
	// Whole is read by whoever looks at all of an object: at its elements one after the other.
	Whole Key = 4
	// Size is the length and the order of a container.
	Size Key = 8
)
