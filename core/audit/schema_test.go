package audit

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/theus-project/theus/core/fault"
)

const schemaText = `
context:
  global: {most: {type: integer, default: 4}}
  domain:
    number: {type: integer}
    real: {type: float, required: false}
    beds: {type: "dict[string, Bed]"}
    mode: {type: "Literal['auto', 1] | none"}
    heavy_map: {type: integer}
objects:
  Bed: {water: {type: float}, next: {type: Bed | none}}
`

func compiled(t testing.TB, text string, classes ...string) *Schema {
	t.Helper()
	s, err := LoadSchema("s.yaml", []byte(text), false)
	require.NoError(t, err)
	s, err = s.Compile("s.yaml", classes)
	require.NoError(t, err)
	return s
}

// at follows fields of the table; "*" is the items of a type.
func at(t testing.TB, s *Schema, names ...string) (uint32, Typing) {
	t.Helper()
	n := Root
	for _, name := range names {
		was := n
		n = 0
		if name == "*" {
			n = s.types[was].Item
		}
		for _, f := range s.types[was].Fields {
			if f.Name == name {
				n = f.Type
			}
		}
	}
	return n, s.types[n]
}

// The table says what the file says: kinds, items, fields, members; HEAVY fields are free.
func TestSchemaTable(t *testing.T) {
	s := compiled(t, schemaText)
	_, number := at(t, s, "domain_ctx", "number")
	require.Equal(t, IsInt|IsBool, number.Accepts)
	_, real := at(t, s, "domain_ctx", "real")
	require.Equal(t, IsFloat|IsInt|IsBool|IsNone, real.Accepts)
	beds, _ := at(t, s, "domain_ctx", "beds")
	require.Equal(t, IsDict, s.types[beds].Accepts)
	require.Equal(t, IsText, s.types[s.types[beds].Key].Accepts)
	bed, typed := at(t, s, "domain_ctx", "beds", "*")
	require.Equal(t, IsDict|IsObject, typed.Accepts)
	_, next := at(t, s, "domain_ctx", "beds", "*", "next")
	require.Len(t, next.Members, 2)
	require.Equal(t, bed, next.Members[0], "a type may hold itself")
	heavy, _ := at(t, s, "domain_ctx", "heavy_map")
	require.Zero(t, heavy)
	s = compiled(t, schemaText, "Bed", "date")
	_, typed = at(t, s, "domain_ctx", "beds", "*")
	require.Equal(t, "Bed", typed.Class)
	require.Len(t, typed.Fields, 2)
}

// Types of a union that one value could have in common become one.
func TestSchemaUnions(t *testing.T) {
	for text, want := range map[string]string{
		"integer | float | none":              "integer | float | None",
		"Optional[integer]":                   "integer | None",
		"Union[integer, string]":              "integer | string",
		"list[integer] | list[string]":        "list[integer] | list[string]",
		"list[integer] | any":                 "any",
		"Literal[1] | Literal['x'] | none":    "Literal[1] | Literal['x'] | None",
		"tuple[integer, string, ...] | tuple": "tuple[integer, string] | tuple",
		"Box[integer] | none":                 "Box[integer] | None",
		"dict[string, list[float]]":           "dict[string, list[float]]",
		"integer | integer":                   "integer",
	} {
		s := compiled(t, fmt.Sprintf("domain: {x: {type: %q}}", text), "Box")
		n, typed := at(t, s, "domain_ctx", "x")
		require.Equal(t, want, s.types[n].text, text)
		if strings.HasPrefix(text, "list[integer] | list") {
			require.Empty(t, typed.Members)
			require.Equal(t, IsInt|IsBool|IsText, s.types[typed.Item].Accepts, "which list it shall be, no element tells")
		}
	}
}

// A literal is judged by value and type, and everything else is refused with what belongs there.
func TestSchemaJudge(t *testing.T) {
	s := compiled(t, schemaText)
	n, mode := at(t, s, "domain_ctx", "mode")
	literal := mode.Members[0]
	require.True(t, s.types[literal].Asked)
	for _, good := range []Value{StringValue("auto"), IntValue(1)} {
		require.NoError(t, s.Judge(literal, &good, "p", "x"))
	}
	for _, bad := range []Value{StringValue("off"), BoolValue(true), FloatValue(1), NullValue(), NumberValue("1.0")} {
		require.ErrorIs(t, s.Judge(literal, &bad, "p", "x"), fault.Schema)
	}
	missing := AbsentValue()
	err := s.Judge(n, &missing, "p", "domain_ctx.mode").(*fault.Error)
	require.Equal(t, "process 'p' leaves domain_ctx.mode missing\n"+
		"  expected:      Literal['auto', 1] | None\n  got:           nothing\n"+
		"  fix:           give it a value of type Literal['auto', 1] | None, or remove it from the schema", err.Text)
	require.Equal(t, []string{"Literal['auto', 1] | None"}, err.Allowed)
	wrong := StringValue("x")
	err = s.Judge(n, &wrong, "", "domain_ctx.mode").(*fault.Error)
	require.Contains(t, err.Text, "the context has domain_ctx.mode as str 'x'\n")
	require.ErrorIs(t, s.Judge(999, &wrong, "", ""), fault.Invalid)
}

// What a file says is told as JSON, with types as they were written.
func TestSchemaDescribe(t *testing.T) {
	s, err := LoadSchema("s.yaml", []byte("domain: {x: {type: nonsense, default: [1.5]}}"), false)
	require.NoError(t, err)
	require.Equal(t, `{"global":[],"domain":[{"name":"x","type":"nonsense","required":true,"default":[{"float":"1.5"}]}],"objects":[]}`,
		string(s.Describe()))
	s, err = LoadSchema("s.yaml", nil, false)
	require.NoError(t, err)
	require.Empty(t, s.Domain)
}

// Loading takes work in proportion to the fields.
func TestSchemaLinear(t *testing.T) {
	requireLinear(t, func(n int) func() {
		var b strings.Builder
		b.WriteString("domain:\n")
		for i := range n {
			fmt.Fprintf(&b, "  f%d: {type: \"dict[string, list[float]] | none\"}\n", i)
		}
		text := []byte(b.String())
		return func() {
			s, err := LoadSchema("s.yaml", text, false)
			require.NoError(t, err)
			_, err = s.Compile("s.yaml", nil)
			require.NoError(t, err)
		}
	}, 1000)
}

// No file makes a schema panic or hang, and what it compiles to has no number that leads nowhere.
func FuzzSchema(f *testing.F) {
	f.Add(schemaText, "Bed")
	f.Add("domain: {x: {type: 'Union[Literal[1, None, \"a\\\"b\"], tuple[int, ...], Optional[Box[x]]]'}}", "Box")
	f.Add("objects: {A: {a: {type: A}}, B: &b {b: {type: 'A | B'}}, C: *b}", "A")
	f.Add("domain: {x: {type: >\n  list[\n  integer]}}", "")
	f.Fuzz(func(t *testing.T, text, class string) {
		s, err := LoadSchema("f.yaml", []byte(text), false)
		if err != nil {
			require.ErrorIs(t, err, fault.Invalid)
			return
		}
		s.Describe()
		s, err = s.Compile("f.yaml", []string{class})
		if err != nil {
			require.ErrorIs(t, err, fault.Invalid)
			return
		}
		n := uint32(len(s.types))
		for i, typed := range s.Types() {
			require.Less(t, typed.Item, n)
			require.Less(t, typed.Key, n)
			for _, m := range typed.Members {
				require.Less(t, m, n)
				require.Empty(t, s.types[m].Members, "a member has none itself")
			}
			for _, field := range typed.Fields {
				require.Less(t, field.Type, n)
			}
			v := StringValue(class)
			_ = s.Judge(uint32(i), &v, "p", "x")
		}
	})
}
