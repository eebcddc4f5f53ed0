package contract

import (
	"encoding/binary"
	"slices"

	"github.com/theus-project/theus/core/path"
	"github.com/theus-project/theus/core/zone"
)

// Cursor is all that a policy has to say about one path and what lies below it. Two paths with
// equal cursors, in the same zone, can never be told apart by the policy again.
//
// Properties, which Start and Step establish:
//
//  1. If writes, then reads, and nodes is empty: nothing can be added below an output.
//  2. If reads, each of the nodes leads to an output: another input would add nothing.
//  3. In a zone that cannot be an input, reads only if writes, and each node leads to an output;
//     but for a policy that makes everything readable.
//  4. nodes is sorted, without repetitions, and each leads on to a declared path below it.
//
// The zero Cursor is a denial, for this path and all below.
type Cursor struct {
	reads, writes bool
	nodes         []int32
}

// Reads reports whether the path may be read.
func (c Cursor) Reads() bool { return c.reads }

// Writes reports whether the path may be written.
func (c Cursor) Writes() bool { return c.writes }

// Walks reports whether the path may be walked through but not read.
func (c Cursor) Walks() bool { return !c.reads && len(c.nodes) > 0 }

// Denies reports whether nothing is allowed, here or below.
func (c Cursor) Denies() bool { return !c.reads && len(c.nodes) == 0 }

// Start is the cursor of the system context itself.
func (p *Policy) Start() Cursor {
	if p.everything || p.learns {
		return Cursor{reads: true, writes: true}
	}
	if p.readable {
		return Cursor{reads: true}
	}
	var c Cursor
	c.enter(p, 0, zone.Data)
	return c
}

// Step moves one segment down, to a place in zone z. The first segment below Start must be
// spelled long (Segment.AtRoot).
func (p *Policy) Step(c Cursor, s path.Segment, z zone.Zone) Cursor {
	if p.readable {
		return c
	}
	next := Cursor{writes: c.writes, reads: c.writes || c.reads && z.Rules().MayBeInput}
	for _, at := range c.nodes {
		n := &p.nodes[at]
		if n.wildcard != 0 {
			next.enter(p, n.wildcard, z)
		}
		for _, child := range n.named(s) {
			if child != 0 {
				next.enter(p, child, z)
			}
		}
	}
	next.settle(p)
	return next
}

// Find is the cursor of a whole path.
func (p *Policy) Find(where path.Path) Cursor {
	c, z := p.Start(), zone.Data
	for i, s := range where {
		z = z.Below(s)
		if i == 0 {
			s = s.AtRoot()
		}
		c = p.Step(c, s, z)
	}
	return c
}

// Names reports whether a declared path spells s out as its next segment. All segments that are
// not named have the same Step, up to their zone.
func (p *Policy) Names(c Cursor, s path.Segment) bool {
	for _, at := range c.nodes {
		if p.nodes[at].named(s) != [2]int32{} {
			return true
		}
	}
	return false
}

// Items lists the keys and indexes, as met at run time, that declared paths spell out as their
// next segment, in no particular order.
func (p *Policy) Items(c Cursor) []path.Segment {
	var items []path.Segment
	for _, at := range c.nodes {
		for s := range p.nodes[at].children {
			if s.Kind == path.Name {
				s.Kind = path.Text
			}
			items = append(items, s)
		}
	}
	return items
}

// AppendKey appends bytes that are equal for equal cursors only.
func (c Cursor) AppendKey(to []byte) []byte {
	rights := byte(0)
	if c.reads {
		rights |= 1
	}
	if c.writes {
		rights |= 2
	}
	to = append(to, rights)
	to = binary.AppendUvarint(to, uint64(len(c.nodes)))
	for _, at := range c.nodes {
		to = binary.AppendUvarint(to, uint64(at))
	}
	return to
}

// named gives the children that a segment met at run time belongs to, besides the wildcard; 0 is
// none. A text key is meant by ["x"] and by .x alike.
func (n *node) named(s path.Segment) [2]int32 {
	if n.children == nil {
		return [2]int32{}
	}
	switch s.Kind {
	case path.Attr, path.Name:
		return [2]int32{n.children[path.Segment{Kind: path.Name, Name: s.Name}]}
	case path.Text:
		return [2]int32{
			n.children[path.Segment{Kind: path.Name, Name: s.Name}],
			n.children[path.Segment{Kind: path.Text, Name: s.Name}],
		}
	case path.Int:
		return [2]int32{n.children[path.Segment{Kind: path.Int, Index: s.Index}]}
	default:
		return [2]int32{}
	}
}

// enter adds what a node says in zone z.
func (c *Cursor) enter(p *Policy, at int32, z zone.Zone) {
	n, mayBeInput := &p.nodes[at], z.Rules().MayBeInput
	c.writes = c.writes || n.output
	c.reads = c.reads || n.output || n.input && mayBeInput
	if n.deeperOutput || n.deeper && mayBeInput {
		c.nodes = append(c.nodes, at)
	}
}

// settle drops the nodes that can add nothing any more, and orders the others.
func (c *Cursor) settle(p *Policy) {
	switch {
	case c.writes:
		c.nodes = nil
	case c.reads:
		c.nodes = slices.DeleteFunc(c.nodes, func(at int32) bool { return !p.nodes[at].deeperOutput })
	}
	slices.Sort(c.nodes) // a node has one parent: no node was entered twice
}
