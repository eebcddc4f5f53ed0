package transaction

import "github.com/theus-project/theus/core/fault"

// Lane orders the transactions of one engine. Any number of top-level ones run at once; what each
// of them read is compared with what others committed since, when it is to be committed itself. So
// the first to commit wins, and what was committed is what it would be had they run one after the
// other, in the order of their versions.
//
// One that lost runs again. One that lost Patience times gets priority: until it is over nobody
// else commits, so it cannot lose once more.
//
// The lane itself never blocks: whoever has to wait is told so and comes again.
type Lane struct {
	slab     slab
	versions Versions
	history  history
	// Invariant: holder == nil || holder.depth == 1. It has priority.
	holder *Transaction
	// Invariant: applying == nil || applying.state == Applying. Nobody else commits meanwhile.
	applying *Transaction
	stats    Stats
	maxDepth int
}

// Patience is how often a transaction loses before it gets priority.
const Patience = 4

// Stats counts what happened to the transactions of an engine.
type Stats struct {
	Commits    uint64 // versions that were made
	Conflicts  uint64 // transactions that lost against a commit
	Retries    uint64 // of these, those that were begun again
	Priorities uint64 // ... with priority
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

// Stats gives the counters.
func (l *Lane) Stats() Stats { return l.stats }

// Find gives the transaction of an ID. The error is a fault.Ended.
func (l *Lane) Find(id ID) (*Transaction, error) {
	if t := l.slab.find(id); t != nil {
		return t, nil
	}
	return nil, fault.New(fault.Ended, "the transaction has ended")
}

// Start says how a top-level transaction begins.
type Start struct {
	Lost   int  // how often it lost before; Patience times give it priority
	Urgent bool // it gets priority at once, since it could not run again
	Hasty  bool // the host cannot wait: without priority, if need be
}

// Begin starts a transaction, or a savepoint if outer is not nil. It returns nil and no error where
// it has to wait: a savepoint for another one of the same transaction, one that is to get priority
// for another that has it.
func (l *Lane) Begin(outer *Transaction, scope uint32, start Start) (*Transaction, error) {
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
	urgent := outer == nil && (start.Urgent || start.Lost >= Patience)
	if urgent && l.holder != nil {
		if !start.Hasty {
			return nil, nil
		}
		urgent = false
	}
	if outer != nil && outer.inner != nil {
		return nil, nil
	}
	t, err := l.slab.take()
	if err != nil {
		return nil, err
	}
	t.state, t.depth, t.scope, t.outer = Running, depth, scope, outer
	if outer != nil {
		outer.inner = t
	}
	if urgent {
		l.holder = t
	}
	if outer == nil && start.Lost > 0 {
		l.stats.Retries++
		if urgent {
			l.stats.Priorities++
		}
	}
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

// mayCommit tells whether nobody stands in the way of a commit. Where somebody with priority does
// and the host cannot wait, priority ends.
func (l *Lane) mayCommit(t *Transaction, hasty bool) bool {
	if l.applying != nil && l.applying != t {
		return false
	}
	if l.holder != nil && l.holder != t && hasty {
		l.holder = nil
	}
	return l.holder == nil || l.holder == t
}

// leave ends a transaction: it makes room for others.
func (l *Lane) leave(t *Transaction) {
	if t.outer != nil {
		t.outer.inner = nil
	}
	if l.holder == t {
		l.holder = nil
	}
	if l.applying == t {
		l.applying = nil
	}
	l.slab.put(t)
	l.check()
}

// Abandon ends a transaction that never was: one that was begun only to be told to wait.
func (l *Lane) Abandon(t *Transaction) { l.leave(t) }

// Close ends all transactions and returns the serial number of the newest.
func (l *Lane) Close() (lastSerial uint32) {
	l.holder, l.applying = nil, nil
	for _, t := range l.slab.slots {
		if t.state != Free {
			l.slab.put(t)
		}
	}
	l.check()
	return l.slab.serial
}
