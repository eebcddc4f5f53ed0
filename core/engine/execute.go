package engine

import (
	"fmt"

	"github.com/theus-project/theus/core/fault"
	"github.com/theus-project/theus/core/registry"
	"github.com/theus-project/theus/core/transaction"
)

// Begin starts a process, inside the transaction outer if that is not 0. The action is Run, or Wait
// where another transaction stands in the way. It fails with fault.AuditInterlock while the engine is
// stopped.
func (e *Engine) Begin(process registry.ID, outer transaction.ID, start transaction.Start) (Action, error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.beginLocked(process, outer, start)
}

func (e *Engine) beginLocked(process registry.ID, outer transaction.ID, start transaction.Start) (Action, error) {
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
	start.Urgent = start.Urgent || process == Edit // a block cannot run again, so it must not lose
	t, err := e.lane.Begin(around, index, start)
	if err != nil {
		return Action{}, err
	}
	if t == nil {
		return Action{Step: transaction.Wait}, nil
	}
	sc := e.scopes.get(index)
	return Action{
		Step:   transaction.Run,
		Tx:     t.ID(),
		Root:   sc.root,
		Leased: outer == 0 && process != Edit && start.Lost == 0,
		Reader: sc.policies[0].WritesNothing(),
	}, nil
}

// Finish takes what a process read and wrote and how it ended. The action is Apply, Commit, Keep,
// Drop, Done, Again or Wait. An error that is no fault.Ended or fault.Closed comes with the action
// Drop: the log is not what it must be, or the audit refuses; the transaction is over.
func (e *Engine) Finish(tx transaction.ID, outcome transaction.Outcome, log []transaction.Record, reads *transaction.Reads) (Action, error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	t, err := e.findLocked(tx)
	if err != nil {
		return Action{}, err
	}
	return e.finishLocked(t, outcome, log, reads, judged{e.scopes.get(t.Scope()).processes[0], tx})
}

// Report is Begin and Finish of a run that the host began under a lease: the answer to Begin was
// known, since a registered process never changes. After Wait nothing has happened: report again.
func (e *Engine) Report(process registry.ID, outcome transaction.Outcome, log []transaction.Record, reads *transaction.Reads) (Action, error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	begun, err := e.beginLocked(process, 0, transaction.Start{})
	if err != nil {
		return Action{}, err
	}
	t, err := e.findLocked(begun.Tx)
	if err != nil {
		return Action{}, err
	}
	next, err := e.finishLocked(t, outcome, log, reads, judged{process, 0})
	switch next.Step {
	case transaction.Wait:
		e.lane.Abandon(t)
	case transaction.Apply:
		next.Tx = begun.Tx
	}
	return next, err
}

func (e *Engine) finishLocked(t *transaction.Transaction, outcome transaction.Outcome, log []transaction.Record, reads *transaction.Reads, asked judged) (Action, error) {
	var refused error
	if outcome == transaction.Returned {
		if refused = e.passedLocked(t, asked); refused != nil {
			outcome, log = transaction.Refused, nil
		}
	}
	next, err := e.lane.Finish(t, outcome, log, reads, e.rights)
	if next.Step != transaction.Wait {
		e.judgedLocked(asked)
	}
	if err == nil && refused != nil {
		return Action{Step: next.Step}, refused
	}
	action := Action{Step: next.Step, Version: next.Version}
	switch {
	case err != nil:
	case next.Step == transaction.Drop:
		action.Raise = raise(outcome)
	case next.Step == transaction.Again:
		return e.lostLocked(asked.process, next.Lost)
	}
	return action, err
}

// lostLocked says what becomes of a process that lost: it runs again, unless it declares side
// effects, which would happen twice. Then it fails with fault.Conflict.
func (e *Engine) lostLocked(process registry.ID, to transaction.Opponent) (Action, error) {
	policy, err := e.policy(process)
	if err != nil {
		return Action{Step: transaction.Drop}, err
	}
	if policy.SideEffects() == 0 && process != Edit {
		return Action{Step: transaction.Again}, nil
	}
	opponent := "another transaction"
	if to.Scope != 0 {
		opponent = "process '" + e.scopes.get(to.Scope).policies[0].Name() + "'"
	}
	f := &fault.Error{Kind: fault.Conflict, Process: policy.Name()}
	if process == Edit {
		f.Detail = "a block cannot run again"
		f.Hint = "repeat the edit() block, or keep it short and out of event loops"
	} else {
		f.Detail = "it declares side effects, so it does not run again by itself"
		f.Hint = "run it again where its side effects may happen twice, or move them to a process of their own"
	}
	f.Text = fmt.Sprintf("process '%s' lost against %s, which committed version %d while it ran: %s\n  fix:           %s",
		policy.Name(), opponent, to.Version, f.Detail, f.Hint)
	return Action{Step: transaction.Drop}, f
}

// CatchUp is asked before a process reads on after a commit of somebody else. The action is Done,
// with the version that has now been seen, or Again, or Drop with fault.Conflict.
func (e *Engine) CatchUp(process registry.ID, reads *transaction.Reads) (Action, error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if err := e.open(); err != nil {
		return Action{}, err
	}
	seen, lost, err := e.lane.CatchUp(reads)
	if err != nil {
		return Action{}, err
	}
	if lost.Version == 0 {
		return Action{Step: transaction.Done, Version: seen}, nil
	}
	e.lane.Lose()
	return e.lostLocked(process, lost)
}

// Stats counts what happened to the transactions of the engine.
func (e *Engine) Stats() transaction.Stats {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.lane.Stats()
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
// undone. It is legal until the next commit.
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
