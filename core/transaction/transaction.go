package transaction

// State is where a transaction stands. A transaction that is over is not kept: its slot is Free.
type State uint8

const (
	Free     State = iota // a slot without a transaction
	Running               // its process runs
	Applying              // its process returned, the host applies its writes
)

// Outcome says how a process ended. The numbers are those of capi/theus.h.
type Outcome uint32

const (
	Returned    Outcome = 1 // with a value
	Declared    Outcome = 2 // with an error its contract names
	Undeclared  Outcome = 3 // with any other error
	Refused     Outcome = 4 // with a denial or another contract violation
	Interrupted Outcome = 5 // with something that is no error: an interrupt, a cancellation
	Unstarted   Outcome = 6 // its arguments did not fit; it did not run

	lastOutcome = Unstarted
)

// Step is what the host does next. The numbers are those of capi/theus.h.
type Step uint32

const (
	Run    Step = 1 // call the process, then finish
	Wait   Step = 2 // another transaction stands in the way: come again when it is over
	Apply  Step = 3 // apply the writes, all or none, then say which
	Done   Step = 4 // nothing is left to do; over
	Commit Step = 5 // apply the writes now; over, unless that fails: then retract
	Keep   Step = 6 // a savepoint's writes now belong to the outer transaction; over
	Drop   Step = 7 // drop the writes; over
	Again  Step = 8 // it lost: drop the writes and begin again; over
)

// Transaction is a running process: a top-level one, or a savepoint inside another.
//
//  1. A top-level transaction and its savepoints form one stack.
//  2. Only the innermost of a stack may finish.
//  3. A pointer to it is good until it is over; what outlives that is its ID.
//
// Lane is the gateway that checks 2; everything below may assume 1 to 3.
type Transaction struct {
	id    ID
	state State
	depth int // 1 for a top-level transaction
	// Invariant: t.outer == nil if and only if t.depth == 1.
	outer *Transaction
	// Invariant: t.inner == nil || t.inner.outer == t.
	inner *Transaction
	scope uint32 // the engine's number for the rights this runs under; opaque here
}

// ID names the transaction until it is over, and nothing after that.
func (t *Transaction) ID() ID { return t.id }

// State tells where the transaction stands.
func (t *Transaction) State() State { return t.state }

// Scope is the engine's number for the rights the transaction runs under.
func (t *Transaction) Scope() uint32 { return t.scope }
