package flux

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"math/big"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"gopkg.in/yaml.v3"
)

const (
	maxBytes   = 16 << 20 // of a workflow
	maxDeep    = 200      // mappings and lists inside each other
	maxAliased = 100_000  // nodes that stand there because of aliases
)

// node is a piece of a workflow that was read: of YAML, or of a dict.
type node struct {
	kind  byte // 's' scalar, 'l' list, 'm' mapping, '?' something that was refused
	value any  // of a scalar: nil, bool, *big.Int, float64 or string
	keys  []*node
	items []*node
	place Place
	text  Place // of a text: where its first character stands, if its characters stand there as they are
}

// walk visits a node and all below it but keys, in the order of the text, until one does not want to
// go on: false.
func (n *node) walk(visit func(*node) bool) bool {
	if n == nil {
		return true
	}
	if !visit(n) {
		return false
	}
	for _, item := range n.items {
		if !item.walk(visit) {
			return false
		}
	}
	return true
}

// numbered gives the node that walk visits after so many others; nil if there are fewer.
func (n *node) numbered(number int) (found *node) {
	n.walk(func(each *node) bool {
		if number == 0 {
			found = each
		}
		number--
		return number >= 0
	})
	return found
}

// read makes a node of a workflow; nil if it is empty or cannot be read.
func read(src Source, found *problems) *node {
	start := Place{File: src.Name, Line: 1, Column: 1}
	if src.Dict {
		start = Place{File: src.Name}
	}
	switch {
	case len(src.Text) > maxBytes:
		found.add(start, "a workflow of %d bytes; at most %d are read", len(src.Text), maxBytes)
		return nil
	case src.Dict:
		dec := json.NewDecoder(bytes.NewReader(src.Text))
		dec.UseNumber()
		n, err := readDict(dec, start, 0)
		if err != nil {
			found.add(start, "the dict cannot be read: %s", err)
			return nil
		}
		return n
	}
	dec := yaml.NewDecoder(bytes.NewReader(src.Text))
	var doc, second yaml.Node
	err := dec.Decode(&doc)
	if errors.Is(err, io.EOF) {
		return nil
	}
	if err != nil {
		syntaxProblem(src, err, found)
		return nil
	}
	if err := dec.Decode(&second); err == nil {
		found.add(Place{File: src.Name, Line: second.Line, Column: second.Column},
			"a second document begins here; a workflow is one: remove the line ---, or make it a file of its own")
	} else if !errors.Is(err, io.EOF) {
		syntaxProblem(src, err, found)
		return nil
	}
	if len(doc.Content) == 0 {
		return nil
	}
	r := &reader{file: src.Name, found: found, open: make(map[*yaml.Node]bool)}
	return r.node(doc.Content[0], 0, false)
}

var yamlLine = regexp.MustCompile(`^yaml: (?:line (\d+): )?`)

// syntaxProblem tells where YAML broke. The library counts the lines of half its messages from 0
// and leaves out the first.
func syntaxProblem(src Source, err error, found *problems) {
	what := err.Error()
	line := 1
	if m := yamlLine.FindStringSubmatch(what); m != nil {
		what = what[len(m[0]):]
		if m[1] != "" {
			line, _ = strconv.Atoi(m[1])
			for _, parser := range []string{"did not find expected key", "did not find expected '-'",
				"did not find expected ','", "did not find expected node", "did not find expected <"} {
				if strings.HasPrefix(what, parser) {
					line++
				}
			}
		}
	}
	lines := strings.Split(string(src.Text), "\n")
	line = min(line, len(lines))
	text, column := lines[line-1], 1
	column += len(text) - len(strings.TrimLeft(text, " "))
	advice := ""
	for _, key := range []string{"condition:", "each:", "if:", "when:"} {
		if strings.Contains(text, key) {
			advice = "; put the condition in quotation marks, or below the key after >-"
		}
	}
	found.add(Place{File: src.Name, Line: line, Column: column}, "this is not YAML: %s%s", what, advice)
}

// reader makes nodes of those of YAML.
type reader struct {
	file    string
	found   *problems
	open    map[*yaml.Node]bool // the anchors that are being read
	aliased int
}

func (r *reader) node(y *yaml.Node, depth int, aliased bool) *node {
	n := &node{kind: '?', place: Place{File: r.file, Line: y.Line, Column: y.Column}}
	if aliased {
		r.aliased++
	}
	switch {
	case depth > maxDeep:
		r.found.add(n.place, "nested more than %d deep; make parts of it workflows of their own", maxDeep)
		return n
	case r.aliased > maxAliased:
		if r.aliased == maxAliased+1 {
			r.found.add(n.place, "aliases repeat more than %d pieces; write a loop, or call a workflow", maxAliased)
		}
		return n
	}
	switch y.Kind {
	case yaml.AliasNode:
		if r.open[y.Alias] {
			r.found.add(n.place, "the alias *%s stands inside its own anchor: it would never end", y.Value)
			return n
		}
		return r.node(y.Alias, depth, true)
	case yaml.ScalarNode:
		r.scalar(y, n)
		return n
	}
	r.open[y] = true
	defer delete(r.open, y)
	if tag := y.ShortTag(); tag != "!!map" && tag != "!!seq" {
		r.found.add(n.place, "the tag %s means nothing in a workflow; remove it", y.Tag)
		return n
	}
	if y.Kind == yaml.SequenceNode {
		n.kind = 'l'
		for _, item := range y.Content {
			n.items = append(n.items, r.node(item, depth+1, aliased))
		}
		return n
	}
	n.kind = 'm'
	seen := make(map[string]int)
	for i := 0; i+1 < len(y.Content); i += 2 {
		if y.Content[i].ShortTag() == "!!merge" {
			r.found.add(Place{File: r.file, Line: y.Content[i].Line, Column: y.Content[i].Column},
				"<< is not in the language; write the keys out, or use an alias for a whole value")
			continue
		}
		key := r.node(y.Content[i], depth+1, aliased)
		text, ok := key.value.(string)
		if key.kind != 's' {
			if key.kind != '?' {
				r.found.add(key.place, "a key is a text here")
			}
			continue
		}
		if !ok {
			text = y.Content[i].Value
			key.value = text
		}
		if line, twice := seen[text]; twice {
			r.found.add(key.place, "the key %q is given twice; first in line %d", text, line)
			continue
		}
		seen[text] = key.place.Line
		n.keys = append(n.keys, key)
		n.items = append(n.items, r.node(y.Content[i+1], depth+1, aliased))
	}
	return n
}

func (r *reader) scalar(y *yaml.Node, n *node) {
	n.kind = 's'
	switch tag := y.ShortTag(); tag {
	case "!!str":
		n.value = y.Value
		if y.Style&(yaml.LiteralStyle|yaml.FoldedStyle) == 0 && !strings.Contains(y.Value, "\n") {
			n.text = n.place
			if y.Style&(yaml.SingleQuotedStyle|yaml.DoubleQuotedStyle) != 0 {
				n.text.Column++
			}
		}
	case "!!null":
	case "!!bool":
		n.value = strings.EqualFold(y.Value, "true")
	case "!!int":
		i, ok := new(big.Int).SetString(strings.ReplaceAll(y.Value, "_", ""), 0)
		if !ok || len(y.Value) > maxDigits {
			r.found.add(n.place, "%.50q is no number that can be read; put it in quotation marks", y.Value)
			n.kind = '?'
		}
		n.value = i
	case "!!float":
		var f float64
		if err := y.Decode(&f); err != nil {
			r.found.add(n.place, "%.50q is no number that can be read; put it in quotation marks", y.Value)
			n.kind = '?'
		}
		n.value = f
	case "!!timestamp":
		r.found.add(n.place, "%q is a date to YAML; put it in quotation marks to make it a text", y.Value)
		n.kind = '?'
	default:
		r.found.add(n.place, "the tag %s means nothing in a workflow; remove it", y.Tag)
		n.kind = '?'
	}
}

// readDict reads JSON, in which a dict was handed over.
func readDict(dec *json.Decoder, at Place, depth int) (*node, error) {
	if depth > maxDeep {
		return nil, errors.New("it is nested more than " + strconv.Itoa(maxDeep) + " deep")
	}
	tok, err := dec.Token()
	if err != nil {
		return nil, err
	}
	n := &node{kind: 's', place: at}
	switch tok := tok.(type) {
	case json.Delim:
		n.kind = map[json.Delim]byte{'[': 'l', '{': 'm'}[tok]
		for i := 0; dec.More(); i++ {
			inner := at
			if tok == '{' {
				key, err := dec.Token()
				if err != nil {
					return nil, err
				}
				// YAML 1.1 makes True of the key on.
				if key == "true" {
					key = "on"
				}
				inner.In = strings.TrimPrefix(at.In+"."+key.(string), ".")
				if j := slices.IndexFunc(n.keys, func(k *node) bool { return k.value == key }); j >= 0 && depth < 3 {
					return nil, errors.New("the key " + strconv.Quote(key.(string)) + " is given twice")
				}
				n.keys = append(n.keys, &node{kind: 's', value: key, place: inner})
			} else {
				inner.In += "[" + strconv.Itoa(i) + "]"
			}
			item, err := readDict(dec, inner, depth+1)
			if err != nil {
				return nil, err
			}
			n.items = append(n.items, item)
		}
		_, err = dec.Token()
		return n, err
	case json.Number:
		if i, ok := new(big.Int).SetString(tok.String(), 10); ok {
			n.value = i
		} else if n.value, err = tok.Float64(); err != nil {
			return nil, err
		}
	default:
		n.value = tok
	}
	return n, nil
}
