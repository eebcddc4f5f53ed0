package transaction

import (
	"unsafe"

	"github.com/theus-project/theus/core/fault"
	"github.com/theus-project/theus/core/host"
)

// Op is what a record does to its path. The numbers are those of capi/theus.h.
type Op uint16

const (
	Set     Op = 1 // assign an attribute
	Delete  Op = 2 // delete an attribute or an item
	SetItem Op = 3 // assign an item
	Append  Op = 4
	Insert  Op = 5
	Extend  Op = 6
	Pop     Op = 7
	PopItem Op = 8
	Remove  Op = 9
	Clear   Op = 10
	Sort    Op = 11
	Reverse Op = 12

	LastOp = Reverse
)

// Flags qualify a record. The numbers are those of capi/theus.h.
type Flags uint16

const (
	Foreign Flags = 1 // applying it may run user code
	Heavy   Flags = 2 // already in memory: written through, not rolled back
	Resizes Flags = 4 // the length or the order of the container changes

	allFlags = Foreign | Heavy | Resizes
)

// Record is one entry of the delta log. The host appends it as a process writes, in program
// order, into memory the host owns; the kernel reads it at finish and trusts only what it checks.
//
// Invariant: the layout is that of theus_record, which the constants below hold.
type Record struct {
	Op     Op
	Flags  Flags
	Shape  uint32   // of the written path
	Object host.Ref // the written object
	Key    host.Key // what of it changes; host.Any is all of it
	Bytes  uint64   // Heavy: size of what was assigned
}

// key is what of the object this write may change. User code may change anything of it.
func (r *Record) key() host.Key {
	if r.Flags&Foreign != 0 {
		return host.Any
	}
	return r.Key
}

// RecordSize is the size of theus_record. A Record of another size does not compile: one of the
// two constants below it would be negative.
const (
	RecordSize = 32
	_          = uint(unsafe.Sizeof(Record{}) - RecordSize)
	_          = uint(RecordSize - unsafe.Sizeof(Record{}))
)

// Rights knows the shapes an engine handed out. Records name them, and are checked against them.
type Rights interface {
	// Write answers for one shape: whether it exists, whether the path it stands for may be
	// written, and whether that path lies in the HEAVY zone. It is called with the engine's
	// mutex held, and a log asks for the same shape over and over.
	Write(shape uint32) (allowed, heavy, known bool)
}

// census counts a valid log by what the records ask of a commit.
type census struct {
	writes  int // that a commit must apply: all but the heavy ones
	foreign int // among them, those that may run user code
}

// inspect checks every record of a log. The first one that is wrong is the error; its kind is
// fault.Write for a path that may not be written and fault.Invalid for anything malformed.
func inspect(records []Record, rights Rights) (census, error) {
	var (
		count          census
		shape          uint32 // the last one asked for, and what was answered
		allowed, heavy bool
		known          bool
	)
	for i := range records {
		r := &records[i]
		if i == 0 || r.Shape != shape {
			shape = r.Shape
			allowed, heavy, known = rights.Write(shape)
		}
		switch {
		case r.Op == 0 || r.Op > LastOp:
			return census{}, malformed(i, "unknown operation %d", r.Op)
		case r.Flags&^allFlags != 0:
			return census{}, malformed(i, "unknown flags %#x", uint16(r.Flags))
		case !known:
			return census{}, malformed(i, "no shape %d was handed out", r.Shape)
		case !allowed:
			return census{}, fault.New(fault.Write,
				"record %d of the delta log writes shape %d, which may not be written", i, r.Shape)
		case heavy != (r.Flags&Heavy != 0):
			return census{}, malformed(i, "its heavy flag and the zone of shape %d disagree", r.Shape)
		case heavy && r.Flags&Foreign != 0:
			return census{}, malformed(i, "a heavy write is in memory already and has nothing to apply")
		}
		if heavy {
			continue
		}
		count.writes++
		if r.Flags&Foreign != 0 {
			count.foreign++
		}
	}
	return count, nil
}

func malformed(i int, format string, args ...any) error {
	err := fault.New(fault.Invalid, format, args...)
	return fault.New(fault.Invalid, "record %d of the delta log is malformed: %s", i, err.Text)
}
