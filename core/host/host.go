// Package host is the seam between the kernel and whoever holds the objects.
//
// The seam is narrow because the kernel never calls out. It hands out the next action; the host
// carries it out and comes back. What is left to say is how the kernel speaks about things that
// only the host can touch:
//
//   - an object is an ordinal, given by the host and stable within one transaction;
//   - a field, key or index inside it is a Ref.
//
// The kernel stores, compares and orders both, and follows neither. It holds no lifetimes: what a
// Ref stands for lives as long as the transaction that recorded it, and the host sees to that.
//
// Package hosttest is a host in plain Go.
package host

// Ref names something inside the host: a pointer, an index, whatever the host made of it. The
// kernel hands it back unchanged and reads nothing into its value; 0 names nothing.
type Ref uint64

// Ordinal counts the objects that one transaction wrote, in the order of their first write.
type Ordinal uint32
