package engine

import "github.com/theus-project/theus/core/fault"

// DefaultDepth is how deep processes nest unless Options say otherwise.
const DefaultDepth = 64

// maxDepth bounds the option: each level costs the host a frame of its own stack.
const maxDepth = 10_000

// Options are the choices of an engine. The zero value is the usual one.
type Options struct {
	// MaxDepth is how many processes may run inside each other; 0 means DefaultDepth.
	MaxDepth int
	// LastSerial makes the IDs of transactions go on after those of an engine that was closed:
	// it is what Close returned there. A host that hands its handles out again needs it to tell
	// a stale one; 0 means that there was none.
	LastSerial uint32
}

func (o Options) depth() (int, error) {
	switch {
	case o.MaxDepth == 0:
		return DefaultDepth, nil
	case o.MaxDepth < 0 || o.MaxDepth > maxDepth:
		return 0, fault.New(fault.Invalid, "max_depth is %d; choose 1 to %d, or 0 for %d",
			o.MaxDepth, maxDepth, DefaultDepth)
	default:
		return o.MaxDepth, nil
	}
}
