package transaction

import "github.com/theus-project/theus/core/fault"

// Next is the answer to a transaction whose process ended.
type Next struct {
	Step    Step
	Version uint64   // Apply, Commit, and Done after an Apply: the version this commit makes
	Lost    Opponent // Again: against whom
}

// Opponent is the commit that another transaction lost against.
type Opponent struct {
	Version uint64
	Scope   uint32 // under which its process ran; 0 where that is no longer known
}

// Finish takes what a process read and wrote and how it ended. Unless the step is Apply or Wait, t
// is over; Wait means that another one has priority, or is being applied: come again.
//
// An error of kind fault.Ended changes nothing. Any other means that the log is not what it must
// be; the step is then Drop.
func (l *Lane) Finish(t *Transaction, outcome Outcome, log []Record, reads *Reads, rights Rights) (Next, error) {
	if t.state != Running {
		return Next{}, fault.New(fault.Ended, "the transaction was finished before")
	}
	if err := l.innermost(t); err != nil {
		return Next{}, err
	}
	next, err := l.publish(t, outcome, log, reads, rights)
	switch next.Step {
	case Wait:
	case Apply:
		t.state = Applying
		l.applying = t
	default:
		l.leave(t)
	}
	return next, err
}

// publish is the one place where writes become history:
//
//	validate  every record names a shape that was handed out and may be written, and nothing that
//	          was read has changed since
//	apply     by the host: it holds the objects. Writes that run no user code cannot fail in the
//	          user's hands, so the host is trusted with them (Commit). Writes that can are tried
//	          first (Apply), and the version is made when they stand (Applied).
//	bump      the commit gets its number
//	done
//
// A process that wrote nothing has read one version, and could have run just then: it never loses.
func (l *Lane) publish(t *Transaction, outcome Outcome, log []Record, reads *Reads, rights Rights) (Next, error) {
	if outcome == 0 || outcome > lastOutcome {
		return Next{Step: Drop}, fault.New(fault.Invalid, "a process cannot end with outcome %d", outcome)
	}
	if outcome != Returned {
		return Next{Step: Drop}, nil
	}
	count, err := inspect(log, rights)
	if err == nil {
		err = reads.check(l.versions.newest)
	}
	switch {
	case err != nil:
		return Next{Step: Drop}, err
	case t.outer != nil:
		return Next{Step: Keep}, nil
	case count.writes == 0:
		return Next{Step: Done}, nil
	case !l.mayCommit(t, reads.Hasty):
		return Next{Step: Wait}, nil
	}
	if lost, conflict := l.history.conflict(reads, l.versions.newest); conflict {
		l.stats.Conflicts++
		return Next{Step: Again, Lost: lost}, nil
	}
	switch {
	case reads.Oldest != Alone:
		l.history.forget(reads.Oldest)
		l.history.keep(l.versions.Next(), t.scope, log)
	case count.foreign > 0: // others may begin while it is applied
		l.history.skip(l.versions.newest)
		l.history.keep(l.versions.Next(), t.scope, log)
	default:
		l.history.skip(l.versions.Next())
	}
	if count.foreign > 0 {
		return Next{Step: Apply, Version: l.versions.Next()}, nil
	}
	l.stats.Commits++
	return Next{Step: Commit, Version: l.versions.bump(true)}, nil
}

// Applied answers Apply: whether all writes stand, or none does. t is over.
func (l *Lane) Applied(t *Transaction, allStand bool) (Next, error) {
	if t.state != Applying {
		return Next{}, fault.New(fault.Ended, "no writes of this transaction are being applied")
	}
	next := Next{Step: Drop}
	if allStand {
		l.stats.Commits++
		next = Next{Step: Done, Version: l.versions.bump(false)}
	} else {
		l.history.undo(l.versions.Next())
	}
	l.leave(t)
	return next, nil
}

// Retract takes the newest version back after a Commit that the host could not apply.
func (l *Lane) Retract(version uint64) error {
	if !l.versions.Retract(version) {
		return fault.New(fault.Ended, "version %d cannot be taken back: it is not the newest, or was applied", version)
	}
	l.stats.Commits--
	l.history.undo(version)
	return nil
}

// CatchUp tells whether all that was read is still true at the newest version, which has then been
// seen. A transaction asks before it reads on after a commit of another, so that all it ever sees
// belongs to one version. If something has changed, the opponent is who changed it; its version is 0
// otherwise.
func (l *Lane) CatchUp(reads *Reads) (seen uint64, lost Opponent, err error) {
	if err := reads.check(l.versions.newest); err != nil {
		return 0, Opponent{}, err
	}
	if lost, conflict := l.history.conflict(reads, l.versions.newest); conflict {
		return 0, lost, nil
	}
	return l.versions.newest, Opponent{}, nil
}

// Lose counts a transaction that gave up before its end, since CatchUp told it that it had lost.
func (l *Lane) Lose() { l.stats.Conflicts++ }
