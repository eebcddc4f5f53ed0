package engine

import (
	"github.com/theus-project/theus/core/fault"
	"github.com/theus-project/theus/core/registry"
	"github.com/theus-project/theus/core/transaction"
)

// Begin starts a process, inside the transaction outer if that is not 0. The action is Run, or
// Wait where another transaction is in charge. It fails with fault.AuditInterlock while the engine
// is stopped.
func (e *Engine) Begin(process registry.ID, outer transaction.ID) (Action, error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.beginLocked(process, outer)
}

func (e *Engine) beginLocked(process registry.ID, outer transaction.ID) (Action, error) {
	if err := e.open(); err != nil {
		return Action{}, err
	}
	if err := e.running(process); err != nil {
		return Action{}, err
	}
	var (
		around *transaction.Transaction
		inside uint32
		err    error
	)
	if outer != 0 {
		if around, err = e.lane.Find(outer); err != nil {
			return Action{}, err
		}
		inside = around.Scope()
	}
	index, err := e.scopes.enter(inside, process, e.policy)
	if err != nil {
		return Action{}, err
	}
	t, err := e.lane.Begin(around, index)
	if err != nil {
		return Action{}, err
	}
	if t == nil {
		return Action{Step: transaction.Wait}, nil
	}
	return Action{
		Step:   transaction.Run,
		Tx:     t.ID(),
		Root:   e.scopes.get(index).root,
		Leased: outer == 0 && process != Edit,
	}, nil
}

// Finish takes what a process wrote and how it ended. The action is Apply, Commit, Keep, Drop or
// Done. An error that is no fault.Ended or fault.Closed comes with the action Drop: the log is
// not what it must be, or the audit refuses; the transaction is over.
func (e *Engine) Finish(tx transaction.ID, outcome transaction.Outcome, log []transaction.Record) (Action, error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	t, err := e.findLocked(tx)
	if err != nil {
		return Action{}, err
	}
	return e.finishLocked(t, outcome, log, judged{e.scopes.get(t.Scope()).processes[0], tx})
}

// Report is Begin and Finish of a run that the host began under a lease: the answer to Begin was
// known, since nothing else ran and a registered process never changes. A host that breaks the
// lease, by running two at once, gets fault.Busy.
func (e *Engine) Report(process registry.ID, outcome transaction.Outcome, log []transaction.Record) (Action, error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	begun, err := e.beginLocked(process, 0)
	if err != nil {
		return Action{}, err
	}
	if begun.Step == transaction.Wait {
		return Action{}, fault.New(fault.Busy, "a run under a lease ended while another transaction was in charge")
	}
	t, err := e.findLocked(begun.Tx)
	if err != nil {
		return Action{}, err
	}
	next, err := e.finishLocked(t, outcome, log, judged{process, 0})
	if next.Step == transaction.Apply {
		next.Tx = begun.Tx
	}
	return next, err
}

func (e *Engine) finishLocked(t *transaction.Transaction, outcome transaction.Outcome, log []transaction.Record, asked judged) (Action, error) {
	var refused error
	if outcome == transaction.Returned {
		if refused = e.passedLocked(t, asked); refused != nil {
			outcome, log = transaction.Refused, nil
		}
	}
	next, err := e.lane.Finish(t, outcome, log, e.rights)
	if err == nil && refused != nil {
		return Action{Step: next.Step}, refused
	}
	action := Action{Step: next.Step, Version: next.Version}
	if err == nil && next.Step == transaction.Drop {
		action.Raise = raise(outcome)
	}
	return action, err
}

// Applied answers Apply: whether all writes stand, or none does. The action is Done or Drop, and
// the error that made the host fail reaches the caller as it is.
func (e *Engine) Applied(tx transaction.ID, allStand bool) (Action, error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	t, err := e.findLocked(tx)
	if err != nil {
		return Action{}, err
	}
	next, err := e.lane.Applied(t, allStand)
	action := Action{Step: next.Step, Version: next.Version}
	if next.Step == transaction.Drop {
		action.Raise = RaiseAsIs
	}
	return action, err
}

// Retract takes the newest version back after a Commit that the host could not apply and has
// undone. It is legal until the next transaction begins.
func (e *Engine) Retract(version uint64) error {
	e.mu.Lock()
	defer e.mu.Unlock()
	if err := e.open(); err != nil {
		return err
	}
	return e.lane.Retract(version)
}

func (e *Engine) findLocked(tx transaction.ID) (*transaction.Transaction, error) {
	if err := e.open(); err != nil {
		return nil, err
	}
	return e.lane.Find(tx)
}
