package path

import (
	"fmt"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/theus-project/theus/core/fault"
)

// maxShown is how long a text may be to be shown with a caret under the place.
const maxShown = 100

// fail makes the error for the place the parser stands at.
func (p *parser) fail(what string) error {
	column := utf8.RuneCountInString(p.text[:p.at]) + 1
	e := &fault.Error{
		Kind:   fault.Invalid,
		Path:   p.text,
		Detail: fmt.Sprintf("column %d: %s", column, what),
	}
	shown := strconv.Quote(p.text)
	if len(shown) > maxShown {
		e.Text = "Invalid Path: " + e.Detail
		return e
	}
	e.Text = fmt.Sprintf("Invalid Path: %s, %s", shown, e.Detail)
	if len(shown) == len(p.text)+2 { // no escapes: what stands above the caret is the text itself
		e.Text += fmt.Sprintf("\n  %s\n  %s^ %s", p.text, strings.Repeat(" ", column-1), what)
	}
	return e
}
