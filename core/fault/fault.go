package fault

import (
	"fmt"
	"strings"
)

// Error is a failure of the kernel or, far more often, of what it was asked to do.
type Error struct {
	Kind    Kind
	Process string // that was running or is named, may be empty
	Op      string // what it tried: "read", "write", "delete", ...; may be empty
	Path    string // the path in question, as users spell it; may be empty
	Detail  string // what is wrong, in one sentence without process and path
	Nearest string // the declared path or registered name that was probably meant; may be empty
	Hint    string // the one-line fix; may be empty
	Text    string // the whole text for a person; its first line stands alone in a log
	Err     error  // the cause; may be nil

	// Allowed is every path for which the same would have been allowed, as users spell them. Text
	// may show only the first of them.
	Allowed []string
}

var _ error = (*Error)(nil)

// New makes an Error whose text is one formatted sentence.
func New(kind Kind, format string, args ...any) *Error {
	text := fmt.Sprintf(format, args...)
	return &Error{Kind: kind, Detail: text, Text: text}
}

// Error is short: the first line of the text.
func (e *Error) Error() string {
	if e.Text != "" {
		line, _, _ := strings.Cut(e.Text, "\n")
		return line
	}
	if e.Detail != "" {
		return e.Detail
	}
	return e.Kind.Error()
}

// Unwrap gives the cause.
func (e *Error) Unwrap() error { return e.Err }

// Is makes errors.Is(err, kind) ask for the kind.
func (e *Error) Is(target error) bool {
	kind, ok := target.(Kind)
	return ok && kind == e.Kind
}
