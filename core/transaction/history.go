package transaction

import (
	"sort"

	"github.com/theus-project/theus/core/host"
)

// change is what one write changed, as far as others have to know.
type change struct {
	object  host.Ref
	key     host.Key
	version uint64 // of the commit
	scope   uint32 // under which its process ran
}

// history is what the newest commits changed, as long as a transaction is open that has not seen
// them. With nobody else there nothing is kept, and nothing is allocated.
type history struct {
	// Invariant: in order of versions.
	changes []change
	since   uint64 // all changes after this version are here
	limit   int    // how many there may be before repetitions are dropped
}

// fewChanges is how many changes are kept without a look for repetitions.
const fewChanges = 1024

// skip leaves a commit out, since nobody is there who could ask for it.
func (h *history) skip(version uint64) {
	h.changes = h.changes[:0]
	h.since = version
}

// keep files a commit.
func (h *history) keep(version uint64, scope uint32, log []Record) {
	if len(h.changes) > max(h.limit, fewChanges) {
		h.compact()
	}
	for i := range log {
		r := &log[i]
		if r.Flags&Heavy != 0 {
			continue
		}
		c := change{r.Object, r.key(), version, scope}
		if n := len(h.changes); n > 0 && h.changes[n-1] == c {
			continue // a loop that writes one place over and over
		}
		h.changes = append(h.changes, c)
		if r.Flags&Resizes != 0 && c.key != host.Any {
			h.changes = append(h.changes, change{r.Object, host.Size, version, scope})
		}
	}
}

// compact drops what a later commit changed again: who has not seen the one has not seen the other.
// So what is kept follows the places that change while a transaction is open, not how often they do.
func (h *history) compact() {
	type place struct {
		object host.Ref
		key    host.Key
	}
	seen := make(map[place]bool)
	at := len(h.changes)
	for i := len(h.changes) - 1; i >= 0; i-- {
		c := h.changes[i]
		if p := (place{c.object, c.key}); !seen[p] {
			seen[p] = true
			at--
			h.changes[at] = c
		}
	}
	h.changes = h.changes[:copy(h.changes, h.changes[at:])]
	h.limit = 2 * len(h.changes)
}

// undo forgets the newest commit, which did not come about.
func (h *history) undo(version uint64) {
	h.changes = h.changes[:h.after(version-1)]
	h.since = min(h.since, version-1)
}

// forget drops the changes that everybody has seen.
func (h *history) forget(seen uint64) {
	if n := h.after(seen); n > 0 {
		h.changes = h.changes[:copy(h.changes, h.changes[n:])]
		h.since = max(h.since, seen)
	}
}

// after is the index of the first change after a version.
func (h *history) after(version uint64) int {
	n := len(h.changes)
	if n == 0 || h.changes[0].version > version {
		return 0
	}
	if h.changes[n-1].version <= version {
		return n
	}
	return sort.Search(n, func(i int) bool { return h.changes[i].version > version })
}

// conflict finds the first change to what was read, since it was read. Where the history does not go
// back so far, it is as if the newest commit had changed it.
func (h *history) conflict(r *Reads, newest uint64) (Opponent, bool) {
	if r.Seen >= newest {
		return Opponent{}, false
	}
	if r.Seen < h.since {
		return Opponent{Version: newest}, true
	}
	for _, c := range h.changes[h.after(r.Seen):] {
		if r.meets(c) {
			return Opponent{c.version, c.scope}, true
		}
	}
	return Opponent{}, false
}
