package path

import (
	"fmt"
	"strconv"
	"strings"
	"unicode/utf8"
)

// String spells p the way users do: domain_ctx.items[3].rates["a.b"]. For every path that Parse
// gave, Parse(p.String()) gives p again. The root prints as "ctx".
func (p Path) String() string {
	if len(p) == 0 {
		return "ctx"
	}
	var b strings.Builder
	for i, s := range p {
		s.print(&b, i == 0)
	}
	return b.String()
}

// String spells s as it stands inside a path.
func (s Segment) String() string {
	var b strings.Builder
	s.print(&b, true)
	return b.String()
}

func (s Segment) print(b *strings.Builder, first bool) {
	switch s.Kind {
	case Int:
		b.WriteByte('[')
		b.WriteString(strconv.FormatInt(s.Index, 10))
		b.WriteByte(']')
	case Text:
		b.WriteByte('[')
		quote(b, s.Name)
		b.WriteByte(']')
	case Other:
		b.WriteByte('[')
		escape(b, s.Name, 0)
		b.WriteByte(']')
	default:
		if !first {
			b.WriteByte('.')
		}
		if s.Kind == Any {
			b.WriteByte('*')
			return
		}
		escape(b, s.Name, 0)
	}
}

// quote writes a text key as a Python literal in double quotes.
func quote(b *strings.Builder, text string) {
	b.WriteByte('"')
	escape(b, text, '"')
	b.WriteByte('"')
}

// escape writes text so that it stays on one line. With a quotation mark it is a literal's
// inside, which unescape reads back; without one it is only meant to be read by people.
// Bytes that are not UTF-8 become U+FFFD.
func escape(b *strings.Builder, text string, mark rune) {
	for _, r := range text {
		switch {
		case mark != 0 && (r == mark || r == '\\'):
			b.WriteByte('\\')
			b.WriteRune(r)
		case r == '\n':
			b.WriteString(`\n`)
		case r == '\r':
			b.WriteString(`\r`)
		case r == '\t':
			b.WriteString(`\t`)
		case strconv.IsPrint(r) || r == utf8.RuneError:
			b.WriteRune(r)
		case r < 0x100:
			fmt.Fprintf(b, `\x%02x`, r)
		case r < 0x10000:
			fmt.Fprintf(b, `\u%04x`, r)
		default:
			fmt.Fprintf(b, `\U%08x`, r)
		}
	}
}
