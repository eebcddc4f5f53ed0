package flux

import (
	"fmt"
	"slices"
	"strings"
)

// Failure is an exception: one that a process raised, or one of a condition or of the stepper.
type Failure struct {
	// Names are the class and its bases, the class first. A catch compares with them.
	Names []string
	Text  string
	Token uint64 // the host's exception, handed back so that it can be raised again; 0 is none
	// Abort says that no catch and no retry may stop it: an interrupt, an interlock. What stands
	// under "finally" runs all the same.
	Abort bool
	Place Place // the step that failed
}

var _ error = (*Failure)(nil)

// Error is one line.
func (f *Failure) Error() string {
	line, _, _ := strings.Cut(f.Text, "\n")
	return f.Class() + ": " + line
}

// Class is the name of the exception itself.
func (f *Failure) Class() string {
	if len(f.Names) == 0 {
		return "Exception"
	}
	return f.Names[0]
}

// is reports whether the exception is of one of those classes, or of one below it.
func (f *Failure) is(classes ...string) bool {
	return slices.ContainsFunc(f.Names, func(n string) bool { return slices.Contains(classes, n) })
}

// raised is an exception of a condition before its place is known.
type raised struct{ class, text string }

func (r *raised) Error() string { return r.class + ": " + r.text }

func raise(class, format string, args ...any) *raised {
	return &raised{class, fmt.Sprintf(format, args...)}
}

// bases are those of Python's exceptions that a condition can raise.
var bases = map[string][]string{
	"ZeroDivisionError": {"ArithmeticError"},
	"OverflowError":     {"ArithmeticError"},
	"KeyError":          {"LookupError"},
	"IndexError":        {"LookupError"},
	"FluxLimitError":    {"RuntimeError"},
}

// names gives a class and its bases.
func names(class string) []string {
	return append(append([]string{class}, bases[class]...), "Exception")
}
