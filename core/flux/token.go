package flux

import (
	"math/big"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

// token is a word of a condition. Its kind is the operator or keyword itself, or one of these.
type token struct {
	kind  string
	text  string // a name; the contents of a text
	value any    // a number: int64, *big.Int or float64
	at    int    // byte offset in the condition
}

const (
	tokEnd    = "end"
	tokName   = "name"
	tokNumber = "number"
	tokText   = "text"
)

// keywords are the words that cannot be names. Those that map to a sentence are not in the
// language. "global" is a word of Python's, but a layer here.
var keywords = map[string]string{
	"and": "", "or": "", "not": "", "in": "", "is": "", "if": "", "else": "", "for": "",
	"None": "", "True": "", "False": "",
	"lambda": "a condition defines no functions",
	"await":  "a condition waits for nothing", "async": "a condition waits for nothing",
	"yield": "a condition is no generator", "import": "a condition imports nothing",
	"from": "a condition imports nothing", "del": "a condition changes nothing",
	"nonlocal": "a condition changes nothing", "assert": "a condition is one expression",
	"break": "a condition is one expression", "class": "a condition is one expression",
	"continue": "a condition is one expression", "def": "a condition is one expression",
	"elif": "a condition is one expression", "except": "a condition is one expression",
	"finally": "a condition is one expression", "pass": "a condition is one expression",
	"raise": "a condition is one expression", "return": "a condition is one expression",
	"try": "a condition is one expression", "while": "a condition is one expression",
	"with": "a condition is one expression", "as": "a condition is one expression",
}

// operators, longest first.
var operators = []string{
	"**=", "//=", ">>=", "<<=", "===", "!==", "...",
	"**", "//", "<<", ">>", "<=", ">=", "==", "!=", ":=", "->", "&&", "||", "<>",
	"+=", "-=", "*=", "/=", "%=", "&=", "|=", "^=", "@=",
	"+", "-", "*", "/", "%", "<", ">", "(", ")", "[", "]", "{", "}", ",", ":", ".",
	"|", "&", "^", "~", "=", "@", "!", "?", ";",
}

// foreign says what to write instead of an operator that other languages have.
var foreign = map[string]string{
	"&&": `write "and"`, "||": `write "or"`, "!": `write "not"`, "===": `write "=="`,
	"!==": `write "!="`, "<>": `write "!="`, "=": `a condition changes nothing; write "==" to compare`,
	":=": "a condition changes nothing; write the expression twice",
	"?":  `write "a if condition else b"`, ";": "a condition is one expression",
	"@": "matrices cannot be multiplied in a condition", "...": "an ellipsis means nothing in a condition",
	"->": "a condition defines no functions",
}

// lexer cuts a condition into tokens.
type lexer struct {
	text string
	at   int
}

func (l *lexer) rest() string { return l.text[l.at:] }

// next gives the next token.
func (l *lexer) next() (token, *syntaxError) {
	if err := l.blank(); err != nil {
		return token{}, err
	}
	start := l.at
	if l.rest() == "" {
		return token{kind: tokEnd, at: start}, nil
	}
	r, _ := utf8.DecodeRuneInString(l.rest())
	switch {
	case r >= '0' && r <= '9', r == '.' && len(l.rest()) > 1 && isDigit(l.rest()[1]):
		return l.number()
	case r == '"' || r == '\'':
		return l.literal(false)
	case isNameRune(r, true):
		return l.word()
	}
	for _, op := range operators {
		if strings.HasPrefix(l.rest(), op) {
			l.at += len(op)
			if cure, ok := foreign[op]; ok {
				return token{}, fail(start, "%s is not in the language: %s", strconv.Quote(op), cure)
			}
			if strings.HasSuffix(op, "=") && !strings.Contains("<= >= == !=", op) {
				return token{}, fail(start, "%q is not in the language: a condition changes nothing", op)
			}
			return token{kind: op, at: start}, nil
		}
	}
	return token{}, fail(start, "%s means nothing in a condition", strconv.QuoteRune(r))
}

// blank skips blanks, line ends and comments.
func (l *lexer) blank() *syntaxError {
	for l.rest() != "" {
		switch c := l.rest()[0]; {
		case c == ' ' || c == '\t' || c == '\n' || c == '\r' || c == '\f':
			l.at++
		case c == '#':
			n := strings.IndexByte(l.rest(), '\n')
			if n < 0 {
				n = len(l.rest())
			}
			l.at += n
		default:
			return nil
		}
	}
	return nil
}

// isNameRune follows Python's identifiers: a letter or "_", then digits and marks as well.
func isNameRune(r rune, first bool) bool {
	if r == '_' || unicode.IsLetter(r) || unicode.Is(unicode.Nl, r) {
		return true
	}
	return !first && unicode.In(r, unicode.Nd, unicode.Mn, unicode.Mc, unicode.Pc)
}

func isDigit(c byte) bool { return c >= '0' && c <= '9' }

// word reads a name, a keyword, or the prefix of a text and that text.
func (l *lexer) word() (token, *syntaxError) {
	start, n := l.at, 0
	for i, r := range l.rest() {
		if !isNameRune(r, i == 0) {
			break
		}
		n = i + utf8.RuneLen(r)
	}
	word := l.rest()[:n]
	l.at += n
	if c := l.rest(); c != "" && (c[0] == '"' || c[0] == '\'') {
		switch strings.ToLower(word) {
		case "r":
			t, err := l.literal(true)
			t.at = start
			return t, err
		case "u":
			t, err := l.literal(false)
			t.at = start
			return t, err
		case "f", "fr", "rf":
			return token{}, fail(start, `f-strings are not in the language; join texts with "+" and str()`)
		case "b", "br", "rb":
			return token{}, fail(start, "bytes are not in the language; compare texts")
		}
	}
	why, ok := keywords[word]
	switch {
	case why != "":
		return token{}, fail(start, "%q is not in the language: %s", word, why)
	case ok:
		return token{kind: word, at: start}, nil
	default:
		return token{kind: tokName, text: word, at: start}, nil
	}
}

// number reads an integer or a float.
func (l *lexer) number() (token, *syntaxError) {
	start := l.at
	base, digits := 10, "0123456789"
	if s := strings.ToLower(l.rest()[:min(2, len(l.rest()))]); s == "0x" || s == "0o" || s == "0b" {
		base = map[byte]int{'x': 16, 'o': 8, 'b': 2}[s[1]]
		digits = "0123456789abcdef"[:base]
		l.at += 2
	}
	float := false
	l.digits(digits)
	if base == 10 {
		if strings.HasPrefix(l.rest(), ".") {
			float = true
			l.at++
			l.digits(digits)
		}
		if e := strings.TrimLeft(l.rest(), "eE"); len(l.rest())-len(e) == 1 {
			if signed := strings.TrimLeft(e, "+-"); len(e)-len(signed) <= 1 && signed != "" && isDigit(signed[0]) {
				float = true
				l.at += len(l.rest()) - len(signed)
				l.digits(digits)
			}
		}
	}
	if r, _ := utf8.DecodeRuneInString(l.rest()); l.rest() != "" && isNameRune(r, false) {
		return token{}, fail(start, "%q is no number", l.text[start:l.at]+string(r))
	}
	return l.convert(start, base, float)
}

// digits skips digits and the underscores between them.
func (l *lexer) digits(of string) {
	for l.rest() != "" && (l.rest()[0] == '_' || strings.ContainsRune(of, unicode.ToLower(rune(l.rest()[0])))) {
		l.at++
	}
}

func (l *lexer) convert(start, base int, float bool) (token, *syntaxError) {
	text := l.text[start:l.at]
	wrong := fail(start, "%q is no number", text)
	for i := range len(text) {
		if text[i] != '_' {
			continue
		}
		after := i+1 < len(text) && (isDigit(text[i+1]) || base == 16 && strings.IndexByte("abcdefABCDEF", text[i+1]) >= 0)
		before := i > 0 && text[i-1] != '_' && text[i-1] != '.' && (isDigit(text[i-1]) || base != 10)
		if !after || !before {
			return token{}, wrong
		}
	}
	plain := strings.ReplaceAll(text, "_", "")
	t := token{kind: tokNumber, at: start}
	if float {
		f, err := strconv.ParseFloat(plain, 64)
		if err != nil && f == 0 {
			return token{}, wrong
		}
		t.value = f
		return t, nil
	}
	if base != 10 {
		plain = plain[2:]
	} else if len(plain) > 1 && plain[0] == '0' && strings.Trim(plain, "0") != "" {
		return token{}, fail(start, "%s starts with 0; write it without, or 0o for octal", text)
	}
	if len(plain) > maxDigits {
		return token{}, fail(start, "a number of more than %d digits", maxDigits)
	}
	if n, err := strconv.ParseInt(plain, base, 64); err == nil {
		t.value = n
		return t, nil
	}
	n, ok := new(big.Int).SetString(plain, base)
	if !ok {
		return token{}, wrong
	}
	t.value = n
	return t, nil
}

// literal reads a text in quotation marks.
func (l *lexer) literal(raw bool) (token, *syntaxError) {
	start := l.at
	mark := l.rest()[:1]
	if strings.HasPrefix(l.rest(), strings.Repeat(mark, 3)) {
		mark = strings.Repeat(mark, 3)
	}
	l.at += len(mark)
	var b strings.Builder
	for {
		switch {
		case l.rest() == "" || len(mark) == 1 && l.rest()[0] == '\n':
			return token{}, fail(start, "this text does not end; close it with %s", mark)
		case strings.HasPrefix(l.rest(), mark):
			l.at += len(mark)
			return token{kind: tokText, text: b.String(), at: start}, nil
		case l.rest()[0] == '\\' && raw:
			n := 1
			if len(l.rest()) > 1 {
				_, size := utf8.DecodeRuneInString(l.rest()[1:])
				n += size
			}
			b.WriteString(l.rest()[:n])
			l.at += n
		case l.rest()[0] == '\\':
			if err := l.escape(&b); err != nil {
				return token{}, err
			}
		default:
			b.WriteByte(l.rest()[0])
			l.at++
		}
	}
}

var escapes = map[byte]string{
	'\n': "", '\\': "\\", '\'': "'", '"': "\"",
	'a': "\a", 'b': "\b", 'f': "\f", 'n': "\n", 'r': "\r", 't': "\t", 'v': "\v",
}

// escape reads what a backslash begins.
func (l *lexer) escape(b *strings.Builder) *syntaxError {
	start := l.at
	if len(l.rest()) < 2 {
		return fail(start, "a backslash at the end")
	}
	c := l.rest()[1]
	l.at += 2
	if plain, ok := escapes[c]; ok {
		b.WriteString(plain)
		return nil
	}
	digits, base, n := "", 16, 0
	switch {
	case c >= '0' && c <= '7':
		l.at--
		base, n = 8, 3
	case c == 'x':
		n = 2
	case c == 'u':
		n = 4
	case c == 'U':
		n = 8
	default:
		return fail(start, `"\%s" is no escape; write "\\" for a backslash`, string([]rune(l.text[start+1:])[0]))
	}
	for len(digits) < n && l.rest() != "" {
		if _, err := strconv.ParseUint(l.rest()[:1], base, 8); err != nil {
			break
		}
		digits += l.rest()[:1]
		l.at++
	}
	code, _ := strconv.ParseUint(digits, base, 32)
	if base == 16 && len(digits) < n || !utf8.ValidRune(rune(code)) {
		return fail(start, "%q is no character", l.text[start:l.at])
	}
	b.WriteRune(rune(code))
	return nil
}
