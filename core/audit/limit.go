package audit

import (
	"errors"
	"math"
	"regexp"
	"regexp/syntax"
	"strconv"
	"strings"
)

// What bounds a limit: how long a pattern is, how deep lists are, how many items a dict has.
// Comparing a dict costs the square of its items.
const (
	maxPattern  = 10_000
	maxNested   = 16
	maxMapItems = 256
)

// numberLimit is for what is ordered. True is left out: whoever writes it means something else.
func numberLimit(v Value) (limit, string) {
	switch {
	case v.kind == Float && math.IsNaN(v.float):
		return limit{}, "a number belongs here; nothing compares with NaN"
	case v.kind == Bool || !v.isNumber():
		return limit{}, "a number belongs here"
	}
	return limit{value: v}, ""
}

func anyLimit(v Value) (limit, string) {
	if v.kind == Float && math.IsNaN(v.float) {
		return limit{}, "nothing equals NaN; use finite"
	}
	return limit{value: v}, ""
}

func lengthLimit(v Value) (limit, string) {
	if v.kind != Int || v.num < 0 {
		return limit{}, "a length belongs here, a whole number from 0"
	}
	return limit{value: v, n: v.num}, ""
}

func regexLimit(v Value) (limit, string) {
	if v.kind != String {
		return limit{}, "a regular expression belongs here, as text in quotation marks"
	}
	if len(v.text) > maxPattern {
		return limit{}, "this regular expression is too long"
	}
	re, err := regexp.Compile(v.text)
	if err != nil {
		return limit{}, regexAdvice(err)
	}
	return limit{value: v, re: re}, ""
}

// regexAdvice says what is wrong with a pattern, and what Python knows and RE2 does not.
func regexAdvice(err error) string {
	bad, ok := errors.AsType[*syntax.Error](err)
	if !ok {
		return "this is no regular expression: " + shorten(err.Error(), maxShown)
	}
	text := "this is no regular expression: " + bad.Code.String()
	if bad.Expr != "" {
		text += " at " + shorten(bad.Expr, maxShown)
	}
	switch {
	case bad.Code == syntax.ErrInvalidPerlOp:
		text += "; RE2 has no lookaround, so that time stays linear"
	case bad.Code == syntax.ErrInvalidEscape && strings.ContainsAny(bad.Expr, "123456789"):
		text += "; RE2 has no back-references, so that time stays linear"
	}
	return text
}

func listLimit(v Value) (limit, string) {
	items, _ := v.elements()
	if v.kind != List || len(items) == 0 {
		return limit{}, "a list of values belongs here, like [auto, manual]"
	}
	return limit{value: v, list: items}, ""
}

// schemaTypes are other words for types of Python: those of a context schema, and JSON's.
var schemaTypes = map[string]string{
	"string": "str", "integer": "int", "boolean": "bool", "None": "NoneType", "null": "NoneType",
}

func typeLimit(v Value) (limit, string) {
	items, _ := v.elements()
	if v.kind == String {
		items = []Value{v}
	}
	const belongs = "the name of a type belongs here, like int, or a list of names"
	if v.kind != String && v.kind != List || len(items) == 0 {
		return limit{}, belongs
	}
	l := limit{value: v}
	for _, item := range items {
		if item.kind != String || item.text == "" || strings.ContainsAny(item.text, " \t\r\n") {
			return limit{}, belongs
		}
		word := item.text
		if python, ok := schemaTypes[word]; ok {
			word = python
		}
		l.words = append(l.words, word)
	}
	return l, ""
}

func shapeLimit(v Value) (limit, string) {
	const belongs = "a shape belongs here: a list of lengths, like [null, 3], with null for any"
	items, _ := v.elements()
	if v.kind != List {
		return limit{}, belongs
	}
	for _, n := range items {
		if n.kind != Null && (n.kind != Int || n.num < 0) {
			return limit{}, belongs
		}
	}
	return limit{value: v}, ""
}

func dtypeLimit(v Value) (limit, string) {
	l, advice := typeLimit(v)
	if advice != "" {
		return limit{}, "the name of an element type belongs here, like float32, or a list of names"
	}
	l.words = l.words[:0]
	items, _ := v.elements()
	if v.kind == String {
		items = []Value{v}
	}
	for _, item := range items { // as numpy spells them, not as Python spells types
		l.words = append(l.words, item.text)
	}
	return l, ""
}

func trueLimit(v Value) (limit, string) {
	if v.kind != Bool || v.num == 0 {
		return limit{}, "true belongs here; to switch the rule off, remove it"
	}
	return limit{value: v}, ""
}

// key spells a limit so that equal ones have one spelling: 1, 1.0 and true are the same.
func (v *Value) key(b *strings.Builder) {
	switch {
	case v.kind == Float && (math.IsInf(v.float, 0) || math.IsNaN(v.float)):
		b.WriteString("f" + showFloat(v.float))
	case v.isNumber():
		b.WriteString("n" + v.rat().String())
	case v.kind == List || v.kind == Map:
		b.WriteByte("lm"[v.kind-List])
		items, _ := v.elements()
		for i := range items {
			items[i].key(b)
		}
	default:
		b.WriteByte("arzbifnsylmeo*"[v.kind])
		b.WriteString(strconv.Quote(v.text))
	}
	b.WriteByte(0)
}
