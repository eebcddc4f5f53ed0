// Package spell finds the name that was probably meant.
package spell

import "strings"

// Nearest gives the candidate that is closest to name, or "" if none is Near. Of equally close
// ones the first wins, so the answer depends on nothing else.
func Nearest(name string, candidates []string) string {
	best, least := "", -1
	for _, c := range candidates {
		if edits, ok := Near(name, c); ok && c != name && (least < 0 || edits < least) {
			best, least = c, edits
		}
	}
	return best
}

// Near counts the edits between two names (insert, delete, replace; case is free), and reports
// whether they are few enough for one name to be a slip of the other: a third of its letters, at
// most 5, and never all of them.
func Near(name, other string) (edits int, ok bool) {
	x, y := []rune(strings.ToLower(name)), []rune(strings.ToLower(other))
	limit := min((len(x)+2)/3, 5, max(len(x), len(y))-1)
	if max(len(x)-len(y), len(y)-len(x)) > limit {
		return 0, name == other
	}
	edits = distance(x, y)
	return edits, edits <= limit || name == other
}

// distance is Levenshtein's, with one row of the table.
func distance(x, y []rune) int {
	row := make([]int, len(y)+1)
	for j := range row {
		row[j] = j
	}
	for i := range x {
		diagonal := row[0]
		row[0] = i + 1
		for j := range y {
			replace := diagonal
			if x[i] != y[j] {
				replace++
			}
			diagonal = row[j+1]
			row[j+1] = min(replace, row[j+1]+1, row[j]+1)
		}
	}
	return row[len(y)]
}
