package audit

import (
	"fmt"
	"slices"
	"strings"

	"github.com/theus-project/theus/core/fault"
)

// A schema says of what type the fields of the context are. Where a recipe judges processes, a
// schema holds for whatever is written, by whom ever.
//
//	context:                                 # this outer key may be left out
//	  global: {limit: {type: integer, default: 4}}
//	  domain:
//	    moisture: {type: float}
//	    beds: {type: "dict[string, Bed]"}
//	    mode: {type: "Literal['auto', 'manual'] | none", required: false}
//	objects:                                 # what stands below a field, by name
//	  Bed: {water: {type: float}, next: {type: "Bed | none"}}
//
// It compiles to a table of types, which a host keeps. The host compares what was written, one
// value at a time, and only asks where the table does not tell: so a schema costs what was written
// and nothing else, and no crossing where all is well.

// Schema is a checked schema. It never changes.
type Schema struct {
	Global, Domain []FieldSpec
	Objects        []ObjectSpec

	types []Typing
}

// FieldSpec is what a schema says of one field.
type FieldSpec struct {
	Name     string
	Type     string // as it was written
	Required bool   // false permits None
	Default  *Value // nil if there is none
	Place    Place

	typed Place // of the type's text; where a mistake in it is told
	exact bool  // columns in the text are columns of the file
}

// ObjectSpec is a name for a set of fields.
type ObjectSpec struct {
	Name   string
	Fields []FieldSpec
	Place  Place
}

// Typing is an entry of the table. Its number is its index; 0 is any, of which nothing is asked.
//
//  1. A value fits if it is of a kind in Accepts, or is an instance of Class; or if Members are not
//     empty and it fits one of those, the first where several do.
//  2. What fits is looked into: its items are of type Item, the keys of a dict of type Key, and the
//     Fields, attributes or keys, of theirs.
//  3. If it is Asked, what fits is handed to Judge.
type Typing struct {
	Accepts Accept
	Class   string // "" for none
	Item    uint32
	Key     uint32
	Fields  []TypedField
	Members []uint32
	Asked   bool

	text     string
	literals []Value
	object   bool // it has a name, and fields that may not be compiled yet
}

// TypedField is a field that values of a type have.
type TypedField struct {
	Name string
	Type uint32
}

// Accept is a set of kinds of values. The numbers are those of capi/theus.h.
type Accept uint32

const (
	IsNone Accept = 1 << iota
	IsBool
	IsInt
	IsFloat
	IsText
	IsBytes
	IsList
	IsTuple
	IsDict
	IsSet
	IsFrozenset
	IsDeque
	IsBytearray
	IsObject // anything else
)

// Root is the type of the system context.
const Root uint32 = 1

// Types gives the table. Nobody may change it.
func (s *Schema) Types() []Typing { return s.types }

// Judge asks about a value that is Asked, or does not fit; nil if it is as it shall be. process is
// that which wrote it, and where its path, "" for those who do not know yet: they ask again to get
// a fault.Schema that can be shown.
func (s *Schema) Judge(number uint32, v *Value, process, where string) error {
	if int64(number) >= int64(len(s.types)) {
		return fault.New(fault.Invalid, "there is no type %d", number)
	}
	t := &s.types[number]
	if t.Asked && slices.ContainsFunc(t.literals, func(l Value) bool { return identical(&l, v) }) {
		return nil
	}
	got := v.String()
	name, _, _ := strings.Cut(v.types(), " ")
	switch {
	case v.kind == Absent:
		got = "nothing"
	case v.kind == Null:
	case name != "" && !strings.HasPrefix(got, "<"):
		got = name + " " + got
	}
	e := &fault.Error{Kind: fault.Schema, Process: process, Path: where, Op: "store", Nearest: got, Allowed: []string{t.text}}
	said := "leaves " + where + " as " + got
	if v.kind == Absent {
		said = "leaves " + where + " missing"
	}
	if process == "" {
		said = "the context has " + where + " as " + got
		if v.kind == Absent {
			said = "the context has no " + where
		}
	} else {
		said = fmt.Sprintf("process '%s' %s", process, said)
	}
	e.Detail = "a value is not of the type that the schema says"
	e.Hint = "store a value of type " + t.text + ", or change the schema"
	if v.kind == Absent {
		e.Hint = "give it a value of type " + t.text + ", or remove it from the schema"
	}
	e.Text = fmt.Sprintf("%s\n  expected:      %s\n  got:           %s\n  fix:           %s", said, t.text, got, e.Hint)
	return e
}

// identical is equal, and of one type: a literal 1 is not True.
func identical(l, v *Value) bool {
	kind := v.kind
	if kind == Exact && l.kind == Int {
		return false
	}
	return l.kind == kind && equal(l, v) == yes
}
