package transaction

// Versions numbers the commits of an engine: 0 before the first, then one more each.
//
// A number is handed out when a commit is decided. If the host then cannot apply it and has undone
// what it began, it takes the number back, which is legal once and until the next commit: the host
// shows nobody a version that it has not applied.
type Versions struct {
	newest uint64
	// Invariant: fresh implies newest > 0, and that newest may be taken back.
	fresh bool
}

// Newest is the number of the last commit.
func (v *Versions) Newest() uint64 { return v.newest }

// Next is the number the next commit will have.
func (v *Versions) Next() uint64 { return v.newest + 1 }

// bump makes the next version the newest. A fresh one may still be retracted.
func (v *Versions) bump(fresh bool) uint64 {
	v.newest++
	v.fresh = fresh
	return v.newest
}

// Retract takes the newest version back and reports whether that was legal.
func (v *Versions) Retract(version uint64) bool {
	if !v.fresh || version != v.newest {
		return false
	}
	v.newest--
	v.fresh = false
	return true
}
