package fsm

import (
	"errors"
	"slices"
	"strings"

	"github.com/theus-project/theus/core/fault"
	"github.com/theus-project/theus/core/flux"
)

// Load reads and checks a definition. start, unless "", is the state to begin with instead of that
// of the definition. The error is a fault.Config whose text lists every problem with its place.
func Load(src flux.Source, start string, around flux.Surroundings) (*Machine, error) {
	c := &checker{Document: flux.Open(src, around), index: make(map[string]int)}
	c.machine(src.Name, start)
	err := c.Err()
	if err == nil {
		return &c.m, nil
	}
	var f *fault.Error
	if errors.As(err, &f) {
		f.Kind = fault.Config
		f.Text = "Invalid State Machine: " + f.Text
	}
	return nil, err
}

// checker makes a machine of a document, and goes on after a problem to find the next one.
type checker struct {
	*flux.Document
	m      Machine
	own    string         // the start of the definition itself
	index  map[string]int // of states by name
	wanted []reference    // looked up once all states are known
}

// reference is a place that names a state.
type reference struct {
	from, to string // from: the state it stands in; "" for the start
	at       flux.Place
}

func (c *checker) machine(file, start string) {
	root := c.Root
	switch {
	case root.Kind() == flux.MissingNode && c.Err() != nil, root.Kind() == flux.RefusedNode:
		return
	case root.Kind() == flux.MissingNode:
		c.Fail(flux.Place{File: file}, `there is no state machine in it; one has the keys "states" and "initial"`)
		return
	case root.Kind() != flux.MappingNode:
		c.Fail(root.Place(), `a state machine is a mapping with the keys "states" and "initial"`)
		return
	}
	fields := c.Fields(root, "a state machine", "states", "initial", "initial_state", "start_state", "name", "description", "version")
	c.m.Name, _ = fields["name"].Text()
	c.states(fields["states"], root.Place())
	c.begin(start, fields)
	c.targets()
	c.timers()
	c.reach()
}

// states reads all states, and leaves what they refer to for later.
func (c *checker) states(n flux.Node, at flux.Place) {
	switch {
	case n.Kind() == flux.MissingNode:
		c.Fail(at, `the key "states" is missing`)
	case n.Kind() == flux.RefusedNode:
	case n.Kind() != flux.MappingNode || len(n.Keys()) == 0:
		c.Fail(n.Place(), `"states" maps names to states: {IDLE: {on: {GO: BUSY}}, BUSY: {}}`)
	default:
		bodies := n.Items()
		for i, key := range n.Keys() {
			name, _ := key.Text()
			if strings.TrimSpace(name) == "" {
				c.Fail(key.Place(), "a state needs a name")
				continue
			}
			c.index[name] = len(c.m.States)
			c.m.States = append(c.m.States, c.state(name, key, bodies[i]))
		}
	}
}

// either gives the only one of several spellings of a key.
func (c *checker) either(fields map[string]flux.Node, what string, keys ...string) flux.Node {
	var found flux.Node
	var first string
	for _, key := range keys {
		n, given := fields[key]
		switch {
		case !given:
		case first != "":
			c.Fail(n.Place(), "%s has both %q and %q, which mean the same; keep one", what, first, key)
		default:
			found, first = n, key
		}
	}
	return found
}

func (c *checker) state(name string, key, n flux.Node) State {
	s := State{Name: name, Place: key.Place()}
	switch {
	case n.Empty() || n.Kind() == flux.RefusedNode:
		return s
	case n.Kind() != flux.MappingNode:
		c.Fail(n.Place(), `the state %q is a mapping, such as {on: {GO: BUSY}}`, name)
		return s
	}
	what := "the state \"" + name + "\""
	fields := c.Fields(n, what, "on", "events", "transitions", "entry", "process", "on_exit", "after")
	s.Entry = c.program(c.either(fields, what, "entry", "process"))
	s.Exit = c.program(fields["on_exit"])
	s.Moves = c.moves(name, c.either(fields, what, "on", "events", "transitions"))
	s.After = c.after(fields["after"])
	return s
}

// program checks steps; one alone need not be a list.
func (c *checker) program(n flux.Node) Program {
	p := Program{Part: c.Number(n)}
	switch {
	case n.Empty():
		return p
	case n.Kind() == flux.ListNode:
		p.Steps = n.Items()
	default:
		p.Steps = []flux.Node{n}
	}
	p.Processes = c.Steps(n)
	return p
}

func (c *checker) moves(state string, n flux.Node) []Move {
	switch {
	case n.Empty() || n.Kind() == flux.RefusedNode:
		return nil
	case n.Kind() != flux.MappingNode:
		c.Fail(n.Place(), `events are a mapping to states: {GO: BUSY}`)
		return nil
	}
	var all []Move
	values := n.Items()
	for i, key := range n.Keys() {
		event, _ := key.Text()
		targets := values[i]
		list := []flux.Node{targets}
		if targets.Kind() == flux.ListNode {
			list = targets.Items()
			if len(list) == 0 {
				c.Fail(targets.Place(), "the event %q leads nowhere; remove it", event)
			}
		}
		certain := false // one of the targets before has no condition
		for _, t := range list {
			if certain {
				c.Fail(t.Place(), "the event %q never leads here: the target before has no \"when\"", event)
			}
			m, ok := c.target(event, t)
			certain = ok && m.When == ""
			if ok {
				all = append(all, m)
				c.wanted = append(c.wanted, reference{state, m.Target, m.Place})
			}
		}
	}
	return all
}

// target reads where an event leads.
func (c *checker) target(event string, n flux.Node) (m Move, ok bool) {
	m = Move{Event: event, Place: n.Place()}
	if m.Target, ok = n.Text(); ok || n.Kind() == flux.RefusedNode {
		return m, ok
	}
	if n.Kind() != flux.MappingNode {
		c.Fail(n.Place(), `the event %q leads to the name of a state, or to {target: NAME, when: CONDITION}`, event)
		return m, false
	}
	fields := c.Fields(n, "a target", "target", "when")
	to, given := fields["target"]
	if m.Target, ok = to.Text(); !ok {
		if at := n.Place(); to.Kind() != flux.RefusedNode {
			if given {
				at = to.Place()
			}
			c.Fail(at, `"target" is the name of a state`)
		}
	} else {
		m.Place = to.Place()
	}
	if when, given := fields["when"]; given {
		m.When = c.Condition(when)
	}
	return m, ok
}

// begin finds the state to begin with: that of the host, else that of the definition, else IDLE.
func (c *checker) begin(start string, fields map[string]flux.Node) {
	n := c.either(fields, "a state machine", "initial", "initial_state", "start_state")
	own, isText := n.Text()
	c.own = own
	switch {
	case isText:
		c.wanted = append(c.wanted, reference{"", own, n.Place()})
	case n.Empty():
		c.own = DefaultStart
	case n.Kind() != flux.RefusedNode:
		c.Fail(n.Place(), "the start is the name of a state")
		return
	}
	c.m.Start = c.own
	if start != "" {
		c.m.Start = start
	}
	if _, there := c.index[c.m.Start]; there || len(c.m.States) == 0 {
		return
	}
	if start != "" {
		c.Fail(c.Root.Place(), "the start is to be %q, which is no state%s", start, c.nearest(start))
	} else if !isText {
		c.Fail(c.Root.Place(), `there is no start; write "initial: %s" with the state to begin with`, c.m.States[0].Name)
	}
}

func (c *checker) nearest(name string) string {
	if meant := flux.Meant(name, c.m.names()); meant != "" {
		return meant
	}
	if len(c.m.States) > 24 {
		return ""
	}
	return "; there are " + strings.Join(c.m.names(), ", ")
}

// targets checks that what is referred to exists.
func (c *checker) targets() {
	if len(c.m.States) == 0 {
		return
	}
	for _, r := range c.wanted {
		if _, there := c.index[r.to]; there {
			continue
		}
		if r.from == "" {
			c.Fail(r.at, "the start is %q, which is no state%s", r.to, c.nearest(r.to))
		} else {
			c.Fail(r.at, "%q leads to %q, which is no state%s", r.from, r.to, c.nearest(r.to))
		}
	}
}

// timers checks that what they emit moves their state.
func (c *checker) timers() {
	for i := range c.m.States {
		s := &c.m.States[i]
		events := make([]string, len(s.Moves))
		for k, m := range s.Moves {
			events[k] = m.Event
		}
		for _, t := range s.After {
			if !slices.Contains(events, t.Event) {
				c.Fail(t.Place, "the state %q does not know the event %q that its timer emits%s", s.Name, t.Event, flux.Meant(t.Event, events))
			}
		}
	}
}

// reach checks that each state can be reached: from the start of the definition, or from that of the
// host, who may want to go on somewhere in the middle.
func (c *checker) reach() {
	reached := make([]bool, len(c.m.States))
	var open []int
	visit := func(name string) {
		if i, there := c.index[name]; there && !reached[i] {
			reached[i] = true
			open = append(open, i)
		}
	}
	visit(c.own)
	visit(c.m.Start)
	if len(open) == 0 {
		return // there is no start, which is a problem already
	}
	for len(open) > 0 {
		i := open[len(open)-1]
		open = open[:len(open)-1]
		for _, m := range c.m.States[i].Moves {
			visit(m.Target)
		}
	}
	for i := range c.m.States {
		if !reached[i] {
			c.Fail(c.m.States[i].Place, "no way leads from the start %q to the state %q; add an event that does, or remove it", c.m.Start, c.m.States[i].Name)
		}
	}
}
