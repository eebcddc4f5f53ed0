package path

import "slices"

// Path is a place in a context, or a pattern of places. The empty path is the root.
type Path []Segment

// Canonical gives p with the long spelling of its layer.
func (p Path) Canonical() Path {
	if len(p) == 0 || p[0] == p[0].AtRoot() {
		return p
	}
	long := slices.Clone(p)
	long[0] = long[0].AtRoot()
	return long
}

// Equal reports whether p and q have the same segments.
func (p Path) Equal(q Path) bool {
	return slices.EqualFunc(p, q, func(a, b Segment) bool { return a.Key() == b.Key() })
}

// Parent gives the path above p; the root is its own parent.
func (p Path) Parent() Path {
	if len(p) == 0 {
		return p
	}
	return p[: len(p)-1 : len(p)-1]
}

// Covers reports whether p, a pattern, stands for q or for a path above q.
func (p Path) Covers(q Path) bool { return len(p) <= len(q) && p.leads(q) }

// Leads reports whether p, a pattern, stands for a path below q: q is on the way to it.
func (p Path) Leads(q Path) bool { return len(p) > len(q) && p.leads(q) }

// leads compares as far as both go.
func (p Path) leads(q Path) bool {
	for i := range min(len(p), len(q)) {
		if !p[i].Matches(q[i]) {
			return false
		}
	}
	return true
}
