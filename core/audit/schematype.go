package audit

import (
	"slices"
	"strconv"
	"strings"

	"github.com/theus-project/theus/core/zone"
)

// Types are written as Python's annotations are, with a few words more:
//
//	type    = one { "|" one }
//	one     = WORD [ "[" type { "," type } [ "," "..." ] "]" ] | "None"
//	        | "Optional" "[" type "]" | "Union" "[" type { "," type } "]"
//	        | "Literal" "[" scalar { "," scalar } "]"
//
// A WORD is one of the list below, an object of the schema, or a class that the host knows, such as
// a subclass of a container, whose items are then typed too.
var typeWords = map[string]Accept{
	"string": IsText, "str": IsText, "integer": IsInt | IsBool, "int": IsInt | IsBool,
	"float": IsFloat | IsInt | IsBool, "boolean": IsBool, "bool": IsBool, "bytes": IsBytes,
	"none": IsNone, "None": IsNone, "null": IsNone, "bytearray": IsBytearray,
	"list": IsList, "tuple": IsTuple, "dict": IsDict, "set": IsSet, "frozenset": IsFrozenset, "deque": IsDeque,
	"any": 0, "Any": 0, "object": 0,
}

const containers = IsList | IsTuple | IsDict | IsSet | IsFrozenset | IsDeque

// What bounds a schema: how deep a type nests, how long its text is, and how many there are.
const (
	maxTypeDeep = 32
	maxTypeText = 4096
	maxTypes    = 1 << 16
)

// compiler makes the table of a schema.
type compiler struct {
	schema  *Schema
	classes []string
	report  *report
	known   map[string]uint32 // by their text
	objects map[string]uint32
}

// Compile makes the table of types. classes are those that the host knows by name, beside the words
// of the language; a name that is also an object of the schema is a class with these fields. It
// fails with a fault.Invalid that holds all Problems.
func (s *Schema) Compile(file string, classes []string) (*Schema, error) {
	report := &report{what: "Schema"}
	c := &compiler{schema: &Schema{Global: s.Global, Domain: s.Domain, Objects: s.Objects, types: make([]Typing, 2)},
		classes: classes, report: report, known: make(map[string]uint32), objects: make(map[string]uint32)}
	c.schema.types[0].text = "any"
	for _, o := range s.Objects {
		if _, word := typeWords[o.Name]; word || o.Name == "Optional" || o.Name == "Union" || o.Name == "Literal" {
			report.add(o.Place, "%q is a word of the language already; take another name", o.Name)
		}
		if _, twice := c.objects[o.Name]; twice {
			report.add(o.Place, "the object %q is given twice", o.Name)
		}
		t := Typing{Accepts: IsDict | IsObject, text: o.Name, object: true}
		if slices.Contains(classes, o.Name) {
			t = Typing{Class: o.Name, text: o.Name, object: true}
		}
		c.objects[o.Name] = c.add(t)
	}
	for _, o := range s.Objects {
		c.schema.types[c.objects[o.Name]].Fields = c.fields(o.Fields)
	}
	root := Typing{Accepts: ^Accept(0), text: "context"}
	for _, l := range []struct {
		name   string
		fields []FieldSpec
	}{{"global_ctx", s.Global}, {"domain_ctx", s.Domain}} {
		if len(l.fields) > 0 {
			n := c.add(Typing{Accepts: IsDict | IsObject, text: "a layer of the context"})
			c.schema.types[n].Fields = c.fields(l.fields)
			root.Fields = append(root.Fields, TypedField{l.name, n})
		}
	}
	c.schema.types[Root] = root
	if len(c.schema.types) > maxTypes {
		report.add(Place{File: file}, "this schema has more than %d types; split it", maxTypes)
	}
	if err := report.err(); err != nil {
		return nil, err
	}
	return c.schema, nil
}

func (c *compiler) add(t Typing) uint32 {
	c.schema.types = append(c.schema.types, t)
	return uint32(len(c.schema.types) - 1)
}

func (c *compiler) fields(list []FieldSpec) []TypedField {
	var all []TypedField
	for i := range list {
		f := &list[i]
		p := &typeParser{c: c, text: f.Type, field: f}
		n := p.whole()
		if zone.Of(f.Name) == zone.Heavy { // a refusal could not undo what was written
			n = 0
		}
		if !f.Required && n != 0 {
			n = c.union([]uint32{n, c.word("None", IsNone)})
		}
		if f.Default != nil && !p.failed && !c.fits(n, f.Default) && f.Default.kind != Null {
			c.report.add(f.Place, "the default %s is not of type %s", f.Default, c.schema.types[n].text)
		}
		all = append(all, TypedField{f.Name, n})
	}
	return all
}

// fits tells whether a value of YAML is of a type, at its surface.
func (c *compiler) fits(n uint32, v *Value) bool {
	t := &c.schema.types[n]
	is := map[Kind]Accept{Null: IsNone, Bool: IsBool, Int: IsInt, Exact: IsInt, Float: IsFloat, String: IsText, Bytes: IsBytes, List: IsList, Map: IsDict}[v.kind]
	if n == 0 || t.Class != "" || t.Accepts&is != 0 && !t.Asked {
		return true
	}
	if t.Accepts&(IsTuple|IsSet|IsFrozenset|IsDeque) != 0 && is == IsList {
		return true
	}
	if t.Asked {
		return slices.ContainsFunc(t.literals, func(l Value) bool { return identical(&l, v) })
	}
	return slices.ContainsFunc(t.Members, func(m uint32) bool { return c.fits(m, v) })
}

// intern gives the number of a type, by its text.
func (c *compiler) intern(t Typing) uint32 {
	if n, ok := c.known[t.text]; ok {
		return n
	}
	n := c.add(t)
	c.known[t.text] = n
	return n
}

func (c *compiler) word(text string, accepts Accept) uint32 {
	return c.intern(Typing{Accepts: accepts, text: text})
}

// union makes a type of several. Scalars become one; containers of one kind become one whose items
// are of either's type, since which of them a value shall be, its items do not tell.
func (c *compiler) union(list []uint32) uint32 {
	var members []uint32
	for _, n := range list {
		if n == 0 {
			return 0
		}
		if inner := c.schema.types[n].Members; len(inner) > 0 {
			members = append(members, inner...)
		} else {
			members = append(members, n)
		}
	}
	var kept []uint32
	for _, n := range members {
		if slices.Contains(kept, n) {
			continue
		}
		merged := false
		for i, k := range kept {
			if m, ok := c.merge(k, n); ok {
				kept[i], merged = m, true
				break
			}
		}
		if !merged {
			kept = append(kept, n)
		}
	}
	if len(kept) == 1 {
		return kept[0]
	}
	var texts []string
	for _, n := range kept {
		texts = append(texts, c.schema.types[n].text)
	}
	return c.intern(Typing{Members: kept, text: strings.Join(texts, " | ")})
}

// merge makes one type of two, where that says the same or where a value could not tell.
func (c *compiler) merge(a, b uint32) (uint32, bool) {
	x, y := c.schema.types[a], c.schema.types[b]
	if x.Class != "" || y.Class != "" || x.Asked || y.Asked || x.object || y.object {
		return 0, false
	}
	both := x.Accepts & y.Accepts & containers
	if (x.Accepts|y.Accepts)&containers != 0 && both == 0 {
		return 0, false
	}
	t := Typing{Accepts: x.Accepts | y.Accepts, text: x.text + " | " + y.text}
	if both != 0 {
		t.Item, t.Key = c.union([]uint32{x.Item, y.Item}), c.union([]uint32{x.Key, y.Key})
	}
	return c.intern(t), true
}

// typeParser reads the text of one type.
type typeParser struct {
	c      *compiler
	text   string
	field  *FieldSpec
	at     int
	deep   int
	failed bool
}

func (p *typeParser) fail(at int, format string, args ...any) uint32 {
	if !p.failed {
		p.failed = true
		place := p.field.typed
		if p.field.exact {
			place.Column += len([]rune(p.text[:at]))
		}
		p.c.report.add(place, "type "+strconv.Quote(shorten(p.text, maxShown))+": "+format, args...)
	}
	return 0
}

func (p *typeParser) whole() uint32 {
	if len(p.text) > maxTypeText {
		return p.fail(0, "this is too long; name parts of it under objects")
	}
	n := p.union()
	if p.blank(); !p.failed && p.at < len(p.text) {
		return p.fail(p.at, "this is not expected here")
	}
	return n
}

func (p *typeParser) blank() {
	for p.at < len(p.text) && (p.text[p.at] == ' ' || p.text[p.at] == '\n' || p.text[p.at] == '\t') {
		p.at++
	}
}

// take reads a mark if it stands here.
func (p *typeParser) take(mark string) bool {
	p.blank()
	if strings.HasPrefix(p.text[p.at:], mark) {
		p.at += len(mark)
		return true
	}
	return false
}

func (p *typeParser) union() uint32 {
	if p.deep++; p.deep > maxTypeDeep {
		return p.fail(p.at, "this nests too deep")
	}
	defer func() { p.deep-- }()
	list := []uint32{p.one()}
	for !p.failed && p.take("|") {
		list = append(list, p.one())
	}
	if p.failed || len(list) == 1 {
		return list[0]
	}
	return p.c.union(list)
}

func isWord(b byte) bool {
	return b == '_' || b == '.' || b >= '0' && b <= '9' || b >= 'a' && b <= 'z' || b >= 'A' && b <= 'Z' || b >= 0x80
}

func (p *typeParser) one() uint32 {
	p.blank()
	start := p.at
	for p.at < len(p.text) && isWord(p.text[p.at]) {
		p.at++
	}
	word := p.text[start:p.at]
	if word == "" {
		return p.fail(start, "the name of a type belongs here")
	}
	if word == "Literal" {
		return p.literal(start)
	}
	var args []uint32
	var shown []string
	if p.take("[") {
		for !p.failed {
			if p.take("...") {
				break
			}
			n := p.union()
			args = append(args, n)
			shown = append(shown, p.c.schema.types[n].text)
			if !p.take(",") {
				break
			}
		}
		if !p.failed && !p.take("]") {
			return p.fail(p.at, "a ] is missing here")
		}
	}
	if p.failed {
		return 0
	}
	text := word
	if typeWords[word] == IsNone {
		text = "None"
	}
	if len(shown) > 0 {
		text += "[" + strings.Join(shown, ", ") + "]"
	}
	return p.named(start, word, text, args)
}

func (p *typeParser) named(start int, word, text string, args []uint32) uint32 {
	c := p.c
	switch {
	case word == "Optional" && len(args) == 1:
		return c.union([]uint32{args[0], c.word("None", IsNone)})
	case word == "Union" && len(args) > 0:
		return c.union(args)
	case word == "Optional" || word == "Union":
		return p.fail(start, "%s wants types in [ ]", word)
	}
	if n, ok := c.objects[word]; ok && len(args) == 0 {
		return n
	}
	accepts, ok := typeWords[word]
	if !ok && slices.Contains(c.classes, word) && len(args) <= 2 {
		t := Typing{Class: word, text: text} // of a container: its items, or keys and values
		if len(args) > 0 {
			t.Item = args[len(args)-1]
		}
		if len(args) == 2 {
			t.Key = args[0]
		}
		return c.intern(t)
	}
	if !ok {
		known := []string{"Optional", "Union", "Literal"}
		for w := range typeWords {
			known = append(known, w)
		}
		for o := range c.objects {
			known = append(known, o)
		}
		known = append(known, c.classes...)
		slices.Sort(known)
		advice := meant(word, known)
		if strings.HasPrefix(advice, "; there are") || advice == "" {
			advice = "; there are string, integer, float, boolean, list, dict and any, containers of them, and the objects of the schema"
		}
		return p.fail(start, "there is no type %q%s", shorten(word, maxShown), advice)
	}
	if accepts == 0 {
		return 0
	}
	t := Typing{Accepts: accepts, text: text}
	most := map[Accept]int{IsDict: 2, IsTuple: len(args)}[accepts]
	if accepts&containers != 0 && most == 0 {
		most = 1
	}
	if len(args) > most || accepts == IsDict && len(args) == 1 {
		return p.fail(start, "%s takes %d types in [ ], not %d", word, most, len(args))
	}
	switch {
	case len(args) == 0:
	case accepts == IsDict:
		t.Key, t.Item = args[0], args[1]
	default:
		t.Item = c.union(args)
	}
	return c.intern(t)
}

func (p *typeParser) literal(start int) uint32 {
	if !p.take("[") {
		return p.fail(start, "Literal wants values in [ ]")
	}
	t := Typing{Asked: true}
	var shown []string
	for {
		v, ok := p.scalar()
		if !ok {
			return p.fail(p.at, "a text in quotation marks, a whole number, True, False or None belongs here")
		}
		t.literals = append(t.literals, v)
		shown = append(shown, v.String())
		t.Accepts |= map[Kind]Accept{Null: IsNone, Bool: IsBool, Int: IsInt, String: IsText, Bytes: IsBytes}[v.kind]
		if p.take("]") {
			break
		}
		if !p.take(",") {
			return p.fail(p.at, "a , or ] is missing here")
		}
	}
	t.text = "Literal[" + strings.Join(shown, ", ") + "]"
	return p.c.intern(t)
}

func (p *typeParser) scalar() (Value, bool) {
	p.blank()
	rest := p.text[p.at:]
	for word, v := range map[string]Value{"True": BoolValue(true), "False": BoolValue(false), "None": NullValue(), "true": BoolValue(true), "false": BoolValue(false)} {
		if strings.HasPrefix(rest, word) && (len(rest) == len(word) || !isWord(rest[len(word)])) {
			p.at += len(word)
			return v, true
		}
	}
	if rest != "" && (rest[0] == '\'' || rest[0] == '"') {
		return p.quoted(rest[0])
	}
	end := 0
	for end < len(rest) && (rest[end] == '-' && end == 0 || rest[end] >= '0' && rest[end] <= '9') {
		end++
	}
	n, err := strconv.ParseInt(rest[:end], 10, 64)
	if err != nil {
		return Value{}, false
	}
	p.at += end
	return IntValue(n), true
}

// quoted reads a text; a backslash makes what follows plain.
func (p *typeParser) quoted(mark byte) (Value, bool) {
	var b strings.Builder
	for i := p.at + 1; i < len(p.text); i++ {
		switch c := p.text[i]; {
		case c == '\\' && i+1 < len(p.text):
			i++
			b.WriteByte(p.text[i])
		case c == mark:
			p.at = i + 1
			return StringValue(b.String()), true
		default:
			b.WriteByte(c)
		}
	}
	return Value{}, false
}
