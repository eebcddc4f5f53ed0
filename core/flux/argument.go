package flux

import (
	"math/big"
	"slices"
	"strings"

	"github.com/theus-project/theus/core/internal/spell"
)

// process checks a step that runs a process.
func (c *checker) process(s *step, name string, at *node, args ...*node) *step {
	s.action, s.process = doProcess, name
	p, ok := c.around.Processes.Process(name)
	if !ok {
		if c.names == nil {
			c.names = c.around.Processes.Names()
			slices.Sort(c.names)
		}
		near := spell.Nearest(name, c.names)
		switch {
		case slices.Contains(words(), name):
			c.found.add(at.place, "there is no process %q; write {flux: %s, ...} for the step of that name", name, name)
		case near != "":
			c.found.add(at.place, "there is no process %q; did you mean %q?", name, near)
		default:
			c.found.add(at.place, "there is no process %q; register it before the workflow is loaded", name)
		}
	}
	for _, n := range args {
		if n != nil {
			c.arguments(s, n, p, !ok)
		}
	}
	return s
}

func (c *checker) arguments(s *step, n *node, p Process, unknown bool) {
	if n.kind != 'm' {
		if n.kind != '?' && n.value != nil {
			c.found.add(n.place, `"args" maps the names of arguments to values`)
		}
		return
	}
	for i, key := range n.keys {
		name := key.value.(string)
		if !unknown && !p.Open && !slices.Contains(p.Arguments, name) {
			if near := spell.Nearest(name, p.Arguments); near != "" {
				c.found.add(key.place, "the process %q takes no argument %q; did you mean %q?", s.process, name, near)
			} else {
				c.found.add(key.place, "the process %q takes no argument %q; it takes %s", s.process, name, orNothing(list(p.Arguments)))
			}
		}
		a := argument{name: name}
		text, _ := n.items[i].value.(string)
		if source, from, ok := inserted(text); ok {
			a.expr = c.compile(n.items[i], source, from, Get)
		} else {
			a.value = c.literal(n.items[i])
		}
		s.args = append(s.args, a)
	}
}

// inserted gives the expression of a text that is ${{ expression }} and nothing else, and the byte
// it starts at.
func inserted(text string) (source string, from int, ok bool) {
	inner, ok := strings.CutPrefix(strings.TrimSpace(text), "${{")
	if !ok {
		return "", 0, false
	}
	inner, ok = strings.CutSuffix(inner, "}}")
	return strings.TrimSpace(inner), strings.Index(text, strings.TrimSpace(inner)), ok && !strings.Contains(inner, "${{")
}

// literal makes a value of a node.
func (c *checker) literal(n *node) Value {
	switch v := n.value.(type) {
	case bool:
		return Bool(v)
	case *big.Int:
		return BigInt(v)
	case float64:
		return Float(v)
	case string:
		if strings.Contains(v, "${{") {
			c.found.add(n.place, "${{ }} must be the whole value of an argument; join texts inside it")
		}
		return Text(v)
	}
	items := make([]Value, len(n.items))
	for i, item := range n.items {
		items[i] = c.literal(item)
	}
	switch n.kind {
	case 'l':
		return List(items)
	case 'm':
		keys := make([]Value, len(n.keys))
		for i, key := range n.keys {
			keys[i] = Text(key.value.(string))
		}
		return Dict(keys, items)
	}
	return None()
}
