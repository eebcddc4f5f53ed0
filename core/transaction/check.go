package transaction

import "github.com/theus-project/theus/core/internal/invariant"

// check walks the lane and holds every invariant written on its fields.
func (l *Lane) check() {
	if !invariant.Enabled {
		return
	}
	open, outer := 0, (*Transaction)(nil)
	for t := l.top; t != nil; t = t.inner {
		open++
		invariant.Check(t.outer == outer, "t.outer is the transaction around t")
		invariant.Check(t.depth == open, "depth counts from 1")
		invariant.Check(t.state == Running || t.inner == nil, "only the innermost applies")
		invariant.Check(l.slab.find(t.id) == t, "an open transaction is found by its ID")
		outer = t
	}
	invariant.Check(open == l.slab.open(), "every open transaction is on the stack")
	invariant.Check(open <= l.maxDepth, "the stack is bounded")
	invariant.Check(!l.versions.fresh || l.top == nil, "a version is final once a transaction begins")
	for _, slot := range l.slab.free {
		invariant.Check(l.slab.slots[slot].state == Free, "a free slot holds no transaction")
	}
}
