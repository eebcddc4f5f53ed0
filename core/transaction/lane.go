package transaction

import "github.com/theus-project/theus/core/fault"

// Lane orders the transactions of one engine. One top-level transaction is in charge at a time;
// whoever comes meanwhile is told to wait and comes again, so the lane itself never blocks.
type Lane struct {
	slab     slab
	versions Versions
	// Invariant: top == nil || top.depth == 1; every open transaction is top or below it.
	top      *Transaction
	maxDepth int
}

// NewLane makes a lane that nests at most maxDepth transactions. Serial numbers go on after
// lastSerial, which is 0, or what Close of an earlier lane returned whose IDs may still be about.
func NewLane(maxDepth int, lastSerial uint32) *Lane {
	return &Lane{maxDepth: maxDepth, slab: slab{serial: lastSerial}}
}

// Newest is the number of the last commit.
func (l *Lane) Newest() uint64 { return l.versions.newest }

// Open counts the transactions that are not over.
func (l *Lane) Open() int { return l.slab.open() }

// Find gives the transaction of an ID. The error is a fault.Ended.
func (l *Lane) Find(id ID) (*Transaction, error) {
	if t := l.slab.find(id); t != nil {
		return t, nil
	}
	return nil, fault.New(fault.Ended, "the transaction has ended")
}

// Begin starts a transaction, or a savepoint if outer is not nil. It returns nil and no error
// where another transaction is in charge: come again when that one is over.
func (l *Lane) Begin(outer *Transaction, scope uint32) (*Transaction, error) {
	depth := 1
	if outer != nil {
		if outer.state != Running {
			return nil, fault.New(fault.Ended, "the outer transaction has ended: its writes are being applied")
		}
		depth += outer.depth
	}
	if depth > l.maxDepth {
		return nil, fault.New(fault.Limit, "processes are nested deeper than %d; does one call itself?", l.maxDepth)
	}
	if outer == nil && l.top != nil || outer != nil && outer.inner != nil {
		return nil, nil
	}
	t, err := l.slab.take()
	if err != nil {
		return nil, err
	}
	t.state, t.depth, t.scope, t.outer = Running, depth, scope, outer
	if outer != nil {
		outer.inner = t
	} else {
		l.top = t
	}
	l.versions.seal()
	l.check()
	return t, nil
}

// innermost refuses to end a transaction around one that still runs.
func (l *Lane) innermost(t *Transaction) error {
	if t.inner != nil {
		return fault.New(fault.Ended, "a process inside this one still runs: finish that one first")
	}
	return nil
}

// leave ends a transaction: it makes room for the next one.
func (l *Lane) leave(t *Transaction) {
	if t.outer != nil {
		t.outer.inner = nil
	} else {
		l.top = nil
	}
	l.slab.put(t)
	l.check()
}

// Close ends all transactions and returns the serial number of the newest.
func (l *Lane) Close() (lastSerial uint32) {
	for l.top != nil {
		t := l.top
		for t.inner != nil {
			t = t.inner
		}
		l.leave(t)
	}
	return l.slab.serial
}
