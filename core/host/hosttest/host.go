package hosttest

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/theus-project/theus/core/contract"
	"github.com/theus-project/theus/core/engine"
	"github.com/theus-project/theus/core/fault"
	"github.com/theus-project/theus/core/guard"
	"github.com/theus-project/theus/core/host"
	"github.com/theus-project/theus/core/path"
	"github.com/theus-project/theus/core/registry"
	"github.com/theus-project/theus/core/transaction"
	"github.com/theus-project/theus/core/zone"
)

// Host holds a context and runs processes on it. One goroutine uses it.
type Host struct {
	engine    *engine.Engine
	state     tree
	setters   map[string]bool // paths whose assignment runs user code
	processes map[string]process
	lent      map[host.Ref]bool // references the kernel may still hold
	lastRef   host.Ref
	failAt    int // the write to fail at while applying, counted from 1; 0 is none
	out       strings.Builder
}

type process struct {
	id     registry.ID
	errors []string
}

// New makes a host without state.
func New(e *engine.Engine) *Host {
	return &Host{
		engine:    e,
		state:     make(tree),
		setters:   make(map[string]bool),
		processes: map[string]process{"edit": {id: engine.Edit}},
		lent:      make(map[host.Ref]bool),
	}
}

// Lent counts the references lent to the kernel and not returned.
func (h *Host) Lent() int { return len(h.lent) }

// Put sets state from outside of any process. Assigning a path with a setter runs user code, which
// is where applying may fail.
func (h *Host) Put(where, value string, setter bool) error {
	p, err := locate(where)
	if err != nil {
		return err
	}
	v, err := read(value)
	if err != nil {
		return err
	}
	h.state.set(p, v)
	h.setters[p.String()] = setter
	return nil
}

// State lists all values with their paths, sorted.
func (h *Host) State() []string { return h.state.leaves(nil) }

// Register files a process. Its errors are the names of the exceptions it declares.
func (h *Host) Register(c contract.Contract, errors []string) error {
	id, err := h.engine.Register(c)
	if err != nil {
		return err
	}
	h.processes[c.Name] = process{id, errors}
	return nil
}

// Decide says in words what a process may do to a path.
func (h *Host) Decide(name, where string) (string, error) {
	p, err := locate(where)
	if err != nil {
		return "", err
	}
	s, err := h.engine.Decide(h.processes[name].id, p)
	if err != nil {
		return "", err
	}
	var words []string
	for _, w := range []struct {
		bit  guard.Bits
		word string
	}{{guard.MayRead, "read"}, {guard.MayWrite, "write"}, {guard.MayWalk, "walk"}, {guard.IsPrivate, "private"}} {
		if s.Bits&w.bit != 0 {
			words = append(words, w.word)
		}
	}
	if len(words) == 0 {
		words = []string{"nothing"}
	}
	if s.Zone != zone.Data {
		words = append(words, "("+s.Zone.String()+")")
	}
	return strings.Join(words, " "), nil
}

// Execute runs a process whose body is a script, and tells what happened. If failAt is not 0, the
// write of that number fails while the writes are applied.
func (h *Host) Execute(name, script string, failAt int) (string, error) {
	body, err := parse(script)
	if err != nil {
		return "", err
	}
	h.failAt = failAt
	h.out.Reset()
	if raised := h.run(name, body, nil); raised != nil {
		h.print("%s", raised)
	}
	return h.out.String(), nil
}

func (h *Host) print(format string, args ...any) { fmt.Fprintf(&h.out, format+"\n", args...) }

// exception is what a process raises.
type exception struct {
	class string
	text  string
}

const violation = "ContractViolationError"

func (x *exception) String() string {
	if x.text == "" {
		return x.class
	}
	return x.class + ": " + x.text
}

// refusal makes an exception of an error of the kernel.
func refusal(err error) *exception {
	var f *fault.Error
	if !errors.As(err, &f) {
		return &exception{"HostError", err.Error()}
	}
	if f.Kind == fault.Limit || f.Kind == fault.Ended || f.Kind == fault.NotFound {
		return &exception{"TheusError", f.Text}
	}
	return &exception{violation, f.Text}
}

// outcome says how a process ended, for one that declares errors.
func (x *exception) outcome(declared []string) transaction.Outcome {
	switch {
	case x == nil:
		return transaction.Returned
	case x.class == "KeyboardInterrupt" || x.class == "SystemExit":
		return transaction.Interrupted
	case x.class == violation || x.class == "TheusError":
		return transaction.Refused
	case slices.Contains(declared, x.class):
		return transaction.Declared
	default:
		return transaction.Undeclared
	}
}

// run carries out one call: the actions of the engine, one after the other.
func (h *Host) run(name string, body []statement, outer *call) *exception {
	p, ok := h.processes[name]
	if !ok {
		_, err := h.engine.Find(name)
		return refusal(err)
	}
	c := &call{host: h, outer: outer, now: h.state}
	var around transaction.ID
	if outer != nil {
		around, c.now = outer.tx, outer.now
	}
	begun, err := h.engine.Begin(p.id, around, transaction.Start{})
	if err != nil {
		return refusal(err)
	}
	if begun.Step == transaction.Wait {
		return &exception{"HostError", "told to wait, and nobody else is there"}
	}
	c.now, c.tx, c.root = c.now.clone(), begun.Tx, begun.Root
	raised := c.body(body)
	next, err := h.engine.Finish(c.tx, raised.outcome(p.errors), c.records(), h.nothing())
	if err != nil {
		h.giveBack(c.log)
		return refusal(err)
	}
	return h.carryOut(next, c, raised)
}

// carryOut does what the engine said after a process ended.
func (h *Host) carryOut(next engine.Action, c *call, raised *exception) *exception {
	switch next.Step {
	case transaction.Keep:
		c.outer.now, c.outer.log = c.now, append(c.outer.log, c.log...)
		h.print("keep: %s", writes(c.log))
		return nil
	case transaction.Drop:
		h.print("rollback: %s dropped", writes(c.log))
	case transaction.Done:
		h.print("done")
	case transaction.Commit:
		if raised = h.apply(c.log); raised == nil {
			h.print("commit: %s (version %d)", writes(c.log), next.Version)
			break
		}
		h.print("retract: version %d", next.Version)
		if err := h.engine.Retract(next.Version); err != nil {
			raised = refusal(err)
		}
	case transaction.Apply:
		raised = h.apply(c.log)
		after, err := h.engine.Applied(c.tx, raised == nil)
		switch {
		case err != nil:
			raised = refusal(err)
		case after.Step == transaction.Done:
			h.print("commit: %s (version %d)", writes(c.log), after.Version)
		default:
			h.print("rollback: %s dropped", writes(c.log))
		}
	}
	h.giveBack(c.log)
	if next.Raise == engine.RaiseWrapped {
		return &exception{violation, "Undeclared Error Violation: Caught " + raised.String()}
	}
	return raised
}

// apply makes the writes of a log real, all or none.
func (h *Host) apply(log []write) *exception {
	before := h.state.clone()
	for i, w := range pending(log) {
		if i+1 == h.failAt {
			h.print("apply: write %d failed, %d undone", i+1, i)
			h.state = before
			return &exception{"ApplyError", "the host was told to fail"}
		}
		w.to(h.state)
	}
	return nil
}

// nothing is what was read since somebody else committed: nobody else is there.
func (h *Host) nothing() *transaction.Reads {
	return &transaction.Reads{Seen: h.engine.Version(), Oldest: transaction.Alone}
}

func (h *Host) lend() host.Ref {
	h.lastRef++
	h.lent[h.lastRef] = true
	return h.lastRef
}

func (h *Host) giveBack(log []write) {
	for _, w := range log {
		delete(h.lent, host.Ref(w.record.Key))
	}
}

// pending leaves out the writes that are in memory already.
func pending(log []write) []write {
	return slices.DeleteFunc(slices.Clone(log), func(w write) bool {
		return w.record.Flags&transaction.Heavy != 0
	})
}

// writes counts them in words.
func writes(log []write) string {
	if n := len(pending(log)); n != 1 {
		return fmt.Sprintf("%d writes", n)
	}
	return "1 write"
}

// write is one write of a process, to be applied later.
type write struct {
	record transaction.Record
	where  path.Path
	value  any
}

func (w write) to(t tree) {
	if w.record.Op == transaction.Delete {
		t.remove(w.where)
	} else {
		t.set(w.where, w.value)
	}
}
