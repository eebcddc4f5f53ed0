package transaction

import (
	"math"

	"github.com/theus-project/theus/core/fault"
)

// ID names a transaction of one engine: its serial number above the slot it lies in. Serials are
// given in order and not given again before 2^32 others, so an ID of a transaction that is over
// finds nothing, even though its slot is used again. 0 is no transaction.
type ID uint64

// IDBits is how many low bits of an ID are used; the rest are 0.
const IDBits = slotBits + 32

const (
	slotBits = 16
	maxOpen  = 1 << slotBits
)

func makeID(serial uint32, slot int) ID { return ID(serial)<<slotBits | ID(slot) }

func (id ID) slot() int { return int(id & (maxOpen - 1)) }

// slab keeps the transactions of an engine and uses their memory again, so that beginning one
// allocates nothing once as many were open before.
type slab struct {
	// Invariant: slots[i] stays where it is; slots[i].id.slot() == i unless it is free.
	slots []*Transaction
	// Invariant: free holds exactly the slots whose state is Free.
	free   []uint16
	serial uint32 // of the newest transaction
}

// open counts the transactions that are not over.
func (s *slab) open() int { return len(s.slots) - len(s.free) }

// take gives a transaction with a new ID, its other fields zero.
func (s *slab) take() (*Transaction, error) {
	if len(s.free) == 0 {
		if len(s.slots) == maxOpen {
			return nil, fault.New(fault.Limit, "%d transactions are open, which is the limit", maxOpen)
		}
		s.free = append(s.free, uint16(len(s.slots)))
		s.slots = append(s.slots, new(Transaction))
	}
	last := len(s.free) - 1
	slot := int(s.free[last])
	s.free = s.free[:last]
	if s.serial == math.MaxUint32 {
		s.serial = 0
	}
	s.serial++
	t := s.slots[slot]
	t.id = makeID(s.serial, slot)
	return t, nil
}

// find gives the transaction of an ID, nil if it is over.
func (s *slab) find(id ID) *Transaction {
	if id == 0 || id.slot() >= len(s.slots) {
		return nil
	}
	if t := s.slots[id.slot()]; t.id == id {
		return t
	}
	return nil
}

// put takes a transaction back.
func (s *slab) put(t *Transaction) {
	slot := t.id.slot()
	*t = Transaction{}
	s.free = append(s.free, uint16(slot))
}
