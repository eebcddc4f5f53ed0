package guard

import (
	"encoding/binary"
	"slices"

	"github.com/theus-project/theus/core/contract"
)

// scope is a set of policies that hold together: that of a process and those of its callers.
type scope struct {
	policies []*contract.Policy // in the order of their ordinals, each once
	root     ID
	ids      map[string]ID // the shapes of this scope by place and cursors
}

// scopes interns sets of policies. An intersection does not depend on order and repetition, so
// recursion and every way to nest the same processes end in one scope.
type scopes struct {
	ordinals map[*contract.Policy]uint32 // from 1; a policy that allows everything has 0
	known    map[string]*scope
}

func (s *scopes) of(policies []*contract.Policy) *scope {
	if s.known == nil {
		s.ordinals, s.known = make(map[*contract.Policy]uint32), make(map[string]*scope)
	}
	var room [8]*contract.Policy
	set := append(room[:0], policies...)
	slices.SortFunc(set, func(a, b *contract.Policy) int { return int(s.ordinal(a)) - int(s.ordinal(b)) })
	set = slices.CompactFunc(set, func(a, b *contract.Policy) bool { return s.ordinal(a) == s.ordinal(b) })
	if len(set) > 1 && s.ordinal(set[0]) == 0 {
		set = set[1:] // everything, cut with something, is that
	}
	var buf [64]byte
	key := buf[:0]
	for _, p := range set {
		key = binary.BigEndian.AppendUint32(key, s.ordinal(p))
	}
	if sc, ok := s.known[string(key)]; ok {
		return sc
	}
	sc := &scope{policies: slices.Clone(set), ids: make(map[string]ID)}
	s.known[string(key)] = sc
	return sc
}

func (s *scopes) ordinal(p *contract.Policy) uint32 {
	if p.AllowsEverything() {
		return 0
	}
	n, ok := s.ordinals[p]
	if !ok {
		n = uint32(len(s.ordinals) + 1)
		s.ordinals[p] = n
	}
	return n
}
