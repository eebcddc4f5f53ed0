package flux

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math"
	"math/big"
	"slices"
	"strconv"
	"strings"

	"github.com/theus-project/theus/core/internal/spell"
)

// Document is a file in which workflows and conditions stand among other things, as in that of a
// state machine. It is read as workflows are, so there is one dialect of YAML, one way to tell a
// place, and one report of all that is wrong.
type Document struct {
	Root    Node // of kind MissingNode if there is nothing in it
	checker checker
	numbers map[*node]int // of all nodes, once one was asked for
}

// Open reads a document. What cannot be read is a problem already. Of the surroundings none is
// needed: without Processes any name is that of one, without Contracts branches are not compared,
// and without Files what is called is not opened. All that is left to whoever loads the workflow.
func Open(src Source, around Surroundings) *Document {
	if around.Processes == nil {
		around.Processes = anything{}
	}
	if around.Contracts == nil {
		around.Contracts = anything{}
	}
	if around.Files == nil {
		around.Files = anything{}
	}
	d := &Document{checker: checker{around: around, done: map[string]*workflow{src.Name: nil}, order: []string{src.Name}}}
	if n := read(src, &d.checker.found); n != nil {
		d.Root = Node{n}
	}
	return d
}

// Fail adds a problem.
func (d *Document) Fail(at Place, format string, args ...any) {
	d.checker.found.add(at, format, args...)
}

// Err is a fault.Invalid whose cause is the Report of all problems, or nil.
func (d *Document) Err() error { return d.checker.found.err(d.checker.order) }

// Number tells a node from the others of its document: Source.Part is that of the steps to load.
func (d *Document) Number(n Node) int {
	if d.numbers == nil {
		d.numbers = make(map[*node]int)
		next := 0
		d.Root.node.walk(func(each *node) bool {
			if _, known := d.numbers[each]; !known { // an alias stands for the first
				d.numbers[each] = next
			}
			next++
			return true
		})
	}
	return d.numbers[n.node]
}

// Steps checks the steps of a workflow, and gives the names of the processes they run, as they come.
func (d *Document) Steps(n Node) []string {
	var names []string
	each(d.checker.steps(n.node), make(map[*workflow]bool), func(s *step) {
		if s.action == doProcess && !slices.Contains(names, s.process) {
			names = append(names, s.process)
		}
	})
	return names
}

// Condition checks a condition and gives its text.
func (d *Document) Condition(n Node) string {
	if c := d.checker.condition(n.node, Get); c != nil {
		return c.String()
	}
	return ""
}

// NodeKind is what a node is.
type NodeKind byte

const (
	MissingNode NodeKind = 0   // there is no such node
	RefusedNode NodeKind = '?' // it is a problem already
	ScalarNode  NodeKind = 's'
	ListNode    NodeKind = 'l'
	MappingNode NodeKind = 'm'
)

// Node is a piece of a document.
type Node struct{ node *node }

// Kind tells what the node is.
func (n Node) Kind() NodeKind {
	if n.node == nil {
		return MissingNode
	}
	return NodeKind(n.node.kind)
}

// Empty reports whether there is nothing, as after a key without a value.
func (n Node) Empty() bool {
	return n.node == nil || n.node.kind == 's' && n.node.value == nil
}

// Place is where the node stands.
func (n Node) Place() Place {
	if n.node == nil {
		return Place{}
	}
	return n.node.place
}

// Text gives a scalar that is text.
func (n Node) Text() (string, bool) {
	if n.node == nil {
		return "", false
	}
	text, ok := n.node.value.(string)
	return text, ok
}

// Items gives the elements of a list, or the values of a mapping in the order of its Keys.
func (n Node) Items() []Node {
	if n.node == nil {
		return nil
	}
	return nodes(n.node.items)
}

// Keys gives those of a mapping, which are texts.
func (n Node) Keys() []Node {
	if n.node == nil {
		return nil
	}
	return nodes(n.node.keys)
}

func nodes(list []*node) []Node {
	all := make([]Node, len(list))
	for i, n := range list {
		all[i] = Node{n}
	}
	return all
}

// Fields gives the values of a mapping by key, and reports keys that are not among the known ones.
func (d *Document) Fields(n Node, what string, known ...string) map[string]Node {
	all := make(map[string]Node, len(known))
	for key, value := range d.checker.fields(n.node, what, known...) {
		all[key] = Node{value}
	}
	return all
}

// Meant ends a message with the name that was probably meant, or with nothing.
func Meant(name string, names []string) string {
	if near := spell.Nearest(name, names); near != "" {
		return fmt.Sprintf("; did you mean %q?", near)
	}
	return ""
}

// JSON gives the node as a value, with the numbers that hosts in Python read there: NaN and
// Infinity too. What was refused is null.
func (n Node) JSON() []byte {
	var b bytes.Buffer
	n.write(&b)
	return b.Bytes()
}

func (n Node) write(b *bytes.Buffer) {
	switch n.Kind() {
	case ListNode:
		b.WriteByte('[')
		for i, item := range n.Items() {
			if i > 0 {
				b.WriteByte(',')
			}
			item.write(b)
		}
		b.WriteByte(']')
	case MappingNode:
		b.WriteByte('{')
		values := n.Items()
		for i, key := range n.Keys() {
			if i > 0 {
				b.WriteByte(',')
			}
			key.write(b)
			b.WriteByte(':')
			values[i].write(b)
		}
		b.WriteByte('}')
	case ScalarNode:
		b.WriteString(scalar(n.node.value))
	default:
		b.WriteString("null")
	}
}

// scalar spells nil, a bool, an *big.Int, a float64 or a string.
func scalar(value any) string {
	switch v := value.(type) {
	case *big.Int:
		return v.String()
	case float64:
		switch {
		case math.IsNaN(v):
			return "NaN"
		case math.IsInf(v, 1):
			return "Infinity"
		case math.IsInf(v, -1):
			return "-Infinity"
		}
		text := strconv.FormatFloat(v, 'g', -1, 64)
		if !strings.ContainsAny(text, ".e") {
			text += ".0" // a whole float stays a float
		}
		return text
	default:
		text, err := json.Marshal(v)
		if err != nil { // a string, a bool or nil: there is no such error
			return "null"
		}
		return string(text)
	}
}
