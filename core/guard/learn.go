package guard

import (
	"strings"

	"github.com/theus-project/theus/core/path"
)

// Learned is a place that processes reached while their contracts were being learned. What they
// did there beyond reaching it, the host knows.
type Learned struct {
	ID        ID
	Above     ID // the shape it is a child of; 0 for a root
	Path      path.Path
	Processes []string // the one that reached it, and those it ran inside of, in no order
}

// Learned lists every place that was reached under policies that learn, a parent before its
// children.
func (s *Shapes) Learned() []Learned {
	s.mu.Lock()
	defer s.mu.Unlock()
	var list []Learned
	paths := make(map[ID]path.Path)
	for i, st := range s.states {
		if !st.scope.learns() {
			continue
		}
		id := ID(i + 1)
		if st.above != 0 {
			seg, up := st.seg, paths[st.above]
			if seg.Kind == path.Other {
				seg = path.Segment{Kind: path.Any} // no contract can name such a key
			}
			paths[id] = append(up[:len(up):len(up)], seg)
		}
		l := Learned{ID: id, Above: st.above, Path: paths[id]}
		for _, p := range st.scope.policies {
			l.Processes = append(l.Processes, p.Name())
		}
		list = append(list, l)
	}
	return list
}

// learnLocked makes the shape of a place that is reached for the first time. Shapes are not
// shared here, and no item answers for another one: each place is to be known by its path.
func (s *Shapes) learnLocked(at *state, seg path.Segment, below place) *state {
	seg.Name = strings.Clone(seg.Name) // it may be borrowed
	st := &state{place: below, scope: at.scope, cursors: at.cursors, above: at.shape.ID, seg: seg}
	st.shape = Shape{
		ID:    ID(len(s.states) + 1),
		Bits:  MayRead | MayWrite,
		Zone:  below.zone,
		Layer: below.layer,
		Flags: ItemsVary | Learns,
	}
	if below.private {
		st.shape.Bits |= IsPrivate
	}
	s.states = append(s.states, st)
	if at.named == nil {
		at.named = make(map[path.Segment]ID)
	}
	at.named[seg] = st.shape.ID
	return st
}

// learns reports whether every process of the scope has its contract learned.
func (sc *scope) learns() bool {
	for _, p := range sc.policies {
		if !p.Learns() {
			return false
		}
	}
	return len(sc.policies) > 0
}
