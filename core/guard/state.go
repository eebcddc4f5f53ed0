package guard

import (
	"bytes"

	"github.com/theus-project/theus/core/contract"
	"github.com/theus-project/theus/core/path"
	"github.com/theus-project/theus/core/zone"
)

// state is what stands behind a shape: a set of cursors, one for each policy, and the
// transitions that were asked for so far.
type state struct {
	shape   Shape
	place   place
	scope   *scope
	cursors []contract.Cursor // of scope.policies; nil if one of them denies all

	above ID           // while learning: the shape it is a child of; 0 for a root
	seg   path.Segment // and the step that leads from there

	named  map[path.Segment]ID // transitions that a declared path spells out, and the layers
	others [4][2]ID            // all other transitions, by zone and privacy; 0 is not asked yet
}

// place is what a shape depends on besides the policies.
type place struct {
	zone    zone.Zone
	layer   Layer
	private bool
	root    bool
}

// anyItem is an item that no path names and no zone claims.
var anyItem = path.Segment{Kind: path.Other}

// names reports whether a declared path of any policy spells seg out.
func (st *state) names(seg path.Segment) bool {
	for i, c := range st.cursors {
		if st.scope.policies[i].Names(c, seg) {
			return true
		}
	}
	return false
}

// step moves all cursors. Where one policy denies everything so do all together: nil.
func (st *state) step(seg path.Segment, z zone.Zone) []contract.Cursor {
	next := make([]contract.Cursor, len(st.cursors))
	for i, c := range st.cursors {
		next[i] = st.scope.policies[i].Step(c, seg, z)
		if next[i].Denies() {
			return nil
		}
	}
	return next
}

func (s *Shapes) stepLocked(at *state, seg path.Segment, below place) ID {
	return s.internLocked(at.scope, below, at.step(seg, below.zone))
}

// internLocked finds or makes the shape of a place with these cursors.
func (s *Shapes) internLocked(sc *scope, where place, cursors []contract.Cursor) ID {
	key := appendKey(where.appendKey(nil), cursors)
	if id, ok := sc.ids[string(key)]; ok {
		return id
	}
	st := &state{place: where, scope: sc, cursors: cursors}
	st.shape = Shape{
		ID:    ID(len(s.states) + 1),
		Bits:  bitsOf(cursors),
		Zone:  where.zone,
		Layer: where.layer,
	}
	if where.private {
		st.shape.Bits |= IsPrivate
	}
	if st.itemsVary() {
		st.shape.Flags |= ItemsVary
	}
	s.states = append(s.states, st)
	sc.ids[string(key)] = st.shape.ID
	return st.shape.ID
}

// bitsOf joins what each policy allows: the intersection. Whoever may read may also walk.
func bitsOf(cursors []contract.Cursor) Bits {
	if len(cursors) == 0 {
		return 0
	}
	reads, writes := true, true
	for _, c := range cursors {
		if c.Denies() {
			return 0
		}
		reads = reads && c.Reads()
		writes = writes && c.Writes()
	}
	switch {
	case writes:
		return MayRead | MayWrite
	case reads:
		return MayRead
	default:
		return MayWalk
	}
}

// itemsVary reports whether some item is treated unlike anyItem. Keys with a zone prefix do not
// count: hosts ask for each of them anyway.
func (st *state) itemsVary() bool {
	usual := appendKey(nil, st.step(anyItem, st.shape.Zone))
	for i, c := range st.cursors {
		for _, item := range st.scope.policies[i].Items(c) {
			if st.shape.Zone.Below(item) != st.shape.Zone {
				continue
			}
			if !bytes.Equal(usual, appendKey(nil, st.step(item, st.shape.Zone))) {
				return true
			}
		}
	}
	return false
}

func appendKey(to []byte, cursors []contract.Cursor) []byte {
	for _, c := range cursors {
		to = c.AppendKey(to)
	}
	return to
}

func (w place) appendKey(to []byte) []byte {
	flags := byte(0)
	if w.private {
		flags |= 1
	}
	if w.root {
		flags |= 2
	}
	return append(to, byte(w.zone), byte(w.layer), flags)
}
