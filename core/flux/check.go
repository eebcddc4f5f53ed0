package flux

import (
	"fmt"
	"maps"
	"math/big"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/theus-project/theus/core/internal/spell"
	"github.com/theus-project/theus/core/path"
)

// Program is a workflow and all that it calls, checked. It never changes, so any number of runs may
// share it.
type Program struct {
	main      *workflow
	files     []string
	processes []string
	steps     []*step
	needs     []Need // what the texts of conditions name, one condition after the other
}

// Files lists the workflow and those it calls, in the order in which they are met.
func (p *Program) Files() []string { return slices.Clone(p.files) }

// Processes lists the processes that the program can run, sorted.
func (p *Program) Processes() []string { return slices.Clone(p.processes) }

// Steps counts the steps.
func (p *Program) Steps() int { return len(p.steps) }

// Place is that of a step, by its number.
func (p *Program) Place(step int) Place { return p.steps[step].place }

// Needs lists those that Action.First counts. They never change.
func (p *Program) Needs() []Need { return p.needs }

// Locals lists the fields of local that conditions name.
func (p *Program) Locals() []string {
	names := make(map[string]bool)
	for _, s := range p.steps {
		for _, where := range s.reads() {
			if len(where) > 1 && where[0].Name == "local" && where[0].Kind == path.Attr {
				names[where[1].Name] = true
			}
		}
	}
	return slices.Sorted(maps.Keys(names))
}

// Question makes a program of one condition; its value is that of the action DoDone. The error is
// that of Compile.
func Question(text string) (*Program, error) {
	cond, err := Compile(text)
	if err != nil {
		return nil, err
	}
	p := &Program{main: &workflow{steps: []*step{{action: doAsk, tests: []*Condition{cond}}}}}
	p.number()
	return p, nil
}

// number numbers the steps and the needs.
func (p *Program) number() {
	each(p.main.steps, map[*workflow]bool{p.main: true}, func(s *step) {
		s.number = len(p.steps)
		p.steps = append(p.steps, s)
		s.index, _ = slices.BinarySearch(p.processes, s.process)
		for _, c := range s.conditions() {
			c.base = len(p.needs)
			p.needs = append(p.needs, c.later...)
		}
	})
}

// Load reads and checks a workflow. The error is a fault.Invalid whose cause is the Report of all
// that is wrong.
func Load(src Source, around Surroundings) (*Program, error) {
	c := &checker{around: around, done: make(map[string]*workflow)}
	p := &Program{main: c.file(src)}
	if err := c.found.err(c.order); err != nil {
		return nil, err
	}
	names := make(map[string]bool)
	each(p.main.steps, map[*workflow]bool{p.main: true}, func(s *step) {
		if s.action == doProcess {
			names[s.process] = true
		}
	})
	p.processes, p.files = slices.Sorted(maps.Keys(names)), c.order
	p.number()
	return p, nil
}

// checker makes steps of nodes, and goes on after a problem to find the next one.
type checker struct {
	around Surroundings
	found  problems
	vars   []variable
	done   map[string]*workflow // by name; nil while it is being read
	order  []string
	names  []string // of all processes, once they were asked for
}

// variable is that of a loop around.
type variable struct {
	name  string
	place Place
}

// file checks one file and those it calls.
func (c *checker) file(src Source) *workflow {
	defer func(around []variable) { c.vars = around }(c.vars)
	c.vars = nil
	c.done[src.Name] = nil
	c.order = append(c.order, src.Name)
	w := &workflow{name: src.Name}
	switch n := read(src, &c.found); {
	case src.Part > 0:
		if part := n.numbered(src.Part); part != nil {
			w.steps = c.steps(part)
		} else {
			c.found.add(Place{File: src.Name}, "there is no part %d in it", src.Part)
		}
	case n == nil || n.kind == '?' || n.kind == 's' && n.value == nil:
	case n.kind == 'l':
		w.steps = c.steps(n)
	case n.kind != 'm':
		c.found.add(n.place, "a workflow is a mapping with the key steps, or a list of steps")
	default:
		f := c.fields(n, "a workflow", "steps", "name", "description", "version")
		if steps := f["steps"]; steps != nil {
			w.steps = c.steps(steps)
		} else if len(n.keys) > 0 {
			c.found.add(n.place, `the key "steps" is missing`)
		}
	}
	c.done[src.Name] = w
	return w
}

// fields gives the values of a mapping, and reports keys that mean nothing.
func (c *checker) fields(n *node, what string, known ...string) map[string]*node {
	all := make(map[string]*node, len(n.keys))
	for i, key := range n.keys {
		name := key.value.(string)
		if !slices.Contains(known, name) {
			near := spell.Nearest(name, known)
			if near != "" {
				c.found.add(key.place, "%s has no key %q; did you mean %q?", what, name, near)
				name = near // and check it as such
			} else {
				c.found.add(key.place, "%s has no key %q; it has %s", what, name, list(known))
			}
			if all[name] != nil {
				continue
			}
		}
		all[name] = n.items[i]
	}
	return all
}

// steps checks a list of steps; one alone need not be a list, and none may be left empty.
func (c *checker) steps(n *node) []*step {
	var all []*step
	switch {
	case n.kind == '?' || n.kind == 's' && n.value == nil:
	case n.kind == 'l':
		for _, item := range n.items {
			if s := c.step(item); s != nil {
				all = append(all, s)
			}
		}
	default:
		if s := c.step(n); s != nil {
			all = append(all, s)
		}
	}
	return all
}

var kinds = map[action]struct {
	keys  []string
	check func(c *checker, s *step, f map[string]*node)
}{}

func init() {
	kinds[doRun] = kind((*checker).run, "steps")
	kinds[doIf] = kind((*checker).branch, "condition", "then", "elif", "else")
	kinds[doWhile] = kind((*checker).while, "condition", "do", "max")
	kinds[doFor] = kind((*checker).loop, "each", "as", "do")
	kinds[doCall] = kind((*checker).call, "workflow")
	kinds[doTry] = kind((*checker).try, "do", "catch", "finally")
	kinds[doRetry] = kind((*checker).retry, "do", "times", "backoff", "on")
	kinds[doParallel] = kind((*checker).parallel, "branches")
}

func kind(check func(c *checker, s *step, f map[string]*node), keys ...string) struct {
	keys  []string
	check func(c *checker, s *step, f map[string]*node)
} {
	return struct {
		keys  []string
		check func(c *checker, s *step, f map[string]*node)
	}{append(keys, "flux", "name"), check}
}

func words() []string {
	var all []string
	for k := range kinds {
		all = append(all, string(k))
	}
	slices.Sort(all)
	return all
}

// step checks one step; nil if it is none.
func (c *checker) step(n *node) *step {
	s := &step{place: n.place}
	if n.kind == 's' {
		name, ok := n.value.(string)
		if !ok {
			c.found.add(n.place, "a step is the name of a process or a mapping")
			return nil
		}
		return c.process(s, name, n)
	}
	if n.kind != 'm' {
		if n.kind == 'l' {
			c.found.add(n.place, "a list cannot be a step; write {flux: run, steps: [...]}")
		}
		return nil
	}
	get := func(key string) *node {
		i := slices.IndexFunc(n.keys, func(k *node) bool { return k.value == key })
		if i < 0 {
			return nil
		}
		return n.items[i]
	}
	if get("process") != nil {
		f := c.fields(n, "a process step", "process", "args", "name")
		name, ok := f["process"].value.(string)
		if !ok {
			c.found.add(f["process"].place, `"process" is the name of a process`)
			return nil
		}
		return c.process(s, name, f["process"], f["args"])
	}
	word := get("flux")
	if word == nil {
		var keys []string
		for _, k := range n.keys {
			if near := spell.Nearest(k.value.(string), []string{"flux", "process"}); near != "" {
				c.found.add(k.place, "a step has no key %q; did you mean %q?", k.value, near)
				return nil
			}
			keys = append(keys, k.value.(string))
		}
		c.found.add(n.place, `a step has the key "process" or "flux"; this one has %s`, orNothing(list(keys)))
		return nil
	}
	name, _ := word.value.(string)
	k, ok := kinds[action(name)]
	if !ok {
		if near := spell.Nearest(name, words()); near != "" {
			c.found.add(word.place, "there is no step %q; did you mean %q?", name, near)
		} else {
			c.found.add(word.place, "there is no step %q; there are %s", name, list(words()))
		}
		return nil
	}
	s.action = action(name)
	k.check(c, s, c.fields(n, fmt.Sprintf("the step %q", name), k.keys...))
	return s
}

func orNothing(s string) string {
	if s == "" {
		return "nothing"
	}
	return s
}

// need gives a field that a step must have.
func (c *checker) need(s *step, f map[string]*node, key string) *node {
	if f[key] == nil {
		c.found.add(s.place, "the step %q lacks the key %q", s.action, key)
	}
	return f[key]
}

func (c *checker) bodyOf(s *step, f map[string]*node, key string) []*step {
	if n := c.need(s, f, key); n != nil {
		return c.steps(n)
	}
	return nil
}

// condition compiles an expression; nil if it is none.
func (c *checker) condition(n *node, what What) *Condition {
	if n == nil || n.kind == '?' {
		return nil
	}
	source, ok := n.value.(string)
	if b, isBool := n.value.(bool); isBool {
		source, ok = map[bool]string{true: "True", false: "False"}[b], true
	}
	if !ok {
		c.found.add(n.place, "a condition is a text; put it in quotation marks")
		return nil
	}
	return c.compile(n, source, 0, what)
}

// compile compiles what stands from a byte of a text on.
func (c *checker) compile(n *node, source string, from int, what What) *Condition {
	vars := make([]string, len(c.vars))
	for i, v := range c.vars {
		vars[i] = v.name
	}
	cond, _, wrong := compileFor(source, vars, what)
	if wrong != nil {
		at := n.place
		if n.text.Line > 0 {
			at = n.text
			at.Column += utf8.RuneCountInString(n.value.(string)[:from]) + utf8.RuneCountInString(source[:min(wrong.at, len(source))])
		}
		c.found.add(at, "%s%s", wrong.text, pointer(source, wrong.at, "  "))
		return nil
	}
	return cond
}

func (c *checker) run(s *step, f map[string]*node) { s.body = c.bodyOf(s, f, "steps") }

func (c *checker) branch(s *step, f map[string]*node) {
	c.test(s, f)
	if n := f["elif"]; n != nil {
		branches := n.items
		if n.kind != 'l' {
			branches = []*node{n}
		}
		for _, b := range branches {
			if b.kind != 'm' {
				c.found.add(b.place, `"elif" is a list of {condition: ..., then: [...]}`)
				continue
			}
			at := *s
			at.place, at.action = b.place, "elif"
			inner := &at
			inner.tests, inner.bodies = nil, nil
			c.test(inner, c.fields(b, `"elif"`, "condition", "then"))
			s.tests, s.bodies = append(s.tests, inner.tests...), append(s.bodies, inner.bodies...)
		}
	}
	if n := f["else"]; n != nil {
		s.bodies = append(s.bodies, c.steps(n))
	}
}

func (c *checker) test(s *step, f map[string]*node) {
	s.tests = append(s.tests, c.condition(c.need(s, f, "condition"), Get))
	s.bodies = append(s.bodies, c.bodyOf(s, f, "then"))
}

func (c *checker) while(s *step, f map[string]*node) {
	s.tests = []*Condition{c.condition(c.need(s, f, "condition"), Get)}
	s.body = c.bodyOf(s, f, "do")
	if f["max"] != nil {
		s.max = c.whole(f["max"], `"max"`, 1, 1_000_000_000)
	}
	if test := s.tests[0]; test != nil && test.quick != nil && len(test.needs) == 1 && len(s.body) == 1 && s.body[0].action == doProcess {
		s.again = test.quick.repeat()
	}
}

// whole reads a whole number within bounds.
func (c *checker) whole(n *node, what string, least, most int64) int {
	i, ok := n.value.(*big.Int)
	if !ok || !i.IsInt64() || i.Int64() < least || i.Int64() > most {
		if n.kind != '?' {
			c.found.add(n.place, "%s is a whole number from %d to %d", what, least, most)
		}
		return 0
	}
	return int(i.Int64())
}

func (c *checker) loop(s *step, f map[string]*node) {
	from := c.need(s, f, "each")
	if from != nil && from.kind == 'l' {
		s.args = []argument{{value: c.literal(from)}}
	} else {
		s.tests = []*Condition{c.condition(from, Items)}
	}
	if as := c.need(s, f, "as"); as != nil {
		name, _ := as.value.(string)
		c.bind(name, as)
	}
	s.slot = len(c.vars) - 1
	s.body = c.bodyOf(s, f, "do")
	if f["as"] != nil {
		c.vars = c.vars[:len(c.vars)-1]
	}
}

// bind opens the scope of a loop variable.
func (c *checker) bind(name string, n *node) {
	tok, _ := (&lexer{text: name}).next()
	switch {
	case tok.kind != tokName || tok.text != name || strings.HasPrefix(name, "_"):
		c.found.add(n.place, `"as" is a name for the item, such as item`)
	case roots[name] != nil:
		c.found.add(n.place, "%q is a name of the state; take another one", name)
	}
	for _, v := range c.vars {
		if v.name == name {
			c.found.add(n.place, "%q is the variable of the loop around already, at %s; take another name", name, v.place)
		}
	}
	c.vars = append(c.vars, variable{name, n.place})
}

func (c *checker) call(s *step, f map[string]*node) {
	n := c.need(s, f, "workflow")
	if n == nil {
		return
	}
	name, ok := n.value.(string)
	switch {
	case !ok:
		c.found.add(n.place, `"workflow" is the name of a file`)
		return
	case c.around.Files == nil:
		c.found.add(n.place, "a workflow that is no file cannot call others")
		return
	}
	src, err := c.around.Files.Open(name, n.place.File)
	if err != nil {
		c.found.add(n.place, "the workflow %q cannot be read: %s", name, err)
		return
	}
	w, met := c.done[src.Name]
	switch {
	case met && w == nil:
		c.found.add(n.place, "%s calls itself in the end: it would never end; write a loop", src.Name)
		return
	case !met && len(c.done) >= maxFiles:
		c.found.add(n.place, "more than %d files call each other", maxFiles)
		return
	case !met:
		w = c.file(src)
	}
	s.workflow, s.body = w, w.steps
}

const maxFiles = 100

func (c *checker) try(s *step, f map[string]*node) {
	s.body = c.bodyOf(s, f, "do")
	if f["catch"] == nil && f["finally"] == nil {
		c.found.add(s.place, `the step "try" lacks the key "catch" or "finally"`)
	}
	if n := f["catch"]; n != nil {
		if n.kind != 'm' {
			c.found.add(n.place, `"catch" maps the names of exceptions to steps: {ValueError: [...]}`)
		} else {
			for i, key := range n.keys {
				s.catches = append(s.catches, handler{c.exception(key), c.steps(n.items[i])})
			}
		}
	}
	if n := f["finally"]; n != nil {
		s.finally = c.steps(n)
	}
}

// exception reads the name of an exception.
func (c *checker) exception(n *node) string {
	name, _ := n.value.(string)
	tok, _ := (&lexer{text: name}).next()
	switch {
	case tok.kind != tokName || tok.text != name:
		c.found.add(n.place, "%q is no name of an exception; write one without its module, such as ValueError", name)
	case slices.Contains([]string{"BaseException", "KeyboardInterrupt", "SystemExit", "GeneratorExit", "CancelledError", "FluxLimitError"}, name):
		c.found.add(n.place, `%s ends a workflow and is not caught; use "finally" to clean up`, name)
	}
	return name
}

func (c *checker) retry(s *step, f map[string]*node) {
	s.body = c.bodyOf(s, f, "do")
	s.times = 1
	if n := c.need(s, f, "times"); n != nil {
		s.times = c.whole(n, `"times", the number of attempts in all,`, 1, 1000)
	}
	if n := f["backoff"]; n != nil {
		switch v := n.value.(type) {
		case *big.Int:
			s.backoff, _ = v.Float64()
		case float64:
			s.backoff = v
		default:
			s.backoff = -1
		}
		if !(s.backoff >= 0 && s.backoff <= 3600) {
			c.found.add(n.place, `"backoff" is the number of seconds before the second attempt, at most 3600; it doubles each time`)
		}
	}
	s.on = []string{"Exception"}
	if n := f["on"]; n != nil {
		s.on = nil
		classes := n.items
		if n.kind == 's' {
			classes = []*node{n}
		}
		for _, class := range classes {
			s.on = append(s.on, c.exception(class))
		}
	}
}
