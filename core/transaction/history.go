package transaction

import "github.com/theus-project/theus/core/host"

// change is what one write changed, as far as others have to know.
type change struct {
	object host.Ref
	key    host.Key
}

// commit is what one commit changed.
type commit struct {
	version uint64
	scope   uint32 // under which its process ran
	changes []change
}

// history is what the newest commits changed, as long as a transaction is open that has not seen
// them. With nobody else there nothing is kept, and nothing is allocated.
type history struct {
	// Invariant: in order of versions, without a gap.
	commits []commit
	spare   [][]change // memory of commits that were forgotten
}

// maxSpare bounds the memory that is kept for later, in commits.
const maxSpare = 64

// keep files a commit.
func (h *history) keep(version uint64, scope uint32, log []Record) {
	var changes []change
	if n := len(h.spare); n > 0 {
		changes, h.spare = h.spare[n-1], h.spare[:n-1]
	}
	for i := range log {
		r := &log[i]
		if r.Flags&Heavy != 0 {
			continue
		}
		c := change{r.Object, r.key()}
		if n := len(changes); n > 0 && changes[n-1] == c {
			continue // a loop that writes one place over and over
		}
		changes = append(changes, c)
		if r.Flags&Resizes != 0 && c.key != host.Any {
			changes = append(changes, change{r.Object, host.Size})
		}
	}
	h.commits = append(h.commits, commit{version, scope, changes})
}

// undo forgets the newest commit, which did not come about.
func (h *history) undo(version uint64) {
	if n := len(h.commits); n > 0 && h.commits[n-1].version == version {
		h.commits = h.commits[:n-1]
	}
}

// forget drops the commits that everybody has seen.
func (h *history) forget(seen uint64) {
	n := h.after(seen)
	if n == 0 {
		return
	}
	for _, c := range h.commits[:n] {
		if len(h.spare) < maxSpare {
			h.spare = append(h.spare, c.changes[:0])
		}
	}
	left := copy(h.commits, h.commits[n:])
	clear(h.commits[left:])
	h.commits = h.commits[:left]
}

// after is the index of the first commit after a version.
func (h *history) after(version uint64) int {
	if len(h.commits) == 0 || version < h.commits[0].version {
		return 0
	}
	return int(min(version-h.commits[0].version+1, uint64(len(h.commits))))
}

// conflict finds the first commit that changed what was read, since it was read. Where the history
// does not go back so far, it is as if that commit had.
func (h *history) conflict(r *Reads, newest uint64) *commit {
	if r.Seen >= newest {
		return nil
	}
	at := h.after(r.Seen)
	if at == len(h.commits) || h.commits[at].version > r.Seen+1 {
		return &commit{version: newest}
	}
	for ; at < len(h.commits); at++ {
		for _, c := range h.commits[at].changes {
			if r.meets(c) {
				return &h.commits[at]
			}
		}
	}
	return nil
}
