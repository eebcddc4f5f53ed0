package audit

import "slices"

// Need is a value that a gate has to be handed.
type Need struct {
	Field Field
	Ask   Ask
	Key   Value // AskHas: what is looked for, a scalar or a list of such, which stands for a tuple
}

// same reports whether both are one question.
func (n *Need) same(m *Need) bool {
	return n.Ask == m.Ask && n.Ask&AskHas == 0 && n.Field.Arg == m.Field.Arg && slices.Equal(n.Field.Steps, m.Field.Steps)
}

// Plan is one gate of one process, made ready: what it needs, and what it judges by. A plan never
// changes, and stays good when the recipe is replaced; a nil Plan is a gate without rules. Any
// number of goroutines may use it.
type Plan struct {
	auditor    *Auditor
	generation uint64
	gate       Gate
	needs      []Need
	rules      []planned
	checked    bool // some of the rules are checks
}

// planned is a rule of a gate.
type planned struct {
	*Rule
	need    int   // index of what it looks at
	needs   []int // the same of a check
	counter *counter
}

// plan makes the gate of a process; nil if it has no rules.
func (a *Auditor) plan(p *Process, g Gate, generation uint64, counters map[identity]*counter) *Plan {
	pl := &Plan{auditor: a, generation: generation, gate: g}
	needs := make(map[string]int)
	for i := range p.Rules {
		r := &p.Rules[i]
		if r.Gate != g {
			continue
		}
		if r.limit.check != nil {
			pl.checked = true
			pl.rules = append(pl.rules, planned{Rule: r, needs: pl.needsOf(r.limit.check), counter: counters[r.identity()]})
			continue
		}
		at, ok := needs[r.name]
		if !ok {
			at = len(pl.needs)
			needs[r.name] = at
			pl.needs = append(pl.needs, Need{Field: r.Field})
		}
		pl.needs[at].Ask |= r.ask()
		pl.rules = append(pl.rules, planned{Rule: r, need: at, counter: counters[r.identity()]})
	}
	if len(pl.rules) == 0 {
		return nil
	}
	return pl
}

// needsOf adds what an expression needs first, and gives where it stands.
func (p *Plan) needsOf(x Expression) []int {
	var list []int
	for _, n := range x.Needs() {
		at := slices.IndexFunc(p.needs, func(m Need) bool { return m.same(&n) })
		if at < 0 {
			at = len(p.needs)
			p.needs = append(p.needs, n)
		}
		list = append(list, at)
	}
	return list
}

// ask is what the rule wants to know.
func (r *Rule) ask() Ask {
	ask := conditions[r.Condition].ask
	if r.limit.deep() {
		ask |= AskItems
	}
	return ask
}

// deep reports whether a list or dict has to be compared.
func (l *limit) deep() bool {
	if l.list == nil {
		return l.value.kind == List || l.value.kind == Map
	}
	for i := range l.list {
		if l.list[i].kind == List || l.list[i].kind == Map {
			return true
		}
	}
	return false
}

// Needs lists what the host has to hand in, in this order. Nobody may change it.
func (p *Plan) Needs() []Need {
	if p == nil {
		return nil
	}
	return p.needs
}

// Generation tells plans of different recipes apart; it is that of the auditor when the plan was
// asked for.
func (p *Plan) Generation() uint64 {
	if p == nil {
		return 0
	}
	return p.generation
}

// Verdict is what a gate has to say when not all was well.
type Verdict struct {
	// Level is the most severe of those that acted; 0 if none did. If it Refuses, the process
	// goes no further.
	Level Level
	// Cause is the first event that acted at that level; nil if none did. Its Text is the text
	// of the exception, where there is one.
	Cause *Event
	// Events are all violations that counted, in the order of the rules.
	Events []Event
}

// Refuses reports whether the process may not go on.
func (v *Verdict) Refuses() bool { return v != nil && v.Level.Refuses() }

// violation is a rule that did not pass.
type violation struct {
	rule  int
	why   outcome
	path  string
	value Value
	shown string // of a check, instead of the value
	read  string // of a check: some of the values it read
}

// Judge asks every rule of the gate about the values, which are those of Needs. A value that is
// missing violates. It returns nil if there is nothing to say, and then allocates nothing.
//
// The Run may be nil for one that is never repeated.
func (p *Plan) Judge(run *Run, values []Value) *Verdict {
	if p == nil {
		return nil
	}
	var checks []checking
	if p.checked {
		checks, _ = p.checks(values)
	}
	return p.judge(run, values, checks)
}

// Try is Judge for a host that can read more than a plan lists: a check may find out what it needs
// only as it goes. Then nothing was judged, and Try wants to be called again, with the values of
// what it gave after those that it had.
func (p *Plan) Try(run *Run, values []Value) (*Verdict, []Need) {
	if p == nil {
		return nil, nil
	}
	var checks []checking
	if p.checked {
		var more []Need
		if checks, more = p.checks(values); len(more) > 0 {
			return nil, more
		}
	}
	return p.judge(run, values, checks), nil
}

func (p *Plan) judge(run *Run, values []Value, checks []checking) *Verdict {
	var bad []violation
	quiet := true // no count changes
	for i := range p.rules {
		r := &p.rules[i]
		var v *violation
		if r.limit.check != nil {
			v = checks[0].violation(r, values)
			checks = checks[1:]
		} else {
			v = r.violated(values)
		}
		if v != nil {
			v.rule = i
			bad = append(bad, *v)
		} else if r.ResetOnSuccess && r.counter.n.Load() != 0 {
			quiet = false
		}
	}
	again := run.again(p.gate)
	if len(bad) == 0 && (quiet || again) {
		return nil
	}
	return p.auditor.count(p, run, again, bad)
}

// violated asks one rule; nil if it passes.
func (r *planned) violated(values []Value) *violation {
	if r.need >= len(values) {
		return &violation{why: isMissing, path: r.name}
	}
	v := &values[r.need]
	if v.kind != Each {
		if why := r.Condition.judge(&r.limit, v); why != passes {
			return &violation{why: why, path: r.name, value: *v}
		}
		return nil
	}
	for i := range v.more.each {
		item := &v.more.each[i]
		if why := r.Condition.judge(&r.limit, &item.Value); why != passes {
			return &violation{why: why, path: shorten(item.Path, 4*maxShown), value: item.Value}
		}
	}
	return nil
}
