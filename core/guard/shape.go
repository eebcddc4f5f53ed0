package guard

import (
	"strings"
	"sync"

	"github.com/theus-project/theus/core/contract"
	"github.com/theus-project/theus/core/fault"
	"github.com/theus-project/theus/core/path"
	"github.com/theus-project/theus/core/zone"
)

// ID names a shape within one Shapes. 0 is no shape.
type ID uint32

// Shape is the answer for one set of contracts at one path. It never changes.
type Shape struct {
	ID    ID
	Bits  Bits
	Zone  zone.Zone
	Layer Layer
	Flags Flags
}

// Shapes is the table of all shapes of one engine. It only grows, and an ID never changes its
// meaning. Any number of goroutines may use it.
type Shapes struct {
	mu     sync.Mutex // protects all below; a leaf: nothing that could wait is called with it held
	states []*state   // states[id-1]
	scopes scopes
}

// NewShapes makes an empty table.
func NewShapes() *Shapes { return &Shapes{} }

// Root gives the shape of the system context under a policy; under several, of what all of them
// allow, in whatever order they come; under none, of nothing. The same policies give the same
// shape.
func (s *Shapes) Root(policies ...*contract.Policy) Shape {
	s.mu.Lock()
	defer s.mu.Unlock()
	sc := s.scopes.of(policies)
	if sc.root == 0 {
		cursors := make([]contract.Cursor, len(sc.policies))
		for i, p := range sc.policies {
			cursors[i] = p.Start()
		}
		sc.root = s.internLocked(sc, place{root: true}, cursors)
	}
	return s.states[sc.root-1].shape
}

// Child gives the shape one segment below id. It keeps nothing of seg.
func (s *Shapes) Child(id ID, seg path.Segment) (Shape, error) {
	if !seg.Valid() {
		return Shape{}, fault.New(fault.Invalid, "%d is no kind of segment", seg.Kind)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	at, err := s.stateLocked(id)
	if err != nil {
		return Shape{}, err
	}
	return s.childLocked(at, seg.Key()).shape, nil
}

// Items gives the shape that all items below id share: every index, and every key that starts
// with no zone prefix. It fails with fault.Invalid where ItemsVary is set.
func (s *Shapes) Items(id ID) (Shape, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	at, err := s.stateLocked(id)
	if err != nil {
		return Shape{}, err
	}
	if at.shape.Flags&ItemsVary != 0 {
		return Shape{}, fault.New(fault.Invalid, "the items of shape %d differ: ask for each", id)
	}
	return s.childLocked(at, anyItem).shape, nil
}

// At walks a whole path. Of a pattern, a Name asks for the attribute, and an Any for something
// that no declared path names.
func (s *Shapes) At(id ID, p path.Path) (Shape, error) {
	for _, seg := range p {
		child, err := s.Child(id, seg)
		if err != nil {
			return Shape{}, err
		}
		id = child.ID
	}
	shape, ok := s.Get(id)
	if !ok {
		return Shape{}, noShape(id)
	}
	return shape, nil
}

// Get gives a shape again.
func (s *Shapes) Get(id ID) (Shape, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	at, err := s.stateLocked(id)
	if err != nil {
		return Shape{}, false
	}
	return at.shape, true
}

func (s *Shapes) stateLocked(id ID) (*state, error) {
	if id == 0 || int64(id) > int64(len(s.states)) {
		return nil, noShape(id)
	}
	return s.states[id-1], nil
}

func noShape(id ID) *fault.Error { return fault.New(fault.Invalid, "%d is no shape", id) }

// childLocked follows a transition, or makes it. Named transitions are kept one by one, and there
// are no more of them than declared segments; all others are told apart by nothing but the name's
// prefixes, and have a slot each.
func (s *Shapes) childLocked(at *state, seg path.Segment) *state {
	below := place{zone: at.shape.Zone.Below(seg), private: seg.IsPrivate()}
	if at.place.root {
		below.layer = layerOf(seg)
		seg = seg.AtRoot()
	}
	if id, ok := at.named[seg]; ok {
		return s.states[id-1]
	}
	if at.scope.learns() {
		return s.learnLocked(at, seg, below)
	}
	if at.names(seg) || below.layer != LayerNone {
		id := s.stepLocked(at, seg, below)
		seg.Name = strings.Clone(seg.Name) // it may be borrowed
		if at.named == nil {
			at.named = make(map[path.Segment]ID)
		}
		at.named[seg] = id
		return s.states[id-1]
	}
	slot := &at.others[below.zone][0]
	if below.private {
		slot = &at.others[below.zone][1]
	}
	if *slot == 0 {
		*slot = s.stepLocked(at, seg, below)
	}
	return s.states[*slot-1]
}

func layerOf(seg path.Segment) Layer {
	if !seg.IsAttr() {
		return LayerNone
	}
	switch seg.AtRoot().Name {
	case path.Global:
		return LayerGlobal
	case path.Domain:
		return LayerDomain
	default:
		return LayerNone
	}
}
