package audit

import (
	"math"
	"math/big"
	"strings"
	"unicode/utf8"
)

// Kind tells values apart. The numbers are those of capi/theus.h. The zero value is Absent, so
// what a host forgets to say violates.
type Kind uint8

const (
	Absent Kind = 0  // the path, or the keyword argument, is not there
	Raised Kind = 1  // reading it failed
	Null   Kind = 2  // None, a value like any other
	Bool   Kind = 3  // a number too, as in Python
	Int    Kind = 4  // that fits 64 bits
	Float  Kind = 5  // NaN and infinities included
	Exact  Kind = 6  // any other number that has an exact value: a large int, a Decimal, a Fraction
	String Kind = 7  // text
	Bytes  Kind = 8  // bytes
	List   Kind = 9  // a list; its elements where they were asked for
	Map    Kind = 10 // a dict; its items where they were asked for
	Array  Kind = 11 // numbers in one block of memory: the facts that were asked for, never the bytes
	Object Kind = 12 // anything else: its type, and its length if it has one
	Each   Kind = 13 // what a field with wildcards found: any number of values, each with its path
)

// Value is what a host says about a field. Constructors make one; of scalars they allocate
// nothing.
//
//  1. A Value never changes, and shares nothing that does.
//  2. An Each holds no Each.
type Value struct {
	kind  Kind
	sized bool // length is known
	form  Form
	truth bool // bool() of it, where a check asked
	num   int64
	float float64
	text  string // of String, Bytes, Raised
	typ   string // "" for what the kind says
	len   int64
	more  *more // nil for what fits above
}

// more is the rare part of a value.
type more struct {
	exact *big.Rat
	items []Value // of a List; of a Map key, value, key, value
	known bool    // items are all there are
	each  []Item
	facts Facts
}

// Form tells containers of one kind apart, for checks.
type Form uint8

const (
	Plain    Form = 0 // a list or a dict
	Tuple    Form = 1 // of kind List
	Sequence Form = 2 // of kind List: what else has items in an order, such as a deque
	Set      Form = 3 // of kind Object: the elements are its items
)

// Item is one of the values of an Each.
type Item struct {
	Path  string // without wildcards, as users spell it
	Value Value
}

// AbsentValue is a field that is not there.
func AbsentValue() Value { return Value{} }

// RaisedValue is a field whose reading failed; what is the error in one line.
func RaisedValue(what string) Value { return Value{kind: Raised, text: what} }

// NullValue is None.
func NullValue() Value { return Value{kind: Null} }

// BoolValue is True or False.
func BoolValue(b bool) Value {
	v := Value{kind: Bool}
	if b {
		v.num = 1
	}
	return v
}

// IntValue is an integer.
func IntValue(n int64) Value { return Value{kind: Int, num: n} }

// FloatValue is a binary floating point number.
func FloatValue(f float64) Value { return Value{kind: Float, float: f} }

// StringValue is text, UTF-8 but for lone surrogates. If it has any, its length is to be said
// with WithLen.
func StringValue(s string) Value { return Value{kind: String, text: s} }

// BytesValue is bytes.
func BytesValue(b string) Value {
	return Value{kind: Bytes, text: b, sized: true, len: int64(len(b))}
}

// ListValue is a list with its elements.
func ListValue(items ...Value) Value {
	return Value{kind: List, sized: true, len: int64(len(items)), more: &more{items: items, known: true}}
}

// ListLen is a list whose elements nobody asked for.
func ListLen(n int64) Value { return Value{kind: List, sized: true, len: n} }

// MapValue is a dict with its items: key, value, key, value.
func MapValue(items ...Value) Value {
	items = items[:len(items)/2*2]
	return Value{kind: Map, sized: true, len: int64(len(items) / 2), more: &more{items: items, known: true}}
}

// MapLen is a dict whose items nobody asked for.
func MapLen(n int64) Value { return Value{kind: Map, sized: true, len: n} }

// ArrayValue is an array of so many numbers.
func ArrayValue(n int64, facts Facts) Value {
	return Value{kind: Array, sized: true, len: n, more: &more{facts: facts}}
}

// ObjectValue is anything else.
func ObjectValue(types string) Value { return Value{kind: Object, typ: types} }

// EachValue is what a field with wildcards found. None at all is no violation: there is nothing
// that could violate.
func EachValue(items ...Item) Value { return Value{kind: Each, more: &more{each: items}} }

// maxDigits bounds a number in text, and its exponent: beyond it arithmetic would not be bounded.
const maxDigits = 5000

// NumberValue reads a number of any size exactly: "123", "-0.10", "1e30", "2/3". What it cannot
// read is Raised. "nan" and "inf", of a Decimal, are floats.
func NumberValue(text string) Value {
	switch strings.ToLower(strings.TrimLeft(text, "+-")) {
	case "nan", "snan":
		return FloatValue(math.NaN())
	case "inf", "infinity":
		if text[0] == '-' {
			return FloatValue(math.Inf(-1))
		}
		return FloatValue(math.Inf(1))
	}
	if len(text) > maxDigits || !plainNumber(text) {
		return RaisedValue("no number that can be compared: " + shorten(text, maxShown))
	}
	r, ok := new(big.Rat).SetString(text)
	if !ok {
		return RaisedValue("no number that can be compared: " + shorten(text, maxShown))
	}
	v := Value{kind: Exact, more: &more{exact: r}}
	if strings.ContainsAny(text, ".eE/") {
		return v
	}
	if r.Num().IsInt64() {
		return IntValue(r.Num().Int64())
	}
	return v.WithType("int")
}

// plainNumber keeps from big.Rat what only Go would read, and exponents that would not be bounded.
func plainNumber(text string) bool {
	for _, c := range []byte(text) {
		if (c < '0' || c > '9') && !strings.ContainsRune("+-.eE/", rune(c)) {
			return false
		}
	}
	at := strings.IndexAny(text, "eE")
	if at < 0 {
		return true
	}
	exponent := 0
	for _, c := range []byte(text[at+1:]) {
		if c >= '0' && c <= '9' {
			exponent = min(exponent*10+int(c-'0'), maxDigits+1)
		}
	}
	return exponent <= maxDigits
}

// WithType says the Python type of v by name, and after it, each after a blank, what else an
// instance of it is: "bool int". Without it v has the type its kind usually has.
func (v Value) WithType(types string) Value { v.typ = types; return v }

// WithLen says the length of v.
func (v Value) WithLen(n int64) Value { v.len, v.sized = n, true; return v }

// WithForm says which container v is, and whether it is true.
func (v Value) WithForm(f Form, truth bool) Value { v.form, v.truth = f, truth; return v }

// WithItems says what a Set holds.
func (v Value) WithItems(items ...Value) Value {
	v.sized, v.len, v.more = true, int64(len(items)), &more{items: items, known: true}
	return v
}

// Form tells which container v is.
func (v Value) Form() Form { return v.form }

// Truth is bool() of v; of a container or object it is what the host said.
func (v Value) Truth() bool { return v.truth }

// Int, Float and Text give the parts of a scalar.
func (v Value) Int() int64     { return v.num }
func (v Value) Float() float64 { return v.float }
func (v Value) Text() string   { return v.text }

// Len is the length of v; -1 if it has none, or nobody asked.
func (v Value) Len() int {
	if n, ok := v.length(); ok {
		return int(n)
	}
	return -1
}

// Integer gives a number that is whole and of any size; nil if v is none.
func (v Value) Integer() *big.Int {
	if v.kind != Exact || !v.more.exact.IsInt() || v.types() != "int" && !strings.Contains(" "+v.types()+" ", " int ") {
		return nil
	}
	return v.more.exact.Num()
}

// Items are the elements of v, if they are known; of a Map key, value, key, value.
func (v Value) Items() (items []Value, known bool) { return v.elements() }

// Types are the names of the type of v and of its bases, each after a blank.
func (v Value) Types() string { return v.types() }

// Kind tells what v is.
func (v Value) Kind() Kind { return v.kind }

// types are the names of the type of v.
func (v *Value) types() string {
	if v.typ != "" {
		return v.typ
	}
	switch v.kind {
	case Null:
		return "NoneType"
	case Bool:
		return "bool int"
	case Int:
		return "int"
	case Float:
		return "float"
	case String:
		return "str"
	case Bytes:
		return "bytes"
	case List:
		return "list"
	case Map:
		return "dict"
	default:
		return ""
	}
}

// length is what len() gives.
func (v *Value) length() (n int64, ok bool) {
	if v.sized {
		return v.len, true
	}
	if v.kind == String {
		return int64(utf8.RuneCountInString(v.text)), true
	}
	return 0, false
}

// isNumber reports whether v can be ordered among numbers.
func (v *Value) isNumber() bool { return v.kind >= Bool && v.kind <= Exact }
