package flux

import (
	"fmt"

	"go.starlark.net/starlark"

	"github.com/theus-project/theus/core/path"
)

// What says what is wanted of a place. The numbers are part of the ABI.
type What uint8

const (
	// Get wants a scalar as it is, and a container as Container.
	Get What = 1
	// Items wants what a container holds, as List, Tuple, Dict, Set or Sequence; its items are told
	// as by Get. A scalar is told as by Get.
	Items What = 2
	// Has wants to know whether Key is in a container or text, as Bool.
	Has What = 3

	walk What = 0 // nothing yet: the place is on the way to another one
)

// Need asks for a value. Indices may be negative, as in Python.
type Need struct {
	What What
	Path path.Path
	Key  Value // of Has: a scalar or a plain tuple
}

// String is for people.
func (n Need) String() string {
	switch n.What {
	case Items:
		return "items " + n.Path.String()
	case Has:
		return fmt.Sprintf("has %s %s", n.Path, n.Key)
	default:
		return "get " + n.Path.String()
	}
}

// id is for comparing: no two needs have the same.
func (n Need) id() string {
	id := n.Path.String()
	switch n.What {
	case Items:
		return "*" + id
	case Has:
		key := n.Key.starlark()
		return "?" + id + " " + key.Type() + key.String()
	}
	return id
}

// Reading answers a Need: a value, or why there is none.
type Reading struct {
	Value   Value
	Failure *Failure
}

// place tells the containers of a reading where they are.
func (r Reading) locate(n Need) starlark.Value {
	v := r.Value.starlark()
	switch v.(type) {
	case starlark.Int, starlark.Bool, starlark.Float, starlark.String, starlark.NoneType:
		return v
	}
	here := &place{path: n.Path}
	switch v := v.(type) {
	case *place:
		at := *v
		at.path = n.Path
		return &at
	case *starlark.List:
		for i := range v.Len() {
			_ = v.SetIndex(i, here.locate(v.Index(i), path.Segment{Kind: path.Int, Index: int64(i)})) // it is not frozen
		}
		return v
	case starlark.Tuple:
		for i := range v {
			v[i] = here.locate(v[i], path.Segment{Kind: path.Int, Index: int64(i)})
		}
		return v
	case *bag:
		for i := range v.list {
			if v.kind == KindSequence {
				v.list[i] = here.locate(v.list[i], path.Segment{Kind: path.Int, Index: int64(i)})
			}
		}
		return v
	case *entries:
		for i := range v.values {
			if seg, err := segment(v.keys[i]); err == nil {
				v.values[i] = here.locate(v.values[i], seg)
			}
		}
		return v
	default:
		return v
	}
}

func (p *place) locate(v starlark.Value, seg path.Segment) starlark.Value {
	inner, ok := v.(*place)
	if !ok {
		return v
	}
	at := *inner
	at.path = p.child(seg)
	return &at
}

// segment makes a path segment of a key.
func segment(key starlark.Value) (path.Segment, error) {
	switch k := key.(type) {
	case starlark.String:
		return path.Segment{Kind: path.Text, Name: string(k)}, nil
	case starlark.Bool:
		if k {
			return path.Segment{Kind: path.Int, Index: 1}, nil
		}
		return path.Segment{Kind: path.Int}, nil
	case starlark.Int:
		if n, ok := k.Int64(); ok {
			return path.Segment{Kind: path.Int, Index: n}, nil
		}
		return path.Segment{}, raise("IndexError", "the index %s is too large", k)
	}
	return path.Segment{}, raise("TypeError", "state is indexed by whole numbers and texts here, not by '%s'", typeName(key))
}
