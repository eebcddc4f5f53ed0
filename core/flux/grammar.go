package flux

import (
	"slices"
	"strings"
	"unicode/utf8"
)

const (
	maxCondition = 10_000 // bytes of a condition
	maxNesting   = 100    // brackets, "not", "-", "if" and "for" inside each other
	maxDigits    = 4300   // of one number, as in Python
)

// parser reads a condition by recursive descent; the grammar is in doc.go.
type parser struct {
	lex   lexer
	tok   token
	depth int
	err   *syntaxError // the first; nothing is read after it
}

// parseExpr reads a whole condition.
func parseExpr(text string) (expr, *syntaxError) {
	switch {
	case len(text) > maxCondition:
		return nil, fail(0, "a condition of %d bytes; at most %d are read: let a process compute it", len(text), maxCondition)
	case !utf8.ValidString(text):
		return nil, fail(0, "this is not UTF-8 text")
	case strings.TrimSpace(text) == "":
		return nil, fail(0, "the condition is empty")
	}
	p := &parser{lex: lexer{text: text}}
	p.advance()
	x := p.tuple()
	if p.err == nil && p.tok.kind != tokEnd {
		p.unexpected()
	}
	if p.err != nil {
		return nil, p.err
	}
	return x, nil
}

func (p *parser) advance() {
	if p.err != nil {
		return
	}
	if p.tok, p.err = p.lex.next(); p.err != nil {
		p.tok = token{kind: tokEnd, at: p.err.at}
	}
}

func (p *parser) fail(at int, format string, args ...any) {
	if p.err == nil {
		p.err = fail(at, format, args...)
		p.tok = token{kind: tokEnd, at: at}
	}
}

func (p *parser) unexpected() {
	switch p.tok.kind {
	case tokEnd:
		p.fail(p.tok.at, "the condition ends too early")
	case tokName:
		p.fail(p.tok.at, "%q was not expected here; an operator is missing before it", p.tok.text)
	case tokNumber, tokText:
		p.fail(p.tok.at, "a %s was not expected here; an operator is missing before it", p.tok.kind)
	case ")", "]", "}":
		p.fail(p.tok.at, "%q closes nothing, or something is missing before it", p.tok.kind)
	default:
		p.fail(p.tok.at, "%q was not expected here", p.tok.kind)
	}
}

// take skips a token of that kind, if it is the next one.
func (p *parser) take(kind string) bool {
	if p.tok.kind != kind {
		return false
	}
	p.advance()
	return true
}

func (p *parser) expect(kind string, opened int) {
	if !p.take(kind) {
		if p.tok.kind == tokEnd {
			p.fail(opened, "this bracket is not closed; %q is missing", kind)
			return
		}
		p.unexpected()
	}
}

// deeper counts nesting; call the result to come out again.
func (p *parser) deeper() func() {
	if p.depth++; p.depth > maxNesting {
		p.fail(p.tok.at, "nested more than %d deep", maxNesting)
	}
	return func() { p.depth-- }
}

// tuple reads a condition, and tolerates commas only to explain them.
func (p *parser) tuple() expr {
	x := p.test()
	if p.tok.kind == "," {
		p.fail(p.tok.at, `a comma makes a tuple; write "and", or put the tuple in parentheses`)
	}
	return x
}

// test reads a conditional expression.
func (p *parser) test() expr {
	x := p.or()
	if at := p.tok.at; p.take("if") {
		defer p.deeper()()
		test := p.or()
		if !p.take("else") {
			p.fail(at, `this "if" has no "else"`)
		}
		return &conditional{position(at), test, x, p.test()}
	}
	return x
}

func position(offset int) at { return at(offset) }

func (p *parser) or() expr {
	x := p.and()
	for p.tok.kind == "or" {
		pos := position(p.tok.at)
		p.advance()
		x = &logic{pos, "or", x, p.and()}
	}
	return x
}

func (p *parser) and() expr {
	x := p.not()
	for p.tok.kind == "and" {
		pos := position(p.tok.at)
		p.advance()
		x = &logic{pos, "and", x, p.not()}
	}
	return x
}

func (p *parser) not() expr {
	pos := position(p.tok.at)
	if p.tok.kind != "not" {
		return p.compare()
	}
	defer p.deeper()()
	p.advance()
	return &unary{pos, "not", p.not()}
}

func (p *parser) compare() expr {
	first := position(p.tok.at)
	x := p.binary(0)
	c := &comparison{at: first, x: x}
	for p.err == nil {
		opAt, op := p.tok.at, p.tok.kind
		switch op {
		case "<", "<=", ">", ">=", "==", "!=", "in":
			p.advance()
		case "not":
			p.advance()
			if !p.take("in") {
				p.fail(opAt, `"not" was not expected here; write "not in", or "and not"`)
			}
			op = "not in"
		case "is":
			p.advance()
			if p.take("not") {
				op = "is not"
			}
		default:
			op = ""
		}
		if op == "" {
			break
		}
		c.ops, c.opAt, c.ys = append(c.ops, op), append(c.opAt, opAt), append(c.ys, p.binary(0))
	}
	if len(c.ops) == 0 {
		return x
	}
	return c
}

// levels are the binary operators, the loosest first.
var levels = [][]string{{"|"}, {"^"}, {"&"}, {"<<", ">>"}, {"+", "-"}, {"*", "/", "//", "%"}}

func (p *parser) binary(level int) expr {
	if level == len(levels) {
		return p.unary()
	}
	x := p.binary(level + 1)
	for slices.Contains(levels[level], p.tok.kind) {
		pos, op := position(p.tok.at), p.tok.kind
		p.advance()
		x = &binary{pos, op, x, p.binary(level + 1)}
	}
	return x
}

func (p *parser) unary() expr {
	pos, op := position(p.tok.at), p.tok.kind
	if op != "-" && op != "+" && op != "~" {
		return p.power()
	}
	defer p.deeper()()
	p.advance()
	return &unary{pos, op, p.unary()}
}

// power binds tighter than a sign on its left, and looser than one on its right.
func (p *parser) power() expr {
	x := p.primary()
	pos := position(p.tok.at)
	if p.tok.kind != "**" {
		return x
	}
	defer p.deeper()()
	p.advance()
	return &binary{pos, "**", x, p.unary()}
}

// primary reads an atom and what follows it: attributes, indices and calls.
func (p *parser) primary() expr {
	x := p.atom()
	for p.err == nil {
		pos := position(p.tok.at)
		switch p.tok.kind {
		case ".":
			p.advance()
			x = p.attribute(x)
		case "[":
			p.advance()
			x = p.subscript(x, pos)
		case "(":
			p.advance()
			x = p.call(x, pos)
		default:
			return x
		}
	}
	return x
}

func (p *parser) attribute(x expr) expr {
	a := &attribute{position(p.tok.at), x, p.tok.text}
	// Words of Python are names of fields all the same: ctx.global, ctx.from is an error in Python.
	if !p.take(tokName) {
		p.fail(p.tok.at, "the name of a field is missing after the dot")
	}
	if strings.HasPrefix(a.name, "_") {
		p.fail(a.pos(), "%q starts with an underscore: private names are not for conditions", a.name)
	}
	return a
}

func (p *parser) subscript(x expr, pos at) expr {
	defer p.deeper()()
	var parts [3]expr
	colons := 0
	for {
		if p.tok.kind != ":" && p.tok.kind != "]" {
			parts[colons] = p.test()
		}
		if colons == 2 || !p.take(":") {
			break
		}
		colons++
	}
	if p.tok.kind == "," {
		p.fail(p.tok.at, "an index has one part here; write x[i][j], or x[(i, j)] for a tuple as key")
	}
	p.expect("]", int(pos))
	if colons > 0 {
		return &slice{pos, x, parts[0], parts[1], parts[2]}
	}
	if parts[0] == nil {
		p.fail(int(pos), "the index is missing")
	}
	return &index{pos, x, parts[0]}
}

func (p *parser) call(fn expr, pos at) expr {
	defer p.deeper()()
	c := &call{at: pos, fn: fn}
	switch fn.(type) {
	case *name, *attribute:
	default:
		p.fail(int(pos), "only the functions and methods of the language can be called")
	}
	for p.err == nil && p.tok.kind != ")" {
		at := p.tok.at
		if p.tok.kind == "*" || p.tok.kind == "**" {
			p.fail(at, "arguments cannot be unpacked in a condition")
		}
		x := p.namedOrTest(c)
		if x != nil && p.tok.kind == "for" {
			x = p.comprehension(position(at), '(', nil, x)
			if len(c.args) > 0 || len(c.keys) > 0 || p.tok.kind != ")" {
				p.fail(at, "a generator expression beside other arguments needs its own parentheses")
			}
		}
		if x != nil {
			if len(c.keys) > 0 {
				p.fail(at, "this argument stands after one with a name")
			}
			c.args = append(c.args, x)
		}
		if !p.take(",") {
			break
		}
	}
	p.expect(")", int(pos))
	return c
}

// namedOrTest reads key=value into c and gives nil, or reads an argument without a name.
func (p *parser) namedOrTest(c *call) expr {
	if p.tok.kind == tokName {
		key, rest := p.tok, strings.TrimLeft(p.lex.rest(), " \t\n\r\f")
		if strings.HasPrefix(rest, "=") && !strings.HasPrefix(rest, "==") {
			p.lex.at = len(p.lex.text) - len(rest) + 1
			p.advance()
			if slices.Contains(c.keys, key.text) {
				p.fail(key.at, "the argument %q is given twice", key.text)
			}
			c.keys, c.vals = append(c.keys, key.text), append(c.vals, p.test())
			return nil
		}
	}
	return p.test()
}

func (p *parser) atom() expr {
	pos, tok := position(p.tok.at), p.tok
	switch tok.kind {
	case tokName:
		p.advance()
		return &name{pos, tok.text}
	case tokNumber:
		p.advance()
		return &constant{pos, tok.value}
	case tokText:
		text := ""
		for p.tok.kind == tokText { // adjacent texts are one
			text += p.tok.text
			p.advance()
		}
		return &constant{pos, text}
	case "None":
		p.advance()
		return &constant{pos, nil}
	case "True", "False":
		p.advance()
		return &constant{pos, tok.kind == "True"}
	case "(":
		return p.round(pos)
	case "[":
		return p.square(pos)
	case "{":
		return p.curly(pos)
	}
	p.unexpected()
	return &constant{pos, nil}
}

// round reads what parentheses enclose: one expression, a tuple, or a generator expression.
func (p *parser) round(pos at) expr {
	defer p.deeper()()
	p.advance()
	if p.take(")") {
		return &display{pos, '(', nil}
	}
	x := p.item()
	switch {
	case p.tok.kind == "for":
		x = p.comprehension(pos, '(', nil, x)
	case p.tok.kind == ",":
		x = &display{pos, '(', p.items(x, ")")}
	}
	p.expect(")", int(pos))
	return x
}

func (p *parser) square(pos at) expr {
	defer p.deeper()()
	p.advance()
	if p.take("]") {
		return &display{pos, '[', nil}
	}
	x := p.item()
	if p.tok.kind == "for" {
		x = p.comprehension(pos, '[', nil, x)
	} else {
		x = &display{pos, '[', p.items(x, "]")}
	}
	p.expect("]", int(pos))
	return x
}

func (p *parser) curly(pos at) expr {
	defer p.deeper()()
	p.advance()
	if p.take("}") {
		return &mapping{at: pos}
	}
	x := p.item()
	switch {
	case p.take(":"):
		return p.dict(pos, x)
	case p.tok.kind == "for":
		x = p.comprehension(pos, '{', nil, x)
	default:
		x = &display{pos, '{', p.items(x, "}")}
	}
	p.expect("}", int(pos))
	return x
}

func (p *parser) dict(pos at, key expr) expr {
	val := p.test()
	if p.tok.kind == "for" {
		x := p.comprehension(pos, '{', key, val)
		p.expect("}", int(pos))
		return x
	}
	m := &mapping{pos, []expr{key}, []expr{val}}
	for p.take(",") && p.tok.kind != "}" {
		m.keys = append(m.keys, p.item())
		p.expect(":", int(pos))
		m.vals = append(m.vals, p.test())
	}
	p.expect("}", int(pos))
	return m
}

// item reads one item of a display.
func (p *parser) item() expr {
	if p.tok.kind == "*" || p.tok.kind == "**" {
		p.fail(p.tok.at, "items cannot be unpacked in a condition")
	}
	return p.test()
}

// items reads the rest of a display whose first item is x.
func (p *parser) items(x expr, closing string) []expr {
	all := []expr{x}
	for p.take(",") && p.tok.kind != closing && p.err == nil {
		all = append(all, p.item())
	}
	return all
}

func (p *parser) comprehension(pos at, kind byte, key, body expr) expr {
	defer p.deeper()()
	c := &comprehension{at: pos, kind: kind, key: key, body: body}
	for p.err == nil {
		pos := position(p.tok.at)
		switch {
		case p.take("for"):
			defer p.deeper()()
			cl := clause{at: pos}
			cl.targets, cl.unpack = p.targets()
			if !p.take("in") {
				p.unexpected()
			}
			cl.x = p.or()
			c.clauses = append(c.clauses, cl)
		case p.take("if"):
			c.clauses = append(c.clauses, clause{at: pos, x: p.or()})
		default:
			return c
		}
	}
	return c
}

// targets reads the names that a "for" gives to items, with or without parentheses.
func (p *parser) targets() (names []name, unpack bool) {
	opened := p.tok.at
	round := p.take("(")
	for p.err == nil {
		n := name{position(p.tok.at), p.tok.text}
		if !p.take(tokName) {
			p.fail(p.tok.at, `a name is missing after "for"; names inside parentheses go one deep`)
		}
		for _, other := range names {
			if other.id == n.id {
				p.fail(n.pos(), "the name %q is given twice", n.id)
			}
		}
		names = append(names, n)
		if !p.take(",") {
			break
		}
		unpack = true
		if p.tok.kind == "in" || p.tok.kind == ")" {
			break
		}
	}
	if round {
		p.expect(")", opened)
	}
	return names, unpack
}
