package audit

import (
	"errors"
	"strings"
	"unicode/utf8"

	"github.com/theus-project/theus/core/fault"
	"github.com/theus-project/theus/core/path"
)

// Field is what a rule looks at: where the host finds it, step by step from the system context.
type Field struct {
	// Arg is the keyword argument that is asked first, by exactly this name; "" if none can be
	// meant. Only the input gate has any.
	Arg string
	// Steps is a path whose steps may be calls. Each is an attribute or, failing that, an item.
	Steps []Step
}

// Step is one segment of a field.
type Step struct {
	path.Segment
	Call bool // the method of this name is called without arguments, on a read-only view
}

// maxSteps bounds how long a field is.
const maxSteps = 64

// ParseField reads a field as recipes spell it: a path as in contracts, in which a name may be
// followed by (). Private names are allowed, since rules read by the operator's right; the names
// of Python's own machinery are not.
func ParseField(text string) (Field, error) {
	plain, ends, err := maskCalls(text)
	if err != nil {
		return Field{}, err
	}
	p, err := path.Parse(plain)
	if err != nil {
		if f, ok := errors.AsType[*fault.Error](err); ok {
			return Field{}, badField(text, f.Detail)
		}
		return Field{}, err
	}
	if len(p) > maxSteps {
		return Field{}, badField(text, "this field has more than 64 steps")
	}
	f := Field{Steps: make([]Step, len(p))}
	for i, s := range p {
		f.Steps[i].Segment = s
	}
	for _, end := range ends {
		upTo, err := path.Parse(plain[:end])
		if err != nil {
			return Field{}, err
		}
		step := &f.Steps[len(upTo)-1]
		step.Call = true
		step.Name = strings.TrimSuffix(step.Name, mask)
	}
	for _, step := range f.Steps {
		if step.IsAttr() && strings.HasPrefix(step.Name, "__") {
			return Field{}, badField(text, step.Name+" belongs to Python's own machinery; name a field or a method")
		}
	}
	if f.Steps[0].Call {
		return Field{}, badField(text, "nothing stands before this call; name what it is a method of")
	}
	if len(p) == 1 && p[0].Kind == path.Name {
		f.Arg = text
	}
	return f, nil
}

// mask stands for a call while a field is read as a path: as long, so that columns stay.
const mask = "__"

// maskCalls replaces each () outside of quotation marks, and says where each ends.
func maskCalls(text string) (plain string, ends []int, err error) {
	var mark byte
	masked := []byte(text)
	for i := 0; i < len(text); i++ {
		switch c := text[i]; {
		case mark != 0 && c == '\\':
			i++
		case mark != 0:
			if c == mark {
				mark = 0
			}
		case c == '"' || c == '\'':
			mark = c
		case c == '(':
			if what := badCall(text, i); what != "" {
				return "", nil, columnError(text, i, what)
			}
			copy(masked[i:], mask)
			ends = append(ends, i+2)
			i++
		}
	}
	return string(masked), ends, nil
}

// badCall says what is wrong with the call whose parenthesis opens at i, "" if nothing is.
func badCall(text string, i int) string {
	switch {
	case !strings.HasPrefix(text[i:], "()"):
		return "a call in a field has no arguments; write () or name a field"
	case i == 0 || strings.IndexByte(".*])", text[i-1]) >= 0:
		return "the name of a method is missing before ()"
	case len(text) > i+2 && text[i+2] != '.' && text[i+2] != '[':
		return "after a call a dot or a bracket belongs"
	default:
		return ""
	}
}

func columnError(text string, at int, what string) error {
	return badField(text, "column "+itoa(utf8.RuneCountInString(text[:at])+1)+": "+what)
}

func badField(text, what string) error {
	e := fault.New(fault.Invalid, "Invalid Field: %q, %s", shorten(text, maxShown), what)
	e.Path, e.Detail = text, what
	return e
}

// at gives f as it is meant at a gate: only the input gate has keyword arguments.
func (f Field) at(g Gate) Field {
	if g != Input {
		f.Arg = ""
	}
	return f
}

// String spells f in the long way: domain_ctx.moisture.mean(). What may be a keyword argument
// keeps its name.
func (f Field) String() string {
	if f.Arg != "" {
		return f.Arg
	}
	var b strings.Builder
	for from := 0; from < len(f.Steps); {
		to := from + 1
		for to < len(f.Steps) && !f.Steps[to-1].Call {
			to++
		}
		b.WriteString(f.part(from, to))
		if f.Steps[to-1].Call {
			b.WriteString("()")
		}
		from = to
	}
	return b.String()
}

// part spells some steps, as they stand inside a path.
func (f Field) part(from, to int) string {
	p := make(path.Path, 0, to-from+1)
	if from > 0 {
		p = append(p, path.Segment{Kind: path.Name})
	}
	for _, s := range f.Steps[from:to] {
		p = append(p, s.Segment)
	}
	return p.String()
}

// Path is f as a pattern of places, a method's name as one of them.
func (f Field) Path() path.Path {
	p := make(path.Path, len(f.Steps))
	for i, s := range f.Steps {
		p[i] = s.Segment
	}
	return p
}

// Wild reports whether f stands for any number of values.
func (f Field) Wild() bool {
	for _, s := range f.Steps {
		if s.Kind == path.Any {
			return true
		}
	}
	return false
}
