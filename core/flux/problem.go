package flux

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/theus-project/theus/core/fault"
)

// maxProblems is how many a report tells.
const maxProblems = 100

// Problem is something in a workflow that must be mended before it can run.
type Problem struct {
	Place Place
	Text  string
}

// Report is all that is wrong with a workflow and those it calls, in the order of the files.
type Report []Problem

var _ error = Report(nil)

// Error gives a line for each problem.
func (r Report) Error() string {
	var b strings.Builder
	if len(r) != 1 {
		fmt.Fprintf(&b, "%d problems\n", len(r))
	}
	for i, p := range r {
		if i > 0 {
			b.WriteByte('\n')
		}
		fmt.Fprintf(&b, "%s: %s", p.Place, p.Text)
	}
	return b.String()
}

// problems collects a Report.
type problems struct {
	all  Report
	seen map[Problem]bool // an alias shows the same problem twice
}

func (p *problems) add(at Place, format string, args ...any) {
	problem := Problem{at, fmt.Sprintf(format, args...)}
	if p.seen[problem] || len(p.all) >= maxProblems {
		return
	}
	if p.seen == nil {
		p.seen = make(map[Problem]bool)
	}
	p.seen[problem] = true
	p.all = append(p.all, problem)
}

// err is a fault.Invalid whose cause is the Report, in the order of those files, or nil.
func (p *problems) err(files []string) error {
	if len(p.all) == 0 {
		return nil
	}
	slices.SortStableFunc(p.all, func(a, b Problem) int {
		return cmp.Or(cmp.Compare(slices.Index(files, a.Place.File), slices.Index(files, b.Place.File)),
			cmp.Compare(a.Place.Line, b.Place.Line), cmp.Compare(a.Place.Column, b.Place.Column))
	})
	return &fault.Error{Kind: fault.Invalid, Detail: p.all[0].Text, Text: p.all.Error(), Err: p.all}
}
