package guard

import (
	"slices"
	"strings"

	"github.com/theus-project/theus/core/internal/spell"
	"github.com/theus-project/theus/core/path"
)

// nearest spells the declared path that p was probably meant to be, or "". In this order: what is
// declared below p, what is spelled much like p, what has p's last name somewhere else.
func nearest(p path.Path, declared []path.Path) string {
	if len(p) == 0 {
		return ""
	}
	best, least := path.Path(nil), -1
	for _, entry := range declared {
		if entry.Leads(p) {
			return fill(entry, p).String()
		}
		if len(entry) < len(p) {
			continue
		}
		if edits, ok := slips(entry[:len(p)], p); ok && (least < 0 || edits < least) {
			best, least = fill(entry[:len(p)], p), edits
		}
	}
	for _, entry := range declared {
		if best == nil && len(entry) > 1 && entry[len(entry)-1].Matches(p[len(p)-1]) && !isAny(entry[len(entry)-1]) {
			best = entry
		}
	}
	if best == nil || best.String() == p.String() {
		return ""
	}
	return best.String()
}

// slips counts the edits that make p what the entry says, segment by segment, and reports whether
// each segment is only a slip away.
func slips(entry, p path.Path) (total int, ok bool) {
	for i, s := range entry {
		if s.Matches(p[i]) {
			continue
		}
		if s.Name == "" || p[i].Name == "" {
			return 0, false
		}
		name := s.Name
		if i == 0 { // a layer, which people call by its short name
			name = strings.TrimSuffix(name, "_ctx")
		}
		edits, near := spell.Near(p[i].Name, name)
		if !near {
			return 0, false
		}
		total += edits
	}
	return total, true
}

// fill puts p's segments where the entry has wildcards.
func fill(entry, p path.Path) path.Path {
	filled := slices.Clone(entry)
	for i := range min(len(entry), len(p)) {
		if isAny(entry[i]) {
			filled[i] = p[i]
		}
	}
	return filled
}

func isAny(s path.Segment) bool { return s.Kind == path.Any }

// unite lists a and then what only b has.
func unite(a, b []path.Path) []path.Path {
	all := slices.Clone(a)
	for _, p := range b {
		if !slices.ContainsFunc(all, p.Equal) {
			all = append(all, p)
		}
	}
	return all
}
