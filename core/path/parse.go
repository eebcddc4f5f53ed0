package path

import (
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Parse reads a path as users spell it in contracts, rules and conditions:
//
//	path    = name { step }
//	step    = "." ( name | "*" ) | "[" ( integer | literal | "*" ) "]"
//	name    = a Python identifier, or "*"
//	literal = a Python string in single or double quotes
//
// The error is a fault.Invalid that points at the place and says what to write instead.
func Parse(text string) (Path, error) {
	p := parser{text: text}
	if !utf8.ValidString(text) {
		return nil, p.fail("this is not UTF-8 text")
	}
	if text == "" {
		return nil, p.fail("a path is missing; write one like domain_ctx.balance")
	}
	if err := p.name(); err != nil {
		return nil, err
	}
	for p.at < len(text) {
		if err := p.step(); err != nil {
			return nil, err
		}
	}
	p.path[0] = p.path[0].AtRoot()
	return p.path, nil
}

// parser is a cursor over the text and the path so far.
type parser struct {
	text string
	at   int // byte offset of what comes next
	path Path
}

func (p *parser) add(s Segment) { p.path = append(p.path, s) }

func (p *parser) rest() string { return p.text[p.at:] }

func (p *parser) step() error {
	switch r := p.peek(); r {
	case '.':
		p.at++
		return p.name()
	case '[':
		p.at++
		return p.bracket()
	case '(':
		return p.fail("a path names state and cannot call; end it before the parenthesis")
	case ']':
		return p.fail("this bracket was never opened")
	default:
		if unicode.IsSpace(r) {
			return p.fail("a path has no blanks; remove it, or quote the key: [\"...\"]")
		}
		return p.fail("a name cannot hold " + strconv.Quote(string(r)) + "; quote the key: [\"...\"]")
	}
}

// name reads what follows a dot, or begins the path.
func (p *parser) name() error {
	if strings.HasPrefix(p.rest(), "*") {
		p.at++
		p.add(Segment{Kind: Any})
		return nil
	}
	n := 0
	for i, r := range p.rest() {
		if !isNameRune(r, i == 0) {
			break
		}
		n = i + utf8.RuneLen(r)
	}
	if n == 0 {
		return p.noName()
	}
	p.add(Segment{Kind: Name, Name: p.rest()[:n]})
	p.at += n
	return nil
}

// isNameRune follows Python's identifiers: a letter or "_", then digits and marks as well.
func isNameRune(r rune, first bool) bool {
	if r == '_' || unicode.IsLetter(r) || unicode.Is(unicode.Nl, r) {
		return true
	}
	return !first && unicode.In(r, unicode.Nd, unicode.Mn, unicode.Mc, unicode.Pc)
}

func (p *parser) noName() error {
	r := p.peek()
	switch {
	case unicode.IsDigit(r):
		return p.fail("a name starts with a letter; write [0] for an index, [\"0\"] for a key")
	case r == '[' && p.at == 0:
		return p.fail("a path starts with a name, such as domain_ctx")
	case r == '[':
		return p.fail("no dot stands before a bracket; remove it")
	case unicode.IsSpace(r):
		return p.fail("a path has no blanks; remove it")
	case p.at == 0:
		return p.fail("a path starts with a name, such as domain_ctx")
	default:
		return p.fail("a name is missing after the dot")
	}
}

// peek gives the next rune; 0 at the end.
func (p *parser) peek() rune {
	if p.at == len(p.text) {
		return 0
	}
	r, _ := utf8.DecodeRuneInString(p.rest())
	return r
}
