package transaction

import (
	"math"
	"math/bits"
	"unsafe"

	"github.com/theus-project/theus/core/fault"
	"github.com/theus-project/theus/core/host"
)

// Read is an entry of what a transaction has read.
type Read struct {
	Object host.Ref // 0: the slot is empty
	Key    host.Key
}

// Reads is what a transaction has read, as the host keeps it: a hash table in shared memory, with
// linear probing, which the kernel asks and never writes. Whoever writes also reads: a write is in
// here too, since what a process wrote over may have been what somebody else had just put there.
//
// Invariant: len(Slots) is 0 or a power of two, and at least one slot is empty. An object of which
// anything was read has an entry with host.Any.
type Reads struct {
	Slots []Read
	Seen  uint64 // the version at which all of them were true
	// Oldest is the least Seen of the other open transactions, Alone where there is none. The
	// kernel forgets what nobody can ask for. It may be less than it had to be, never more.
	Oldest uint64
	// Hasty means that the host cannot wait: whoever has priority has to stand back.
	Hasty bool
}

// Alone is the Oldest of a transaction beside which no other is open.
const Alone = math.MaxUint64

// ReadSize is the size of theus_read; see RecordSize for what the constants below it do.
const (
	ReadSize = 16
	_        = uint(unsafe.Sizeof(Read{}) - ReadSize)
	_        = uint(ReadSize - unsafe.Sizeof(Read{}))
)

// scramble spreads the bits of a number: 2^64 divided by the golden ratio, as Knuth has it in The
// Art of Computer Programming 3, 6.4.
const scramble = 0x9E3779B97F4A7C15

// home is the slot where the search for an entry begins. theus.h has the same formula.
func home(object host.Ref, key host.Key, mask uint64) uint64 {
	h := (uint64(object) ^ bits.RotateLeft64(uint64(key), 32)) * scramble
	return (h ^ h>>32) & mask
}

// has finds an entry. A table without an empty slot is searched once around.
func (r *Reads) has(object host.Ref, key host.Key) bool {
	if len(r.Slots) == 0 {
		return false
	}
	mask := uint64(len(r.Slots) - 1)
	at := home(object, key, mask)
	for range r.Slots {
		switch s := &r.Slots[at]; {
		case s.Object == object && s.Key == key:
			return true
		case s.Object == 0:
			return false
		}
		at = (at + 1) & mask
	}
	return false
}

// meets tells whether a change touches what was read.
func (r *Reads) meets(c change) bool {
	if c.key == host.Any {
		return r.has(c.object, host.Any)
	}
	return r.has(c.object, c.key) || r.has(c.object, host.Whole)
}

// check refuses a table that cannot be searched, and a version nobody can have seen.
func (r *Reads) check(newest uint64) error {
	if n := len(r.Slots); n&(n-1) != 0 {
		return fault.New(fault.Invalid, "a table of reads has %d slots, which is no power of two", n)
	}
	if r.Seen > newest {
		return fault.New(fault.Invalid, "version %d was seen, but the newest is %d", r.Seen, newest)
	}
	return nil
}
