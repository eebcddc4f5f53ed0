package hosttest

import (
	"fmt"
	"strings"

	"github.com/theus-project/theus/core/path"
)

// statement is a line of a process.
type statement struct {
	verb    string
	subject string      // call, try: a process; raise: an exception
	where   path.Path   // get, list, set, delete
	value   any         // set
	body    []statement // call, try: what that process does
}

// parse reads the body of a process; what stands deeper belongs to the call above it.
func parse(script string) ([]statement, error) {
	lines := strings.Split(strings.TrimRight(script, "\n"), "\n")
	if script == "" {
		return nil, nil
	}
	body, rest, err := parseBlock(lines, 0)
	if err == nil && len(rest) > 0 {
		err = fmt.Errorf("%q is indented and belongs to no call", rest[0])
	}
	return body, err
}

// parseBlock reads the lines of one indentation and gives back those that follow.
func parseBlock(lines []string, indent int) (body []statement, rest []string, err error) {
	for len(lines) > 0 {
		line := lines[0]
		depth := len(line) - len(strings.TrimLeft(line, " "))
		if depth != indent {
			break
		}
		s, err := parseLine(strings.TrimSpace(line))
		if err != nil {
			return nil, nil, err
		}
		lines = lines[1:]
		if s.verb == "call" || s.verb == "try" {
			if s.body, lines, err = parseBlock(lines, indent+2); err != nil {
				return nil, nil, err
			}
		}
		body = append(body, s)
	}
	return body, lines, nil
}

func parseLine(line string) (s statement, err error) {
	verb, rest, _ := strings.Cut(line, " ")
	s.verb = verb
	switch verb {
	case "call", "try", "raise":
		s.subject = rest
		return s, nil
	case "set":
		where, value, _ := strings.Cut(rest, " ")
		if s.value, err = read(value); err != nil {
			return s, err
		}
		rest = where
	case "get", "list", "delete":
	default:
		return s, fmt.Errorf("%q is no statement: write get, list, set, delete, call, try or raise", line)
	}
	s.where, err = locate(rest)
	if err == nil && len(s.where) == 0 {
		err = fmt.Errorf("%q names no path", line)
	}
	return s, err
}
