package flux

import (
	"math/big"
	"slices"
	"unicode/utf8"

	"go.starlark.net/starlark"

	"github.com/theus-project/theus/core/path"
)

// Kind says what a Value is. The numbers are part of the ABI.
type Kind uint8

const (
	KindNone     Kind = 0
	KindBool     Kind = 1
	KindInt      Kind = 2
	KindFloat    Kind = 3
	KindText     Kind = 4
	KindBytes    Kind = 5
	KindList     Kind = 6
	KindTuple    Kind = 7
	KindDict     Kind = 8
	KindSet      Kind = 9
	KindSequence Kind = 10 // something else that has items in an order, such as a deque
	KindObject   Kind = 11 // anything else: it has fields, and is true or not
)

var kindNames = [...]string{"NoneType", "bool", "int", "float", "str", "bytes", "list", "tuple", "dict", "set", "sequence", "object"}

// String gives Python's name of the kind.
func (k Kind) String() string {
	if int(k) < len(kindNames) {
		return kindNames[k]
	}
	return "unknown"
}

// Value is a value of the host as conditions see it: a scalar, a plain container with its items, or
// a place, which is a container known by where it is in the state. The zero Value is None.
//
// Invariant: a Value never changes after it was handed over.
type Value struct{ v starlark.Value }

// None is also the zero Value.
func None() Value { return Value{} }

func Bool(b bool) Value        { return Value{starlark.Bool(b)} }
func Int(n int64) Value        { return Value{starlark.MakeInt64(n)} }
func BigInt(n *big.Int) Value  { return Value{starlark.MakeBigInt(n)} }
func Float(f float64) Value    { return Value{starlark.Float(f)} }
func Bytes(b []byte) Value     { return Value{starlark.Bytes(b)} }
func List(items []Value) Value { return Value{starlark.NewList(plain(items))} }

// Text is a text of Unicode characters; one that is not UTF-8 becomes an object without fields.
func Text(s string) Value {
	if !utf8.ValidString(s) {
		return Container(KindObject, utf8.RuneCountInString(s), true)
	}
	return Value{starlark.String(s)}
}

func Tuple(items []Value) Value    { return Value{starlark.Tuple(plain(items))} }
func Set(items []Value) Value      { return Value{&bag{kind: KindSet, list: plain(items)}} }
func Sequence(items []Value) Value { return Value{&bag{kind: KindSequence, list: plain(items)}} }

// Dict has as many keys as values, in the same order.
func Dict(keys, values []Value) Value {
	return Value{&entries{plain(keys), plain(values)}}
}

// Container is a container of which only kind, length (-1 for none) and truth are told. What it
// holds is asked for when a condition needs it.
func Container(kind Kind, length int, truth bool) Value {
	return Value{&place{kind: kind, length: length, truth: truth, known: true}}
}

// Doubtful is an object, such as an array of many numbers, of which nobody can say whether it is
// true: a condition that wants to know fails with that failure.
func Doubtful(length int, why *Failure) Value {
	return Value{&place{kind: KindObject, length: length, truth: true, known: true, doubt: &doubt{why: why}}}
}

func plain(values []Value) []starlark.Value {
	all := make([]starlark.Value, len(values))
	for i, v := range values {
		all[i] = v.starlark()
	}
	return all
}

func (v Value) starlark() starlark.Value {
	if v.v == nil {
		return starlark.None
	}
	return v.v
}

// Kind says what v is.
func (v Value) Kind() Kind { return kindOf(v.starlark()) }

func kindOf(v starlark.Value) Kind {
	switch v := v.(type) {
	case starlark.NoneType:
		return KindNone
	case starlark.Bool:
		return KindBool
	case starlark.Int:
		return KindInt
	case starlark.Float:
		return KindFloat
	case starlark.String:
		return KindText
	case starlark.Bytes:
		return KindBytes
	case *starlark.List:
		return KindList
	case starlark.Tuple:
		return KindTuple
	case *starlark.Dict, *entries:
		return KindDict
	case *starlark.Set:
		return KindSet
	case *bag:
		return v.kind
	case *place:
		return v.kind
	case starlark.Sequence:
		return KindSequence
	default:
		return KindObject
	}
}

// Place gives the path of a container whose contents were not told, and whether v is one.
func (v Value) Place() (path.Path, bool) {
	p, ok := v.v.(*place)
	if !ok {
		return nil, false
	}
	return p.path, true
}

// Truth is Python's.
func (v Value) Truth() bool { return bool(v.starlark().Truth()) }

// Int64 gives an integer, and whether it is one of 64 bits.
func (v Value) Int64() (int64, bool) {
	n, ok := v.v.(starlark.Int)
	if !ok {
		return 0, false
	}
	return n.Int64()
}

// Big gives an integer of any size; nil if v is none.
func (v Value) Big() *big.Int {
	if n, ok := v.v.(starlark.Int); ok {
		return n.BigInt()
	}
	return nil
}

// Float64 gives the number of a KindFloat.
func (v Value) Float64() float64 {
	f, _ := v.v.(starlark.Float)
	return float64(f)
}

// Text gives the characters of a KindText, or the bytes of a KindBytes.
func (v Value) Text() string {
	switch s := v.v.(type) {
	case starlark.String:
		return string(s)
	case starlark.Bytes:
		return string(s)
	}
	return ""
}

// Items gives what a list, tuple, set or sequence holds, and the keys of a dict. A place has none.
func (v Value) Items() []Value {
	var all []Value
	if it, ok := v.v.(starlark.Iterable); ok {
		for item := range starlark.Elements(it) {
			all = append(all, Value{item})
		}
	}
	return all
}

// Values gives the values of a dict, in the order of its keys.
func (v Value) Values() []Value {
	var all []Value
	switch d := v.v.(type) {
	case *starlark.Dict:
		for _, pair := range d.Items() {
			all = append(all, Value{pair[1]})
		}
	case *entries:
		for _, value := range d.values {
			all = append(all, Value{value})
		}
	}
	return all
}

// String spells v for people.
func (v Value) String() string { return repr(v.starlark(), 0) }

// place is a container of the state: where it is, and what was told about it.
type place struct {
	path   path.Path
	kind   Kind
	length int // -1: it has none
	truth  bool
	known  bool // kind, length and truth were told
	doubt  *doubt
}

// doubt is why the truth of a place cannot be told, and whether somebody wanted to know.
type doubt struct {
	why   *Failure
	asked bool
}

// doubts lists those of a reading and of what it holds.
func doubts(v starlark.Value, to []*doubt) []*doubt {
	switch v := v.(type) {
	case *place:
		if v.doubt != nil {
			to = append(to, v.doubt)
		}
	case *starlark.List:
		for i := range v.Len() {
			to = doubts(v.Index(i), to)
		}
	case starlark.Tuple:
		for _, item := range v {
			to = doubts(item, to)
		}
	case *bag:
		for _, item := range v.list {
			to = doubts(item, to)
		}
	case *entries:
		for _, item := range v.values {
			to = doubts(item, to)
		}
	}
	return to
}

// doubtful gives why the truth of a value cannot be told, or nil.
func (v Value) doubtful() *Failure {
	if p, ok := v.v.(*place); ok && p.doubt != nil {
		return p.doubt.why
	}
	return nil
}

var _ starlark.Value = (*place)(nil)

func (p *place) String() string        { return p.path.String() }
func (p *place) Type() string          { return p.kind.String() }
func (p *place) Freeze()               {}
func (p *place) Hash() (uint32, error) { return 0, raise("TypeError", "unhashable type: '%s'", p.kind) }

func (p *place) Truth() starlark.Bool {
	if p.doubt != nil {
		p.doubt.asked = true // the evaluation looks, and fails
	}
	return starlark.Bool(p.truth)
}

// child is the place of something inside p.
func (p *place) child(seg path.Segment) path.Path {
	if len(p.path) == 0 {
		seg = seg.AtRoot()
	}
	return append(slices.Clone(p.path), seg)
}

// bag is what can be looped over and no more: the items of a set or of a deque, or what zip(),
// enumerate() and the methods of a dict give.
type bag struct {
	kind  Kind
	list  []starlark.Value
	sized bool
}

var _ starlark.Iterable = (*bag)(nil)

func (x *bag) String() string        { return "items" }
func (x *bag) Type() string          { return x.kind.String() }
func (x *bag) Freeze()               {}
func (x *bag) Hash() (uint32, error) { return 0, raise("TypeError", "unhashable type") }
func (x *bag) Iterate() starlark.Iterator {
	return starlark.Tuple(x.list).Iterate()
}

// Truth is that of a container; an iterator is always true.
func (x *bag) Truth() starlark.Bool { return starlark.Bool(x.kind == KindObject || len(x.list) > 0) }

// entries is a dict of the host before its keys were looked at.
type entries struct{ keys, values []starlark.Value }

var _ starlark.Iterable = (*entries)(nil)

func (x *entries) String() string             { return "dict" }
func (x *entries) Type() string               { return "dict" }
func (x *entries) Freeze()                    {}
func (x *entries) Truth() starlark.Bool       { return starlark.Bool(len(x.keys) > 0) }
func (x *entries) Hash() (uint32, error)      { return 0, raise("TypeError", "unhashable type: 'dict'") }
func (x *entries) Iterate() starlark.Iterator { return starlark.Tuple(x.keys).Iterate() }
