package transaction

import "github.com/theus-project/theus/core/internal/invariant"

// check walks the lane and holds every invariant written on its fields.
func (l *Lane) check() {
	if !invariant.Enabled {
		return
	}
	open := 0
	for _, t := range l.slab.slots {
		if t.state == Free {
			continue
		}
		open++
		invariant.Check((t.outer == nil) == (t.depth == 1), "only a top-level transaction has none around it")
		invariant.Check(t.outer == nil || t.outer.inner == t && t.depth == t.outer.depth+1, "depth counts from 1")
		invariant.Check(t.inner == nil || t.inner.outer == t, "t.outer is the transaction around t")
		invariant.Check(t.state == Running || t.inner == nil, "only the innermost applies")
		invariant.Check(t.state == Running || l.applying == t, "one applies at a time")
		invariant.Check(t.depth <= l.maxDepth, "stacks are bounded")
		invariant.Check(l.slab.find(t.id) == t, "an open transaction is found by its ID")
	}
	invariant.Check(open == l.slab.open(), "the slab counts its transactions")
	invariant.Check(l.holder == nil || l.holder.depth == 1 && l.slab.find(l.holder.id) == l.holder, "priority has an open top-level transaction")
	for i, c := range l.history.changes {
		invariant.Check(i == 0 || c.version >= l.history.changes[i-1].version, "the history is in order")
		invariant.Check(c.version > l.history.since, "the history begins where it says")
		invariant.Check(c.version <= l.versions.newest || l.applying != nil, "the history has no future")
	}
	for _, slot := range l.slab.free {
		invariant.Check(l.slab.slots[slot].state == Free, "a free slot holds no transaction")
	}
}
