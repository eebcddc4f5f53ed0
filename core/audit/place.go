package audit

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/theus-project/theus/core/fault"
	"github.com/theus-project/theus/core/internal/spell"
)

// Place is where a recipe says something.
type Place struct {
	File         string // or what else the recipe came from
	Line, Column int    // from 1; 0 where there are none
	Item         string // in values built without a file: which of them
}

// String is file:line:column, as editors understand it.
func (p Place) String() string {
	switch {
	case p.Line > 0:
		return p.File + ":" + strconv.Itoa(p.Line) + ":" + strconv.Itoa(p.Column)
	case p.Item != "":
		return p.Item
	default:
		return p.File
	}
}

// Problem is one mistake in a recipe.
type Problem struct {
	Place
	Text string // what is wrong, and what to write instead
}

// Problems are all mistakes of a recipe, in the order of their places. They are the cause of the
// fault.Invalid that loading gives.
type Problems []Problem

// Error is one line for each problem.
func (ps Problems) Error() string {
	var b strings.Builder
	for i, p := range ps {
		if i > 0 {
			b.WriteByte('\n')
		}
		b.WriteString(p.Place.String() + ": " + p.Text)
	}
	return b.String()
}

// maxProblems bounds a report: a file of which this much is wrong is no recipe.
const maxProblems = 50

// report collects problems.
type report struct {
	what     string // the file is, if no recipe
	problems Problems
	more     int // left out
}

// full reports whether what is added now is not shown anyway, so that nobody looks for advice.
func (r *report) full() bool { return len(r.problems) == maxProblems }

func (r *report) add(at Place, format string, args ...any) {
	if r.full() {
		r.more++
		return
	}
	r.problems = append(r.problems, Problem{at, fmt.Sprintf(format, args...)})
}

// err makes the fault, nil if there was no problem. Its first line stands alone.
func (r *report) err() error {
	if len(r.problems) == 0 {
		return nil
	}
	slices.SortStableFunc(r.problems, func(a, b Problem) int {
		return cmp.Or(cmp.Compare(a.Line, b.Line), cmp.Compare(a.Column, b.Column))
	})
	e := &fault.Error{Kind: fault.Invalid, Op: "load", Err: r.problems}
	e.Detail = r.problems[0].Place.String() + ": " + r.problems[0].Text
	e.Text = "Invalid " + cmp.Or(r.what, "Recipe") + ": " + r.problems.Error()
	if r.more > 0 {
		e.Text += fmt.Sprintf("\n%d more problems are not shown", r.more)
	}
	return e
}

// meant ends a message with the word that was probably meant, or else with all there are.
func meant(word string, words []string) string {
	if near := spell.Nearest(word, words); near != "" {
		return fmt.Sprintf("; did you mean %q?", near)
	}
	if len(words) == 0 || len(words) > 24 {
		return ""
	}
	return "; there are " + strings.Join(words, ", ")
}

func itoa(n int) string { return strconv.Itoa(n) }
