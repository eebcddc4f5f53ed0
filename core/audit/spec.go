package audit

import (
	"slices"
	"strconv"
)

// RuleSpec is a rule as a program builds it; every setting is said.
type RuleSpec struct {
	Field          string
	Condition      string
	Limit          Value
	Level          string
	MinThreshold   int
	MaxThreshold   int
	ResetOnSuccess bool
	Message        string
}

// ProcessSpec is a process recipe as a program builds it.
type ProcessSpec struct {
	Name        string
	Inputs      []RuleSpec
	Outputs     []RuleSpec
	SideEffects []string
	Errors      []string
	Inherits    []string
}

// Build checks a recipe that a program made, as Load does one from a file. Its problems have no
// lines; they say which rule of which process.
func Build(name string, specs []ProcessSpec) (*Recipe, error) { return Loader{}.Build(name, specs) }

// Build is the function Build.
func (l Loader) Build(name string, specs []ProcessSpec) (*Recipe, error) {
	b := builder{file: name, language: l.Language}
	seen := make(map[string]bool, len(specs))
	var list []*definition
	for i := range specs {
		s := &specs[i]
		at := b.at(s.Name)
		switch {
		case s.Name == "":
			b.report.add(b.at("process "+itoa(i+1)), "a process needs a name")
		case seen[s.Name]:
			b.report.add(at, "this process is given twice")
		}
		seen[s.Name] = true
		d := &definition{Process: Process{Name: s.Name, SideEffects: s.SideEffects, Errors: s.Errors, Place: at}}
		for _, up := range s.Inherits {
			d.inherits = append(d.inherits, parent{up, at})
		}
		d.Rules = slices.Concat(b.rules(s.Name, Input, s.Inputs), b.rules(s.Name, Output, s.Outputs))
		list = append(list, d)
	}
	recipe := resolve(list, &b.report)
	if err := b.report.err(); err != nil {
		return nil, err
	}
	return recipe, nil
}

// builder checks specs.
type builder struct {
	file     string
	language Language
	report   report
}

func (b *builder) at(item string) Place { return Place{File: b.file, Item: item} }

// ruleItem names a rule that stands in no file, counted from 0.
func ruleItem(process string, gate Gate, i int) string {
	return process + ": " + gate.String() + " rule " + itoa(i+1)
}

func (b *builder) rules(process string, gate Gate, specs []RuleSpec) []Rule {
	var list []Rule
	seen := make(map[identity]bool)
	for i := range specs {
		at := b.at(ruleItem(process, gate, i))
		before := len(b.report.problems) + b.report.more
		rule := b.rule(at, gate, &specs[i])
		rule.Process, rule.From = process, process
		if len(b.report.problems)+b.report.more > before {
			continue
		}
		if seen[rule.identity()] {
			b.report.add(at, "this rule is given twice: %s of %s with the same limit", rule.Condition, rule.name)
			continue
		}
		seen[rule.identity()] = true
		list = append(list, rule)
	}
	return list
}

func (b *builder) rule(at Place, gate Gate, s *RuleSpec) Rule {
	r := Rule{
		Gate:         gate,
		MinThreshold: s.MinThreshold, MaxThreshold: s.MaxThreshold, ResetOnSuccess: s.ResetOnSuccess,
		Message: s.Message, Limit: s.Limit, Place: at, given: setAll,
	}
	var ok bool
	if r.Level, ok = levelOf(s.Level); !ok {
		b.report.add(at, "%q is no level%s", shorten(s.Level, maxShown), meant(s.Level, levelWords))
	}
	if s.MaxThreshold < 1 || s.MaxThreshold > maxThreshold {
		b.report.add(at, "max_threshold is %d; a whole number from 1 to %d belongs there", s.MaxThreshold, maxThreshold)
	}
	if s.MinThreshold < 0 || s.MinThreshold > s.MaxThreshold {
		b.report.add(at, "min_threshold is %d; a whole number from 0 to max_threshold belongs there", s.MinThreshold)
	}
	if r.Condition, ok = conditionOf(s.Condition); !ok {
		b.report.add(at, "%q is no condition%s", shorten(s.Condition, maxShown), meant(s.Condition, conditionWords))
		return r
	}
	if r.Condition == Check {
		return b.check(at, r, s)
	}
	var err error
	if r.Field, err = ParseField(s.Field); err != nil {
		b.report.add(at, "field %q: %s", shorten(s.Field, maxShown), detail(err))
	}
	r.Field = r.Field.at(gate)
	r.name = r.Field.String()
	wrong := badLimit(&s.Limit, 0)
	if wrong == "" {
		r.limit, wrong = conditions[r.Condition].limit(s.Limit)
	}
	if wrong != "" {
		b.report.add(at, "%s: %s", r.Condition, wrong)
	}
	return r
}

// check is the rest of a rule that is a check.
func (b *builder) check(at Place, r Rule, s *RuleSpec) Rule {
	if s.Field != "" {
		b.report.add(at, "a check names its fields itself; leave the field out")
	}
	if s.Limit.kind != String {
		b.report.add(at, "check: an expression belongs here, like domain.reserves >= 0")
		return r
	}
	l, wrong := compile(b.language, s.Limit.text, r.Gate)
	if wrong != nil {
		b.report.add(at, "check: %s", wrong.Text)
	}
	r.limit, r.name = l, s.Limit.text
	return r
}

// badLimit says why a value cannot be a limit, "" if it can.
func badLimit(v *Value, deep int) string {
	items, known := v.elements()
	switch {
	case v.kind < Null || v.kind > Map, v.kind >= List && !known:
		return "this cannot be compared with"
	case deep > maxNested:
		return "a limit is at most " + strconv.Itoa(maxNested) + " lists deep"
	case v.kind == Map && v.len > maxMapItems:
		return "a mapping to compare with has at most " + strconv.Itoa(maxMapItems) + " entries"
	case v.kind < List:
		return ""
	}
	for i := range items {
		if wrong := badLimit(&items[i], deep+1); wrong != "" {
			return wrong
		}
	}
	return ""
}
