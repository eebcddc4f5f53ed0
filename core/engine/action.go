package engine

import (
	"github.com/theus-project/theus/core/guard"
	"github.com/theus-project/theus/core/transaction"
)

// Raise says how the host's error reaches the caller after a Drop. The numbers are those of
// capi/theus.h.
type Raise uint32

const (
	RaiseNothing Raise = 0
	RaiseAsIs    Raise = 1 // unchanged
	RaiseWrapped Raise = 2 // as an undeclared error violation, caused by the host's error
)

// Action is what the host does next.
type Action struct {
	Step    transaction.Step
	Raise   Raise          // Drop
	Tx      transaction.ID // Run: the transaction that began; Apply of a Report: the same
	Version uint64         // Apply, Commit, and Done after an Apply: the version the commit makes
	Root    guard.Shape    // Run: the shape of the system context under this contract
	Leased  bool           // Run: the host may begin this process again without asking, see Report
	Reader  bool           // Run: the contract lets it write nothing that is rolled back
}

// raise maps the end of a process to what its caller gets.
func raise(o transaction.Outcome) Raise {
	switch o {
	case transaction.Declared, transaction.Refused, transaction.Interrupted, transaction.Unstarted:
		return RaiseAsIs
	case transaction.Undeclared:
		return RaiseWrapped
	default:
		return RaiseNothing
	}
}
