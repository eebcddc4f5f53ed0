package contract

import (
	"github.com/theus-project/theus/core/path"
	"github.com/theus-project/theus/core/zone"
)

// Policy is a compiled contract.
type Policy struct {
	name        string
	inputs      []path.Path // as declared, without repetitions
	outputs     []path.Path
	writes      bool // an output is not heavy
	sideEffects int
	everything  bool
	learns      bool   // the same, and shapes are not shared; see Learn
	readable    bool   // all may be read, whatever its zone, and nothing written
	nodes       []node // the trie; nodes[0] is the root of the context
}

// node is one place that a declared path leads to or through.
type node struct {
	input, output bool // a declared path of that list ends here
	deeper        bool // a declared path goes on below
	deeperOutput  bool // an output does
	children      map[path.Segment]int32
	wildcard      int32 // the child for any segment; 0 is none, since the root is no child
}

func newPolicy(name string) *Policy { return &Policy{name: name, nodes: make([]node, 1)} }

// Name is that of the process.
func (p *Policy) Name() string { return p.name }

// Inputs spells the declared inputs canonically, in the order of declaration.
func (p *Policy) Inputs() []string { return spell(p.inputs) }

// Outputs spells the declared outputs canonically, in the order of declaration.
func (p *Policy) Outputs() []string { return spell(p.outputs) }

// InputPaths are the declared inputs. The caller must not change them.
func (p *Policy) InputPaths() []path.Path { return p.inputs }

// OutputPaths are the declared outputs. The caller must not change them.
func (p *Policy) OutputPaths() []path.Path { return p.outputs }

// SideEffects is how many side effects were declared.
func (p *Policy) SideEffects() int { return p.sideEffects }

// WritesNothing reports whether nothing may be written that a transaction takes back: there are no
// outputs but heavy ones.
func (p *Policy) WritesNothing() bool { return !p.writes && !p.everything && !p.learns }

// Learns reports whether this is the policy of a process whose contract is being learned.
func (p *Policy) Learns() bool { return p.learns }

// AllowsEverything reports whether this is the policy of edit().
func (p *Policy) AllowsEverything() bool { return p.everything }

func spell(paths []path.Path) []string {
	texts := make([]string, len(paths))
	for i, p := range paths {
		texts[i] = p.String()
	}
	return texts
}

// finish builds the trie from the declared paths.
func (p *Policy) finish() {
	for _, in := range p.inputs {
		p.insert(in, false)
	}
	for _, out := range p.outputs {
		p.insert(out, true)
		p.writes = p.writes || zone.OfPath(out) != zone.Heavy
	}
}

func (p *Policy) insert(where path.Path, output bool) {
	at := int32(0)
	for _, s := range where {
		p.nodes[at].deeper = true
		p.nodes[at].deeperOutput = p.nodes[at].deeperOutput || output
		at = p.child(at, s)
	}
	if output {
		p.nodes[at].output = true
	} else {
		p.nodes[at].input = true
	}
}

// child finds or makes the node of segment s below a node.
func (p *Policy) child(at int32, s path.Segment) int32 {
	n := &p.nodes[at]
	fresh := int32(len(p.nodes))
	if s.Kind == path.Any {
		if n.wildcard != 0 {
			return n.wildcard
		}
		n.wildcard = fresh
	} else {
		if known, ok := n.children[s]; ok {
			return known
		}
		if n.children == nil {
			n.children = make(map[path.Segment]int32)
		}
		n.children[s] = fresh
	}
	p.nodes = append(p.nodes, node{})
	return fresh
}
