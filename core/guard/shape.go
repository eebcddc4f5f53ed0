package guard

import (
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
}

// NewShapes makes an empty table.
func NewShapes() *Shapes { return &Shapes{} }

// Root gives the shape of the system context under a policy; under several, of what all of them
// allow, in whatever order they come. The same policies give the same shape.
func (s *Shapes) Root(policies ...*contract.Policy) Shape { return Shape{} }

// Child gives the shape one segment below id. It keeps nothing of seg.
func (s *Shapes) Child(id ID, seg path.Segment) (Shape, error) {
	return Shape{}, fault.New(fault.Invalid, "no such shape")
}

// Items gives the shape that all items below id share: every index, and every key that starts
// with no zone prefix. It fails with fault.Invalid where ItemsVary is set.
func (s *Shapes) Items(id ID) (Shape, error) {
	return Shape{}, fault.New(fault.Invalid, "no such shape")
}

// At walks a whole path.
func (s *Shapes) At(id ID, p path.Path) (Shape, error) {
	return Shape{}, fault.New(fault.Invalid, "no such shape")
}

// Get gives a shape again.
func (s *Shapes) Get(id ID) (Shape, bool) { return Shape{}, false }
