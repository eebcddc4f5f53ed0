package audit

import (
	"slices"
	"strings"
)

// What bounds inheritance: how long a chain is, and how much all recipes together take from others.
const (
	maxChain     = 32
	maxInherited = 1 << 18
)

// resolver gives every definition what it inherits.
type resolver struct {
	report *report
	byName map[string]*definition
	names  []string
	done   map[string]*Process
	depth  map[string]int // how many others it inherits through
	chain  []string       // of names that are being resolved, each inheriting from the next
	taken  int            // rules and names that were inherited
	full   bool
}

// resolve makes a recipe of definitions.
func resolve(list []*definition, report *report) *Recipe {
	r := &resolver{
		report: report,
		byName: make(map[string]*definition),
		done:   make(map[string]*Process),
		depth:  make(map[string]int),
	}
	for _, d := range list {
		r.byName[d.Name] = d
		r.names = append(r.names, d.Name)
	}
	recipe := &Recipe{processes: make(map[string]*Process)}
	for _, d := range list {
		p := r.process(d)
		if isTemplate(d.Name) {
			continue
		}
		recipe.processes[d.Name] = p
		recipe.names = append(recipe.names, d.Name)
	}
	return recipe
}

// process gives a definition with all it inherits.
func (r *resolver) process(d *definition) *Process {
	if p, ok := r.done[d.Name]; ok {
		return p
	}
	p := &Process{Name: d.Name, Place: d.Place}
	r.chain = append(r.chain, d.Name)
	var inherited []Rule
	depth := 0
	for _, up := range d.inherits {
		if from := r.parent(up); from != nil && r.bounded(d, from, len(inherited)+len(p.SideEffects)+len(p.Errors)) {
			inherited = overlay(inherited, from.Rules)
			p.SideEffects = unite(p.SideEffects, from.SideEffects)
			p.Errors = unite(p.Errors, from.Errors)
			depth = max(depth, 1+r.depth[up.name])
		}
	}
	if r.depth[d.Name] = depth; depth > maxChain {
		r.tooLong(d.Place)
	}
	r.chain = r.chain[:len(r.chain)-1]
	p.Rules = overlay(inherited, d.Rules)
	for i := range p.Rules {
		rule := &p.Rules[i]
		rule.Process = d.Name
		if rule.From == d.Name && rule.MinThreshold > rule.MaxThreshold && rule.MaxThreshold > 0 {
			r.report.add(rule.Place, "min_threshold %d is above max_threshold %d and would never warn",
				rule.MinThreshold, rule.MaxThreshold)
		}
	}
	slices.SortStableFunc(p.Rules, func(a, b Rule) int { return int(a.Gate) - int(b.Gate) })
	p.SideEffects = unite(p.SideEffects, d.SideEffects)
	p.Errors = unite(p.Errors, d.Errors)
	r.done[d.Name] = p
	return p
}

func (r *resolver) tooLong(at Place) {
	r.report.add(at, "recipes inherit through more than %d others", maxChain)
}

// bounded reports whether there is room for what d takes from another recipe.
func (r *resolver) bounded(d *definition, from *Process, had int) bool {
	if r.full {
		return false
	}
	r.taken += 1 + had + len(from.Rules) + len(from.SideEffects) + len(from.Errors)
	if r.taken > maxInherited {
		r.full = true
		r.report.add(d.Place, "recipes inherit more than %d rules from each other; split the recipe", maxInherited)
	}
	return !r.full
}

// parent resolves a name under inherits; nil, after a problem, if it leads nowhere.
func (r *resolver) parent(up parent) *Process {
	d, ok := r.byName[up.name]
	switch {
	case !ok:
		advice := ""
		if !r.report.full() {
			advice = meant(up.name, r.names)
		}
		r.report.add(up.place, "no recipe is called %q%s", shorten(up.name, maxShown), advice)
		return nil
	case slices.Contains(r.chain, up.name):
		loop := append(slices.Clone(r.chain[slices.Index(r.chain, up.name):]), up.name)
		r.report.add(up.place, "a recipe inherits from itself: %s", shorten(strings.Join(loop, " -> "), 4*maxShown))
		return nil
	case len(r.chain) > maxChain:
		r.tooLong(up.place)
		return nil
	default:
		return r.process(d)
	}
}

// overlay gives the rules of both lists. Where both are about one gate, field and condition, the
// own rules replace the inherited ones, and of those keep what they do not say themselves: that
// of the one with the same limit, or else of the last.
func overlay(inherited, own []Rule) []Rule {
	if len(inherited) == 0 {
		return slices.Clone(own)
	}
	replaced := make(map[subject]*Rule)
	for i := range own {
		replaced[own[i].subject()] = nil
	}
	same := make(map[identity]*Rule)
	var list []Rule
	for i := range inherited {
		rule := &inherited[i]
		if _, ok := replaced[rule.subject()]; ok {
			replaced[rule.subject()] = rule
			same[sameLimit(rule)] = rule
			continue
		}
		list = append(list, *rule)
	}
	for _, rule := range own {
		if up := same[sameLimit(&rule)]; up != nil {
			rule.fill(up)
		} else if up := replaced[rule.subject()]; up != nil {
			rule.fill(up)
		}
		list = append(list, rule)
	}
	return list
}

// sameLimit is the identity of a rule whatever its process.
func sameLimit(r *Rule) identity {
	id := r.identity()
	id.process = ""
	return id
}

// unite gives the names of both lists, each once.
func unite(a, b []string) []string {
	seen := make(map[string]bool, len(a)+len(b))
	var list []string
	for _, name := range slices.Concat(a, b) {
		if !seen[name] {
			seen[name] = true
			list = append(list, name)
		}
	}
	return list
}
