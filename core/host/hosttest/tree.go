package hosttest

import (
	"fmt"
	"sort"
	"strconv"

	"github.com/theus-project/theus/core/path"
)

// tree is a context: values at paths. A value is an int64, a string, a bool, nil, or a tree.
type tree map[path.Segment]any

// clone copies a tree and all trees in it.
func (t tree) clone() tree {
	c := make(tree, len(t))
	for seg, value := range t {
		if below, ok := value.(tree); ok {
			value = below.clone()
		}
		c[seg] = value
	}
	return c
}

// get gives the value at a path.
func (t tree) get(p path.Path) (any, bool) {
	var value any = t
	for _, seg := range p {
		at, ok := value.(tree)
		if !ok {
			return nil, false
		}
		if value, ok = at[seg]; !ok {
			return nil, false
		}
	}
	return value, true
}

// set puts a value at a path; containers on the way are made.
func (t tree) set(p path.Path, value any) {
	last := len(p) - 1
	for _, seg := range p[:last] {
		below, ok := t[seg].(tree)
		if !ok {
			below = make(tree)
			t[seg] = below
		}
		t = below
	}
	t[p[last]] = value
}

// remove takes the value at a path away and reports whether there was one.
func (t tree) remove(p path.Path) bool {
	value, _ := t.get(p.Parent())
	at, ok := value.(tree)
	if !ok {
		return false
	}
	seg := p[len(p)-1]
	_, ok = at[seg]
	delete(at, seg)
	return ok
}

// leaves lists the values of a tree with their paths, sorted.
func (t tree) leaves(under path.Path) []string {
	var lines []string
	for seg, value := range t {
		p := append(under[:len(under):len(under)], seg)
		if below, ok := value.(tree); ok && len(below) > 0 {
			lines = append(lines, below.leaves(p)...)
		} else {
			lines = append(lines, p.String()+" "+spell(value))
		}
	}
	sort.Strings(lines)
	return lines
}

// keys lists what a tree holds, sorted.
func (t tree) keys() []string {
	var names []string
	for seg := range t {
		names = append(names, path.Path{seg}.String())
	}
	sort.Strings(names)
	return names
}

// locate reads a path as this host stores it: a layer is an attribute of the root and a field is
// one of its layer; below that names are keys.
func locate(text string) (path.Path, error) {
	p, err := path.Parse(text)
	if err != nil {
		return nil, err
	}
	for i := range p {
		switch {
		case p[i].Kind == path.Any:
			return nil, fmt.Errorf("%s is a pattern, not a path", text)
		case p[i].Kind == path.Int:
		case i < 2:
			p[i].Kind = path.Attr
		default:
			p[i].Kind = path.Text
		}
	}
	return p, nil
}

// read reads a value as scripts spell it.
func read(text string) (any, error) {
	switch text {
	case "none":
		return nil, nil
	case "true", "false":
		return text == "true", nil
	case "{}":
		return make(tree), nil
	}
	if n, err := strconv.ParseInt(text, 10, 64); err == nil {
		return n, nil
	}
	s, err := strconv.Unquote(text)
	if err != nil {
		return nil, fmt.Errorf("%s is no value: write 5, \"text\", true, none or {}", text)
	}
	return s, nil
}

// spell writes a value as scripts spell it.
func spell(value any) string {
	switch v := value.(type) {
	case nil:
		return "none"
	case string:
		return strconv.Quote(v)
	case tree:
		if len(v) == 0 {
			return "{}"
		}
		return fmt.Sprintf("{%d}", len(v))
	default:
		return fmt.Sprint(v)
	}
}
