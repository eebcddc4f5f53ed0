package contract

import "github.com/theus-project/theus/core/path"

// Conflict gives a declared path of one of two contracts that one of them may write and the other
// may read or write. Two that do not conflict give the same in whatever order they run.
func (p *Policy) Conflict(q *Policy) (path.Path, bool) {
	for _, pair := range [2][2]*Policy{{p, q}, {q, p}} {
		for _, written := range pair[0].outputs {
			for _, list := range [2][]path.Path{pair[1].outputs, pair[1].inputs} {
				for _, other := range list {
					if meet(written, other) {
						return written, true
					}
				}
			}
		}
	}
	return nil, false
}

// Touches reports whether p may write at, above or below a path.
func (p *Policy) Touches(where path.Path) bool {
	for _, written := range p.outputs {
		if meet(written, where) {
			return true
		}
	}
	return false
}

// meet reports whether two patterns can stand for one place, or for one above the other.
func meet(a, b path.Path) bool {
	a, b = a.Canonical(), b.Canonical()
	for i := range min(len(a), len(b)) {
		if !a[i].Matches(b[i]) && !b[i].Matches(a[i]) {
			return false
		}
	}
	return true
}
