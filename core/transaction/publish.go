package transaction

import "github.com/theus-project/theus/core/fault"

// Next is the answer to a transaction whose process ended.
type Next struct {
	Step    Step
	Version uint64 // Apply, Commit, and Done after an Apply: the version this commit makes
}

// Finish takes what a process wrote and how it ended. Unless the step is Apply, t is over.
//
// An error of kind fault.Ended changes nothing. Any other means that the log is not what it must
// be; the step is then Drop.
func (l *Lane) Finish(t *Transaction, outcome Outcome, log []Record, rights Rights) (Next, error) {
	if t.state != Running {
		return Next{}, fault.New(fault.Ended, "the transaction was finished before")
	}
	if err := l.innermost(t); err != nil {
		return Next{}, err
	}
	next, err := l.publish(t, outcome, log, rights)
	if next.Step == Apply {
		t.state = Applying
	} else {
		l.leave(t)
	}
	return next, err
}

// publish is the one place where writes become history:
//
//	validate  every record names a shape that was handed out and may be written
//	apply     by the host: it holds the objects. Writes that run no user code cannot fail in the
//	          user's hands, so the host is trusted with them (Commit). Writes that can are tried
//	          first (Apply), and the version is made when they stand (Applied).
//	bump      the commit gets its number
//	done
func (l *Lane) publish(t *Transaction, outcome Outcome, log []Record, rights Rights) (Next, error) {
	if outcome == 0 || outcome > lastOutcome {
		return Next{Step: Drop}, fault.New(fault.Invalid, "a process cannot end with outcome %d", outcome)
	}
	if outcome != Returned {
		return Next{Step: Drop}, nil
	}
	count, err := inspect(log, rights)
	switch {
	case err != nil:
		return Next{Step: Drop}, err
	case t.outer != nil:
		return Next{Step: Keep}, nil
	case count.writes == 0:
		return Next{Step: Done}, nil
	case count.foreign > 0:
		return Next{Step: Apply, Version: l.versions.Next()}, nil
	default:
		return Next{Step: Commit, Version: l.versions.bump(true)}, nil
	}
}

// Applied answers Apply: whether all writes stand, or none does. t is over.
func (l *Lane) Applied(t *Transaction, allStand bool) (Next, error) {
	if t.state != Applying {
		return Next{}, fault.New(fault.Ended, "no writes of this transaction are being applied")
	}
	next := Next{Step: Drop}
	if allStand {
		next = Next{Step: Done, Version: l.versions.bump(false)}
	}
	l.leave(t)
	return next, nil
}

// Retract takes the newest version back after a Commit that the host could not apply.
func (l *Lane) Retract(version uint64) error {
	if !l.versions.Retract(version) {
		return fault.New(fault.Ended,
			"version %d cannot be taken back: it is not the newest, or a transaction began since", version)
	}
	return nil
}
