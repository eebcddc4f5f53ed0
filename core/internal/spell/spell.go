// Package spell finds the name that was probably meant.
package spell

import "strings"

// Nearest gives the candidate that is closest to name, or "" if none is close enough to be worth
// a "did you mean". Of equally close ones the first wins, so the answer depends on nothing else.
func Nearest(name string, candidates []string) string {
	best, least := "", limit(name)+1
	for _, c := range candidates {
		if c == name {
			continue
		}
		if d := distance(name, c, least); d < least {
			best, least = c, d
		}
	}
	return best
}

// limit is the number of edits a typing error may take: a third of the name, at most 8.
func limit(name string) int { return min(1+len(name)/3, 8) }

// distance counts the edits (insert, delete, replace) between two names, ignoring case. It gives
// up and answers bound as soon as that many are certain.
func distance(a, b string, bound int) int {
	x, y := []rune(strings.ToLower(a)), []rune(strings.ToLower(b))
	if abs(len(x)-len(y)) >= bound {
		return bound
	}
	row := make([]int, len(y)+1)
	for j := range row {
		row[j] = j
	}
	for i := range x {
		diagonal, least := row[0], i+1
		row[0] = i + 1
		for j := range y {
			replace := diagonal
			if x[i] != y[j] {
				replace++
			}
			diagonal = row[j+1]
			row[j+1] = min(replace, row[j+1]+1, row[j]+1)
			least = min(least, row[j+1])
		}
		if least >= bound {
			return bound
		}
	}
	return min(row[len(y)], bound)
}

func abs(n int) int {
	if n < 0 {
		return -n
	}
	return n
}
