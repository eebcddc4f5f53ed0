package guard

import (
	"fmt"
	"strings"

	"github.com/theus-project/theus/core/contract"
	"github.com/theus-project/theus/core/fault"
	"github.com/theus-project/theus/core/path"
	"github.com/theus-project/theus/core/zone"
)

// Deny makes the refusal for what a process tried on a path. The first policy is that of the
// process itself; those of its callers follow, the nearest first.
//
// The text has six parts: who, did what, to which path; what it may do, the nearest declared
// name, and the fix. Its first line stands alone.
func Deny(policies []*contract.Policy, tried Tried, p path.Path, detail string) *fault.Error {
	if tried < Read || tried > Store {
		return fault.New(fault.Invalid, "%d is nothing a process can try", tried)
	}
	d := denial{tried: tried, path: p.Canonical(), detail: detail, nothing: contract.Nothing("")}
	d.process, d.refuser = d.parties(policies)
	d.kind = d.judge()
	return d.write()
}

// denial is a refusal in the making.
type denial struct {
	tried   Tried
	path    path.Path
	detail  string
	process *contract.Policy // that tried
	refuser *contract.Policy // whose contract does not allow it: of the process, or of a caller
	nothing *contract.Policy
	kind    fault.Kind
}

// parties finds the process and whose contract refuses.
func (d *denial) parties(policies []*contract.Policy) (process, refuser *contract.Policy) {
	if len(policies) == 0 {
		return d.nothing, d.nothing
	}
	for _, p := range policies {
		c := p.Find(d.path)
		if d.reading() && !c.Reads() || !d.reading() && !c.Writes() {
			return policies[0], p
		}
	}
	return policies[0], policies[0]
}

func (d *denial) reading() bool { return d.tried == Read || d.tried == Iterate }

// judge says what kind of refusal this is.
func (d *denial) judge() fault.Kind {
	switch {
	case d.tried == Store:
		return fault.Unsupported
	case len(d.path) > 0 && d.path[len(d.path)-1].IsPrivate():
		return fault.Private
	case d.reading():
		if !zone.OfPath(d.path).Rules().MayBeInput && d.underInput() {
			return fault.Zone
		}
		return fault.Read
	case d.tried == Mutate && d.refuser.Find(d.path).Reads():
		return fault.Frozen
	case d.tried != Mutate && len(d.path) > 0 && d.refuser.Find(d.path.Parent()).Reads():
		return fault.Frozen // a field or item of an object that may only be read
	default:
		return fault.Write
	}
}

func (d *denial) underInput() bool {
	for _, in := range d.refuser.InputPaths() {
		if in.Covers(d.path) {
			return true
		}
	}
	return false
}

// ops are the words for what was tried: the operation, and the verb for doing it properly.
var ops = [...]struct{ op, verb string }{
	Read:    {"read", "read"},
	Write:   {"write", "write"},
	Delete:  {"delete", "delete"},
	Mutate:  {"mutate", "change"},
	Iterate: {"iterate", "read"},
	Store:   {"store", "write"},
}

// write puts the parts together.
func (d *denial) write() *fault.Error {
	e := &fault.Error{
		Kind:    d.kind,
		Process: d.process.Name(),
		Op:      ops[d.tried].op,
		Path:    d.path.String(),
		Detail:  d.reason(),
	}
	var b strings.Builder
	fmt.Fprintf(&b, "%s: '%s' by %s", d.fragment(), e.Path, who(d.process))
	if e.Detail != "" {
		b.WriteString(": " + e.Detail)
	}
	line := func(label, text string) { fmt.Fprintf(&b, "\n  %-15s%s", label+":", text) }
	if d.refuser != d.process {
		line("refused by", "its caller, "+who(d.refuser))
	}
	if d.kind == fault.Unsupported || d.kind == fault.Private {
		e.Hint = d.cure()
	} else {
		may := d.allowed()
		for _, p := range may {
			e.Allowed = append(e.Allowed, p.String())
		}
		line("it may "+d.right(), list(e.Allowed))
		if e.Nearest = nearest(d.path, may); e.Nearest != "" {
			line("did you mean", e.Nearest)
		}
		e.Hint = d.fix(e.Nearest)
	}
	line("fix", e.Hint)
	e.Text = b.String()
	return e
}

func who(p *contract.Policy) string {
	if p.AllowsEverything() {
		return "edit()"
	}
	return "process '" + p.Name() + "'"
}

func (d *denial) right() string {
	if d.reading() {
		return "read"
	}
	return "write"
}

func (d *denial) allowed() []path.Path {
	may := d.refuser.OutputPaths()
	if d.reading() {
		may = unite(d.refuser.InputPaths(), may)
	}
	return may
}

// fragment begins the first line. Users search logs for it and tests match it: it never changes.
func (d *denial) fragment() string {
	switch {
	case d.kind == fault.Unsupported:
		return "Unsupported Value"
	case d.reading():
		return "Illegal Read"
	default:
		return "Illegal Write"
	}
}
