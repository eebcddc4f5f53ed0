package contract

import (
	"errors"
	"fmt"
	"strings"

	"github.com/theus-project/theus/core/fault"
	"github.com/theus-project/theus/core/path"
	"github.com/theus-project/theus/core/zone"
)

// Contract is what a process declares: entries are paths as users spell them.
type Contract struct {
	Name        string
	Inputs      []string
	Outputs     []string
	SideEffects int // how many were declared; more than none forbids an automatic second run
}

// Compile checks a contract and makes its policy.
//
// It fails with fault.Invalid if an entry is no path or names something private, and with
// fault.Zone if an input lies in a zone that cannot be one. Both name the process and the entry.
func Compile(c Contract) (*Policy, error) {
	if c.Name == "" {
		return nil, fault.New(fault.Invalid, "Invalid Contract: a process needs a name")
	}
	p := newPolicy(c.Name)
	p.sideEffects = max(c.SideEffects, 0)
	for _, entry := range c.Inputs {
		if err := p.declare(entry, "inputs", &p.inputs); err != nil {
			return nil, err
		}
	}
	for _, entry := range c.Outputs {
		if err := p.declare(entry, "outputs", &p.outputs); err != nil {
			return nil, err
		}
	}
	p.finish()
	return p, nil
}

// Everything makes the policy of edit(): all may be read and written.
func Everything(name string) *Policy {
	p := newPolicy(name)
	p.everything = true
	p.finish()
	return p
}

// Learn makes the policy of a process whose contract is being learned: all may be read and written,
// and every place has a shape of its own, so that the shapes that exist are what it reached.
func Learn(c Contract) (*Policy, error) {
	if c.Name == "" {
		return nil, fault.New(fault.Invalid, "Invalid Contract: a process needs a name")
	}
	p := newPolicy(c.Name)
	p.learns, p.sideEffects = true, max(c.SideEffects, 0)
	return p, nil
}

// Readable makes the policy of rules: all may be read, in every zone, and nothing written.
func Readable(name string) *Policy {
	p := newPolicy(name)
	p.readable = true
	return p
}

// Nothing makes the policy of whoever declared nothing: all is denied.
func Nothing(name string) *Policy { return newPolicy(name) }

func (p *Policy) declare(entry, list string, to *[]path.Path) error {
	where, err := path.Parse(entry)
	if err != nil {
		return invalid(p.name, list, entry, err)
	}
	for _, s := range where {
		if s.IsPrivate() {
			return invalid(p.name, list, entry, fault.New(fault.Invalid,
				"%s starts with an underscore and is private to its object; declare a public name", s.Name))
		}
	}
	if z := zone.OfPath(where); list == "inputs" && !z.Rules().MayBeInput {
		return noInput(p.name, entry, where, z)
	}
	for _, known := range *to {
		if known.Equal(where) {
			return nil
		}
	}
	*to = append(*to, where)
	return nil
}

// invalid says which entry is malformed and why; below it, as the parser showed it, the place.
func invalid(process, list, entry string, cause error) error {
	e := &fault.Error{Kind: fault.Invalid, Process: process, Op: "declare", Path: entry, Err: cause}
	var place string
	if f, ok := errors.AsType[*fault.Error](cause); ok {
		e.Detail = f.Detail
		_, place, _ = strings.Cut(f.Text, "\n")
	}
	e.Text = fmt.Sprintf("Invalid Contract: entry %q in the %s of process '%s': %s", entry, list, process, e.Detail)
	if place != "" {
		e.Text += "\n" + place
	}
	return e
}

func noInput(process, entry string, where path.Path, z zone.Zone) error {
	e := &fault.Error{Kind: fault.Zone, Process: process, Op: "declare", Path: where.String()}
	e.Detail = fmt.Sprintf("a %s path cannot be an input", z)
	e.Hint = fmt.Sprintf("remove %q from the inputs of @process, or declare it as an output", entry)
	e.Text = fmt.Sprintf("SECURITY VIOLATION: Zone Policy Violation: input %q of process '%s': %s\n  fix:           %s",
		entry, process, e.Detail, e.Hint)
	return e
}
