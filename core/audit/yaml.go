package audit

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"regexp"
	"strconv"
	"strings"
	"unicode/utf8"

	"gopkg.in/yaml.v3"
)

// What bounds a file: its size, how deep it nests, and how much its aliases stand for.
const (
	maxBytes    = 4 << 20
	maxDepth    = 64
	maxExpanded = 1 << 20
)

// reader walks the nodes of one file and reports what is wrong with them.
type reader struct {
	file     string
	built    bool // places are items, since nobody wrote the lines
	language Language
	item     string // that is being read
	report   report
	open     map[*yaml.Node]bool // anchored nodes around the one that is verified
	expanded int                 // nodes met behind aliases
}

func (r *reader) at(n *yaml.Node) Place {
	if r.built {
		return Place{File: r.file, Item: r.item}
	}
	return Place{File: r.file, Line: max(n.Line, 1), Column: max(n.Column, 1)}
}

func (r *reader) fail(n *yaml.Node, format string, args ...any) {
	r.report.add(r.at(n), format, args...)
}

// document gives the root of the only document of a text; nil if there is none, or a problem.
//
// What it returns has no cycle, is at most maxDepth deep, and its aliases stand for at most
// maxExpanded nodes; so what follows may walk it without counting.
func (r *reader) document(text []byte) *yaml.Node {
	if !r.readable(text) {
		return nil
	}
	dec := yaml.NewDecoder(bytes.NewReader(text))
	var doc, second yaml.Node
	if err := decode(dec, &doc); errors.Is(err, io.EOF) {
		return nil
	} else if err != nil {
		r.syntax(text, err)
		return nil
	}
	if err := decode(dec, &second); err == nil {
		r.fail(&second, "a file is one document; remove what follows ---")
		return nil
	} else if !errors.Is(err, io.EOF) {
		r.syntax(text, err)
		return nil
	}
	if len(doc.Content) != 1 || !r.verify(doc.Content[0], 0, false) {
		return nil
	}
	return doc.Content[0]
}

// readable keeps from the parser what it is not made for.
func (r *reader) readable(text []byte) bool {
	place := func(offset int) Place {
		before := text[:offset]
		line := bytes.LastIndexByte(before, '\n') + 1
		return Place{r.file, bytes.Count(before, []byte{'\n'}) + 1, utf8.RuneCount(before[line:]) + 1, ""}
	}
	if len(text) > maxBytes {
		r.report.add(place(maxBytes), "this file is longer than 4 MiB; split it")
		return false
	}
	for i := 0; i < len(text); {
		c, n := utf8.DecodeRune(text[i:])
		switch {
		case c == utf8.RuneError && n == 1:
			r.report.add(place(i), "this is not UTF-8 text")
			return false
		case c < ' ' && c != '\t' && c != '\n' && c != '\r', c == 0x7f:
			r.report.add(place(i), "a control character cannot stand here; escape it in a quoted text: \"\\x%02x\"", c)
			return false
		}
		i += n
	}
	return true
}

// decode reads the next document. A panic of the parser would be a mistake of its own, and is
// nothing that a file may cause here.
func decode(dec *yaml.Decoder, n *yaml.Node) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("yaml: %v", p)
		}
	}()
	return dec.Decode(n)
}

var (
	yamlLine   = regexp.MustCompile(`^yaml: line (\d+): (.*)$`)
	yamlAnchor = regexp.MustCompile(`^yaml: unknown anchor '(.*)' referenced$`)
)

// syntax reports what the parser could not read. It knows the line at best; the column is that
// of the first character there.
func (r *reader) syntax(text []byte, err error) {
	what := strings.TrimPrefix(err.Error(), "yaml: ")
	line, column := 1, 1
	lines := strings.Split(string(text), "\n")
	if m := yamlLine.FindStringSubmatch(err.Error()); m != nil {
		line, _ = strconv.Atoi(m[1])
		line, what = min(max(line, 1), len(lines)), m[2]
		column = len(lines[line-1]) - len(strings.TrimLeft(lines[line-1], " ")) + 1
	} else if m := yamlAnchor.FindStringSubmatch(err.Error()); m != nil {
		alias := regexp.MustCompile(`\*` + regexp.QuoteMeta(m[1]) + `(?:[^\w-]|$)`)
		for i, l := range lines {
			if at := alias.FindStringIndex(l); at != nil {
				line, column = i+1, utf8.RuneCountInString(l[:at[0]])+1
				break
			}
		}
		what = fmt.Sprintf("no anchor &%s stands before this alias", m[1])
	}
	r.report.add(Place{r.file, line, column, ""}, "this is no YAML: %s", what)
}

// verify makes sure that a tree is one, and of bounded size.
func (r *reader) verify(n *yaml.Node, depth int, aliased bool) bool {
	if depth > maxDepth {
		r.fail(n, "this is nested more than %d deep", maxDepth)
		return false
	}
	if aliased {
		if r.expanded++; r.expanded > maxExpanded {
			r.fail(n, "the aliases of this file stand for more than %d values; repeat less, or use inherits", maxExpanded)
			return false
		}
	}
	if n.Kind == yaml.AliasNode {
		if r.open[n.Alias] {
			r.fail(n, "this alias stands inside of what it repeats")
			return false
		}
		return r.verify(n.Alias, depth+1, true)
	}
	if n.Anchor != "" {
		r.open[n] = true
		defer delete(r.open, n)
	}
	for _, c := range n.Content {
		if !r.verify(c, depth+1, aliased) {
			return false
		}
	}
	return true
}

// target is what an alias repeats, or n itself.
func target(n *yaml.Node) *yaml.Node {
	for n.Kind == yaml.AliasNode {
		n = n.Alias
	}
	return n
}

// pair is an entry of a mapping.
type pair struct {
	word       string
	key, value *yaml.Node
}

// pairs gives the entries of a mapping, those that a merge key (<<) brings after its own. A null
// is an empty mapping. Keys that occur twice, or are no text, are problems.
func (r *reader) pairs(n *yaml.Node, what string) ([]pair, bool) {
	if isNull(n) {
		return nil, true
	}
	n = target(n)
	if n.Kind != yaml.MappingNode {
		r.fail(n, "%s belongs here, not %s", what, kindOf(n))
		return nil, false
	}
	seen := make(map[string]*yaml.Node, len(n.Content)/2)
	list := make([]pair, 0, len(n.Content)/2)
	var merged []*yaml.Node
	for i := 0; i+1 < len(n.Content); i += 2 {
		key, value := n.Content[i], n.Content[i+1]
		name := target(key)
		switch {
		case name.Kind == yaml.ScalarNode && name.ShortTag() == "!!merge":
			merged = append(merged, value)
		case name.Kind != yaml.ScalarNode || name.ShortTag() != "!!str":
			r.fail(key, "a name belongs here, not %s; quote it", kindOf(name))
		case seen[name.Value] != nil:
			r.fail(key, "%q is given twice; the first is in line %d", name.Value, seen[name.Value].Line)
		default:
			seen[name.Value] = key
			list = append(list, pair{name.Value, key, value})
		}
	}
	for _, m := range merged {
		from := []*yaml.Node{m}
		if target(m).Kind == yaml.SequenceNode {
			from = target(m).Content
		}
		for _, source := range from {
			inherited, _ := r.pairs(source, "a mapping to merge")
			for _, p := range inherited {
				if seen[p.word] == nil {
					seen[p.word] = p.key
					list = append(list, p)
				}
			}
		}
	}
	return list, true
}

// items gives the elements of a sequence; a null is an empty one.
func (r *reader) items(n *yaml.Node, what string) []*yaml.Node {
	if isNull(n) {
		return nil
	}
	if t := target(n); t.Kind == yaml.SequenceNode {
		return t.Content
	}
	r.fail(n, "%s belongs here, not %s", what, kindOf(n))
	return nil
}

func isNull(n *yaml.Node) bool {
	n = target(n)
	return n.Kind == yaml.ScalarNode && n.ShortTag() == "!!null"
}

// text gives a scalar that is text.
func (r *reader) text(n *yaml.Node, what string) (string, bool) {
	t := target(n)
	if t.Kind != yaml.ScalarNode || t.ShortTag() != "!!str" {
		r.fail(n, "%s belongs here, not %s; quote it if it is text", what, kindOf(t))
		return "", false
	}
	return t.Value, true
}
