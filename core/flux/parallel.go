package flux

import "github.com/theus-project/theus/core/path"

// parallel checks branches, none of which may see or spoil what another one writes: whatever the
// order in which their steps run, the result is that of one branch after the other.
func (c *checker) parallel(s *step, f map[string]*node) {
	n := c.need(s, f, "branches")
	if n == nil {
		return
	}
	if n.kind != 'l' {
		c.found.add(n.place, `"branches" is a list; each branch is a step or a list of steps`)
		return
	}
	for _, branch := range n.items {
		s.bodies = append(s.bodies, c.steps(branch))
	}
	if c.around.Contracts == nil {
		c.found.add(s.place, "there are no contracts here to check parallel branches by")
		return
	}
	traces := make([]trace, len(s.bodies))
	for i, body := range s.bodies {
		traces[i] = follow(body, c.around.Processes)
	}
	for i := range traces {
		for j := i + 1; j < len(traces); j++ {
			c.collide(traces[i], traces[j])
		}
	}
}

// trace is what a branch does to state.
type trace struct {
	runs  []use // the first use of each process
	reads []use
}

type use struct {
	process string
	path    path.Path
	place   Place
}

func follow(body []*step, known Processes) trace {
	var t trace
	seen, read := make(map[string]bool), make(map[string]bool)
	each(body, make(map[*workflow]bool), func(s *step) {
		if s.action == doProcess && !seen[s.process] {
			if _, ok := known.Process(s.process); ok {
				seen[s.process] = true
				t.runs = append(t.runs, use{process: s.process, place: s.place})
			}
		}
		for _, p := range s.reads() {
			if !read[p.String()] {
				read[p.String()] = true
				t.reads = append(t.reads, use{path: p, place: s.place})
			}
		}
	})
	return t
}

func (c *checker) collide(a, b trace) {
	for _, x := range a.runs {
		for _, y := range b.runs {
			if where, conflict := c.around.Contracts.Conflict(x.process, y.process); conflict {
				c.found.add(y.place, "%q cannot run beside %q at %s: both use %s, and one writes it; run them one after the other",
					y.process, x.process, x.place, where)
			}
		}
	}
	c.overlook(a, b)
	c.overlook(b, a)
}

// overlook reports conditions of one branch that read what another branch writes.
func (c *checker) overlook(reader, writer trace) {
	for _, r := range reader.reads {
		for _, w := range writer.runs {
			if c.around.Contracts.Writes(w.process, r.path) {
				c.found.add(r.place, "the condition here reads %s, which %q at %s writes beside it; run them one after the other",
					r.path, w.process, w.place)
			}
		}
	}
}
