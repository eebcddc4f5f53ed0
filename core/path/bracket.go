package path

import (
	"strconv"
	"strings"
	"unicode/utf8"
)

// bracket reads what follows "[": an index, a quoted key or a star, and the closing bracket.
func (p *parser) bracket() error {
	var err error
	switch r := p.peek(); {
	case r == '*':
		p.at++
		p.add(Segment{Kind: Any})
	case r == '"' || r == '\'':
		err = p.literal(byte(r))
	case r == '-' || '0' <= r && r <= '9':
		err = p.integer()
	case r == 0:
		err = p.fail("this bracket is never closed; add an index, a quoted key or * and a ]")
	default:
		err = p.fail("an index, a quoted key or * belongs here; keys of other types are covered by [*]")
	}
	if err != nil {
		return err
	}
	if p.peek() != ']' {
		return p.fail("a ] is missing")
	}
	p.at++
	return nil
}

func (p *parser) integer() error {
	n := 1
	for n < len(p.rest()) && '0' <= p.rest()[n] && p.rest()[n] <= '9' {
		n++
	}
	digits := p.rest()[:n]
	if digits == "-" {
		return p.fail("digits are missing after the minus")
	}
	index, err := strconv.ParseInt(digits, 10, 64)
	if err != nil {
		return p.fail("this index does not fit 64 bits")
	}
	p.at += n
	p.add(Segment{Kind: Int, Index: index})
	return nil
}

// literal reads a Python string in the given quotation marks.
func (p *parser) literal(mark byte) error {
	open := p.at
	p.at++
	var key strings.Builder
	for p.at < len(p.text) {
		switch c := p.text[p.at]; c {
		case mark:
			p.at++
			p.add(Segment{Kind: Text, Name: key.String()})
			return nil
		case '\\':
			r, err := p.unescape()
			if err != nil {
				return err
			}
			key.WriteRune(r)
		default:
			key.WriteByte(c)
			p.at++
		}
	}
	p.at = open
	return p.fail("this quotation mark is never closed")
}

var escapes = map[byte]rune{
	'\\': '\\', '\'': '\'', '"': '"', 'n': '\n', 'r': '\r', 't': '\t', '0': 0,
}

// unescape reads one escape of a literal, as Python does: \n, \xhh, \uhhhh, \Uhhhhhhhh.
func (p *parser) unescape() (rune, error) {
	rest := p.rest()
	if len(rest) < 2 {
		return 0, p.fail("this backslash escapes nothing")
	}
	if r, ok := escapes[rest[1]]; ok {
		p.at += 2
		return r, nil
	}
	digits, ok := map[byte]int{'x': 2, 'u': 4, 'U': 8}[rest[1]]
	if !ok {
		return 0, p.fail("this is no escape; write \\\\ for a backslash")
	}
	if len(rest) < 2+digits {
		return 0, p.fail("hexadecimal digits are missing in this escape")
	}
	code, err := strconv.ParseUint(rest[2:2+digits], 16, 32)
	if err != nil || code > utf8.MaxRune || !utf8.ValidRune(rune(code)) {
		return 0, p.fail("this escape is no character")
	}
	p.at += 2 + digits
	return rune(code), nil
}
