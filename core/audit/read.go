package audit

import (
	"slices"

	"gopkg.in/yaml.v3"
)

func newReader(file string) *reader {
	return &reader{file: file, open: make(map[*yaml.Node]bool)}
}

// recipe reads a whole file.
func (r *reader) recipe(text []byte) []*definition {
	root := r.document(text)
	if root == nil {
		return nil
	}
	top, ok := r.pairs(root, "a mapping with process_recipes")
	if !ok {
		return nil
	}
	var list []*definition
	for _, p := range top {
		switch p.word {
		case "process_recipes":
			entries, _ := r.pairs(p.value, "a mapping of processes")
			for _, e := range entries {
				list = append(list, r.definition(e))
			}
		case "name", "description", "version": // for people
		default:
			r.fail(p.key, "%q is no key of a recipe%s", shorten(p.word, maxShown), meant(p.word, topKeys))
		}
	}
	return list
}

// definition reads what stands under the name of a process or template.
func (r *reader) definition(e pair) *definition {
	r.item = e.word
	d := &definition{Process: Process{Name: e.word, Place: r.at(e.key)}}
	if e.word == "" {
		r.fail(e.key, "a process needs a name")
	}
	entries, _ := r.pairs(e.value, "a mapping with inputs and outputs")
	var inputs, outputs []Rule
	for _, p := range entries {
		switch p.word {
		case "inherits":
			d.inherits = r.parents(p.value)
		case "inputs":
			inputs = r.rules(d.Name, Input, p.value)
		case "outputs":
			outputs = r.rules(d.Name, Output, p.value)
		case "side_effects":
			d.SideEffects = r.names(p.value)
		case "errors":
			d.Errors = r.names(p.value)
		default:
			r.fail(p.key, "%q is no key of a process recipe%s", shorten(p.word, maxShown), meant(p.word, processKeys))
		}
	}
	d.Rules = slices.Concat(inputs, outputs)
	return d
}

// parents reads one name, or a list of them.
func (r *reader) parents(n *yaml.Node) []parent {
	nodes := []*yaml.Node{n}
	if isNull(n) || target(n).Kind == yaml.SequenceNode {
		nodes = r.items(n, "")
	}
	var list []parent
	for _, item := range nodes {
		if name, ok := r.text(item, "the name of a recipe"); ok {
			list = append(list, parent{name, r.at(item)})
		}
	}
	return list
}

// names reads a list of texts.
func (r *reader) names(n *yaml.Node) []string {
	var list []string
	for _, item := range r.items(n, "a list of names") {
		if name, ok := r.text(item, "a name"); ok {
			list = append(list, name)
		}
	}
	return list
}

func (r *reader) rules(process string, gate Gate, n *yaml.Node) []Rule {
	var list []Rule
	seen := make(map[identity]Place)
	for i, item := range r.items(n, "a list of rules") {
		r.item = ruleItem(process, gate, i)
		for _, rule := range r.rule(process, gate, item) {
			id := rule.identity()
			if first, ok := seen[id]; ok {
				r.report.add(rule.Place, "this rule is given twice: %s of %s with the same limit; the first is at %s",
					rule.Condition, rule.name, first)
				continue
			}
			seen[id] = rule.Place
			list = append(list, rule)
		}
	}
	r.item = process
	return list
}

// rule reads one mapping, which gives as many rules as it has conditions.
func (r *reader) rule(process string, gate Gate, n *yaml.Node) []Rule {
	entries, ok := r.pairs(n, "a rule, like {field: domain_ctx.balance, min: 0},")
	if !ok {
		return nil
	}
	base := newRule()
	base.Process, base.From, base.Gate = process, process, gate
	var tests []pair
	var field, max *yaml.Node
	for _, p := range entries {
		switch p.word {
		case "field":
			field = p.value
			base.Field, ok = r.field(gate, p.value)
			base.name = base.Field.String()
		case "level":
			base.Level = r.level(p.value)
			base.given |= setLevel
		case "min_threshold":
			base.MinThreshold, _ = r.count(p.value, 0)
			base.given |= setMin
		case "threshold", "max_threshold":
			if max != nil {
				r.fail(p.key, "threshold and max_threshold are one setting; remove one of them")
			}
			max = p.value
			base.MaxThreshold, _ = r.count(p.value, 1)
			base.given |= setMax
		case "reset_on_success":
			base.ResetOnSuccess, _ = r.boolean(p.value)
			base.given |= setReset
		case "message":
			base.Message, _ = r.text(p.value, "a text")
			base.given |= setMessage
		default:
			tests = append(tests, p)
		}
	}
	if i := slices.IndexFunc(tests, func(p pair) bool { return p.word == Check.String() }); i >= 0 {
		return r.checkRule(base, field, tests, i)
	}
	if field == nil {
		r.fail(n, "this rule has no field; say what it looks at")
		ok = false
	}
	list := r.tests(base, tests)
	if len(tests) == 0 {
		r.fail(n, "this rule has no condition%s", meant("", conditionWords))
	}
	if !ok {
		return nil
	}
	return list
}

// checkRule makes the rule of a check, which stands alone.
func (r *reader) checkRule(base Rule, field *yaml.Node, tests []pair, i int) []Rule {
	if field != nil {
		r.fail(field, "a check names its fields itself; remove field, or write a rule of its own")
	}
	for k, p := range tests {
		if k != i {
			r.fail(p.key, "a check stands alone in a rule; remove %q, or write a rule of its own", shorten(p.word, maxShown))
		}
	}
	base.Condition, base.Field, base.Place = Check, Field{}, r.at(tests[i].key)
	if !r.check(&base, tests[i].value) || field != nil || len(tests) > 1 {
		return nil
	}
	return []Rule{base}
}

// tests makes a rule of each condition.
func (r *reader) tests(base Rule, tests []pair) []Rule {
	var list []Rule
	for _, p := range tests {
		condition, known := conditionOf(p.word)
		if !known {
			r.fail(p.key, "%q is no condition or setting of a rule%s", shorten(p.word, maxShown), meant(p.word, ruleKeys))
			continue
		}
		v, ok := r.value(p.value, 0)
		if !ok {
			continue
		}
		limit, wrong := conditions[condition].limit(v)
		if wrong != "" {
			r.fail(p.value, "%s: %s", condition, wrong)
			continue
		}
		rule := base
		rule.Condition, rule.Limit, rule.limit, rule.Place = condition, v, limit, r.at(p.key)
		list = append(list, rule)
	}
	return list
}

func (r *reader) field(gate Gate, n *yaml.Node) (Field, bool) {
	text, ok := r.text(n, "a field, like domain_ctx.balance,")
	if !ok {
		return Field{}, false
	}
	f, err := ParseField(text)
	if err != nil {
		r.fail(n, "field %q: %s", shorten(text, maxShown), detail(err))
		return Field{}, false
	}
	return f.at(gate), true
}

func (r *reader) level(n *yaml.Node) Level {
	letter, ok := r.text(n, "a level")
	if !ok {
		return 0
	}
	l, ok := levelOf(letter)
	if !ok {
		r.fail(n, "%q is no level%s", shorten(letter, maxShown), meant(letter, levelWords))
	}
	return l
}
