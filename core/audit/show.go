package audit

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"unicode/utf8"
)

// maxShown is how many characters of a value a message shows, maxDeep how many lists deep.
const (
	maxShown = 80
	maxDeep  = 3
)

// String shows v the way Python prints it, on one line, cut where it would be long.
func (v Value) String() string {
	var b strings.Builder
	v.show(&b, 0)
	return shorten(b.String(), maxShown)
}

func (v *Value) show(b *strings.Builder, deep int) {
	switch v.kind {
	case Absent:
		b.WriteString("missing")
	case Raised:
		b.WriteString(shorten(v.text, maxShown))
	case Null:
		b.WriteString("None")
	case Bool:
		b.WriteString(map[bool]string{true: "True", false: "False"}[v.num != 0])
	case Int:
		b.WriteString(strconv.FormatInt(v.num, 10))
	case Float:
		b.WriteString(showFloat(v.float))
	case Exact:
		b.WriteString(v.showExact())
	case String:
		quote(b, v.text)
	case Bytes:
		b.WriteByte('b')
		quoteBytes(b, v.text)
	case List:
		v.showItems(b, "[", "]", deep)
	case Map:
		v.showItems(b, "{", "}", deep)
	default:
		v.showObject(b)
	}
}

// showExact prints an integer or a decimal in full, anything else as a fraction.
func (v *Value) showExact() string {
	r := v.more.exact
	if r.IsInt() {
		return r.Num().String()
	}
	if places, exact := r.FloatPrec(); exact && places <= maxShown {
		return r.FloatString(places)
	}
	return r.String()
}

func (v *Value) showItems(b *strings.Builder, left, right string, deep int) {
	items, known := v.elements()
	if !known || deep == maxDeep {
		v.showObject(b)
		return
	}
	b.WriteString(left)
	for i := range items {
		switch {
		case b.Len() > maxShown:
			b.WriteString("...")
			return
		case i > 0 && v.kind == Map && i%2 == 1:
			b.WriteString(": ")
		case i > 0:
			b.WriteString(", ")
		}
		items[i].show(b, deep+1)
	}
	b.WriteString(right)
}

// showObject tells of what it is, where it cannot be printed.
func (v *Value) showObject(b *strings.Builder) {
	name, _, _ := strings.Cut(v.types(), " ")
	if name == "" {
		name = map[Kind]string{Array: "array", Each: "values"}[v.kind]
	}
	if name == "" {
		name = "object"
	}
	b.WriteString("<" + shorten(name, maxShown))
	if f, why := v.layout(); why == passes {
		b.WriteString(" of " + shorten(f.Dtype, maxShown) + " and shape " + strings.ReplaceAll(fmt.Sprint(f.Shape), " ", ", "))
	} else if v.sized {
		b.WriteString(" of length " + strconv.FormatInt(v.len, 10))
	}
	b.WriteByte('>')
}

// showFloat prints a float as Python does: the fewest digits that give it back, never as an int.
func showFloat(f float64) string {
	switch {
	case math.IsNaN(f):
		return "nan"
	case math.IsInf(f, 1):
		return "inf"
	case math.IsInf(f, -1):
		return "-inf"
	}
	if size := math.Abs(f); size != 0 && (size < 1e-4 || size >= 1e16) {
		return strconv.FormatFloat(f, 'e', -1, 64)
	}
	text := strconv.FormatFloat(f, 'f', -1, 64)
	if !strings.Contains(text, ".") {
		text += ".0"
	}
	return text
}

// quote prints text as a Python literal.
func quote(b *strings.Builder, text string) {
	mark := byte('\'')
	if strings.Contains(text, "'") && !strings.Contains(text, `"`) {
		mark = '"'
	}
	b.WriteByte(mark)
	for i, r := range text {
		switch {
		case i > 4*maxShown: // the rest would be cut
			b.WriteString("...")
			return
		case r == rune(mark) || r == '\\':
			b.WriteByte('\\')
			b.WriteRune(r)
		case r == '\'' || r == '"':
			b.WriteRune(r)
		default:
			q := strconv.QuoteRune(r)
			b.WriteString(q[1 : len(q)-1])
		}
	}
	b.WriteByte(mark)
}

func quoteBytes(b *strings.Builder, text string) {
	b.WriteByte('\'')
	for i := range min(len(text), 4*maxShown) {
		switch c := text[i]; {
		case c == '\'' || c == '\\':
			b.WriteByte('\\')
			b.WriteByte(c)
		case c >= ' ' && c < 0x7f:
			b.WriteByte(c)
		default:
			b.WriteString(`\x` + strconv.FormatUint(uint64(c)+0x100, 16)[1:])
		}
	}
	b.WriteByte('\'')
}

// shorten cuts text to so many characters of one line, and shows that it did.
func shorten(text string, most int) string {
	if at := strings.IndexAny(text, "\r\n"); at >= 0 {
		text = text[:at] + "..."
	}
	if len(text) <= most || utf8.RuneCountInString(text) <= most {
		return text
	}
	n := 0
	for i := range text {
		if n++; n > most-3 {
			return text[:i] + "..."
		}
	}
	return text
}
