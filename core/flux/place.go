package flux

import "strconv"

// Place is where something stands in a workflow.
type Place struct {
	File         string
	Line, Column int    // from 1; 0 in a workflow that was given as a dict
	In           string // in a dict: steps[2].do[0]
}

// String is file:line:column, or file: steps[2].do[0].
func (p Place) String() string {
	switch {
	case p.Line > 0:
		return p.File + ":" + strconv.Itoa(p.Line) + ":" + strconv.Itoa(p.Column)
	case p.In != "":
		return p.File + ": " + p.In
	default:
		return p.File
	}
}
