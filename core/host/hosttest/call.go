package hosttest

import (
	"strings"

	"github.com/theus-project/theus/core/guard"
	"github.com/theus-project/theus/core/host"
	"github.com/theus-project/theus/core/path"
	"github.com/theus-project/theus/core/transaction"
	"github.com/theus-project/theus/core/zone"
)

// call is a process that runs.
type call struct {
	host  *Host
	outer *call
	tx    transaction.ID
	root  guard.Shape
	now   tree // the state as this process sees it: its own copy
	log   []write
}

// records gives the delta log as the kernel reads it. Those of heavy writes, which are in memory
// already, go with the others.
func (c *call) records() []transaction.Record {
	records := make([]transaction.Record, len(c.log))
	for i, w := range c.log {
		records[i] = w.record
	}
	return records
}

// body runs statements until one raises.
func (c *call) body(body []statement) *exception {
	for _, s := range body {
		if raised := c.statement(s); raised != nil {
			return raised
		}
	}
	return nil
}

func (c *call) statement(s statement) *exception {
	switch s.verb {
	case "raise":
		return &exception{class: s.subject}
	case "call":
		return c.host.run(s.subject, s.body, c)
	case "try":
		if raised := c.host.run(s.subject, s.body, c); raised != nil {
			c.host.print("caught %s", raised)
		}
		return nil
	case "get":
		return c.get(s)
	case "list":
		return c.list(s)
	default: // set, delete
		return c.change(s)
	}
}

// reach walks to the shape of a path as a user's expression does, step by step. It is refused at
// the first step that the contract does not show.
func (c *call) reach(where path.Path) (guard.Shape, *exception) {
	shape := c.root
	for i, seg := range where {
		var err error
		if shape, err = c.host.engine.Child(shape.ID, seg); err != nil {
			return shape, refusal(err)
		}
		seen := shape.Bits&(guard.MayRead|guard.MayWalk) != 0 && shape.Bits&guard.IsPrivate == 0
		if !seen && i < len(where)-1 {
			return shape, c.deny(guard.Read, where[:i+1])
		}
	}
	return shape, nil
}

func (c *call) deny(tried guard.Tried, where path.Path) *exception {
	return refusal(c.host.engine.Deny(c.tx, tried, where, ""))
}

func (c *call) get(s statement) *exception {
	shape, raised := c.reach(s.where)
	if raised != nil {
		return raised
	}
	if shape.Bits&guard.IsPrivate != 0 || shape.Bits&(guard.MayRead|guard.MayWalk) == 0 {
		return c.deny(guard.Read, s.where)
	}
	value, ok := c.now.get(s.where)
	switch {
	case !ok:
		return &exception{"LookupError", s.where.String()}
	case shape.Bits&guard.MayRead == 0:
		c.host.print("get %s -> (a way through)", s.where)
	default:
		c.host.print("get %s -> %s", s.where, spell(value))
	}
	return nil
}

func (c *call) list(s statement) *exception {
	shape, raised := c.reach(s.where)
	if raised != nil {
		return raised
	}
	if shape.Bits&guard.MayRead == 0 {
		return c.deny(guard.Iterate, s.where)
	}
	value, _ := c.now.get(s.where)
	at, ok := value.(tree)
	if !ok {
		return &exception{"TypeError", s.where.String() + " is no container"}
	}
	c.host.print("list %s -> %s", s.where, strings.Join(at.keys(), " "))
	return nil
}

func (c *call) change(s statement) *exception {
	shape, raised := c.reach(s.where)
	if raised != nil {
		return raised
	}
	op, tried := transaction.SetItem, guard.Write
	switch last := s.where[len(s.where)-1]; {
	case s.verb == "delete":
		op, tried = transaction.Delete, guard.Delete
	case last.Kind == path.Attr:
		op = transaction.Set
	}
	if shape.Bits&guard.MayWrite == 0 || shape.Bits&guard.IsPrivate != 0 {
		return c.deny(tried, s.where)
	}
	if _, ok := c.now.get(s.where); !ok && op == transaction.Delete {
		return &exception{"LookupError", s.where.String()}
	}
	w := write{where: s.where, value: s.value, record: transaction.Record{
		Op:     op,
		Shape:  uint32(shape.ID),
		Object: host.Ref(len(s.where)),
	}}
	if shape.Zone == zone.Heavy {
		w.record.Flags, w.record.Bytes = transaction.Heavy, 8
		c.writeThrough(w)
	} else if c.host.setters[s.where.String()] {
		w.record.Flags = transaction.Foreign
	}
	w.record.Key = host.Key(c.host.lend())
	w.to(c.now)
	c.log = append(c.log, w)
	return nil
}

// writeThrough puts a heavy value where it stays, whatever becomes of the process.
func (c *call) writeThrough(w write) {
	w.to(c.host.state)
	for outer := c.outer; outer != nil; outer = outer.outer {
		w.to(outer.now)
	}
}
