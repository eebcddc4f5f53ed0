package audit

import "sync/atomic"

// counter counts the violations of one rule identity since it last acted or was reset. It outlives
// the recipe: one that says the same goes on counting.
//
// The counter machine, where n is the count before:
//
//	happens     n becomes   if                       and it is
//	violation   0           n+1 >= MaxThreshold      Acted
//	violation   n+1         n+1 >= MinThreshold > 0  Warned
//	violation   n+1         otherwise                Counted
//	pass        0           ResetOnSuccess
//	pass        n           otherwise
type counter struct {
	n atomic.Int64 // written with the auditor's mutex held
}

// violateLocked counts a violation, and gives what it is and the count that made it that.
func (c *counter) violateLocked(r *Rule) (Outcome, int) {
	n := c.n.Load() + 1
	if n >= int64(r.MaxThreshold) {
		c.n.Store(0)
		return Acted, int(n)
	}
	c.n.Store(n)
	if r.MinThreshold > 0 && n >= int64(r.MinThreshold) {
		return Warned, int(n)
	}
	return Counted, int(n)
}

// passLocked counts a pass.
func (c *counter) passLocked(r *Rule) {
	if r.ResetOnSuccess {
		c.n.Store(0)
	}
}

// Run remembers what one run of a process was counted for, so that an attempt repeated after a
// conflict counts once. The zero value is a run that was not judged yet; every attempt of it
// hands in the same one. One goroutine uses it at a time.
//
// In a repeated attempt a violation counts if that rule was not violated before in this run, and
// a pass does not count. So a violation in any attempt is one violation, and a run that was
// refused stays refused.
type Run struct {
	// Stamp is copied to the events of the run: a time, or whatever the host tells runs apart by.
	Stamp int64

	judged  [gates]bool
	counted map[*counter]*Event
}

// again reports whether a gate judges this run once more, and notes that it did.
func (r *Run) again(g Gate) bool {
	if r == nil {
		return false
	}
	judged := r.judged[g]
	r.judged[g] = true
	return judged
}

// before gives the violation of a rule that this run was counted for; nil if there was none.
func (r *Run) before(c *counter) *Event {
	if r == nil {
		return nil
	}
	return r.counted[c]
}

// count notes a violation.
func (r *Run) count(c *counter, e *Event) {
	if r == nil {
		return
	}
	if r.counted == nil {
		r.counted = make(map[*counter]*Event)
	}
	r.counted[c] = e
}

func (r *Run) stamp() int64 {
	if r == nil {
		return 0
	}
	return r.Stamp
}
