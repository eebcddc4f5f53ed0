package guard_test

import (
	"strings"

	"github.com/theus-project/theus/core/guard"
	"github.com/theus-project/theus/core/path"
	"github.com/theus-project/theus/core/zone"
)

// twin is the guard written to be obviously right: it decides on a whole path at once, by
// comparing it with every declared path.
type twin struct{ inputs, outputs []path.Path }

func (t twin) bits(p path.Path) guard.Bits {
	z := zone.OfPath(p)
	mayBeInput := z != zone.Signal && z != zone.Meta
	switch {
	case coveredBy(t.outputs, p):
		return guard.MayRead | guard.MayWrite
	case mayBeInput && coveredBy(t.inputs, p):
		return guard.MayRead
	case above(t.outputs, p), mayBeInput && above(t.inputs, p):
		return guard.MayWalk
	}
	return 0
}

// shape is the answer for several contracts together.
func shape(twins []twin, p path.Path) guard.Shape {
	long := p.Canonical()
	s := guard.Shape{Zone: zone.OfPath(p), Bits: guard.MayRead | guard.MayWrite}
	for _, t := range twins {
		one := t.bits(long)
		switch {
		case one == 0 || s.Bits == 0:
			s.Bits = 0
		case one == guard.MayWalk || s.Bits == guard.MayWalk:
			s.Bits = guard.MayWalk
		default:
			s.Bits &= one
		}
	}
	if len(p) > 0 && p[len(p)-1].Kind == path.Attr && strings.HasPrefix(p[len(p)-1].Name, "_") {
		s.Bits |= guard.IsPrivate
	}
	if len(p) == 1 && p[0].Kind == path.Attr {
		switch p[0].Name {
		case "global", "global_ctx":
			s.Layer = guard.LayerGlobal
		case "domain", "domain_ctx":
			s.Layer = guard.LayerDomain
		}
	}
	return s
}

func coveredBy(entries []path.Path, p path.Path) bool {
	for _, e := range entries {
		if e.Covers(p) {
			return true
		}
	}
	return false
}

func above(entries []path.Path, p path.Path) bool {
	for _, e := range entries {
		if e.Leads(p) {
			return true
		}
	}
	return false
}
