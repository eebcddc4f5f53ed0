package path_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/theus-project/theus/core/fault"
	"github.com/theus-project/theus/core/path"
)

func name(s string) path.Segment  { return path.Segment{Kind: path.Name, Name: s} }
func text(s string) path.Segment  { return path.Segment{Kind: path.Text, Name: s} }
func index(i int64) path.Segment  { return path.Segment{Kind: path.Int, Index: i} }
func attr(s string) path.Segment  { return path.Segment{Kind: path.Attr, Name: s} }
func other(s string) path.Segment { return path.Segment{Kind: path.Other, Name: s} }

var anything = path.Segment{Kind: path.Any}

// What users spell has one meaning and one canonical spelling.
func TestParse(t *testing.T) {
	d := name("domain_ctx")
	for _, c := range []struct {
		text  string
		want  path.Path
		print string
	}{
		{"domain_ctx", path.Path{d}, "domain_ctx"},
		{"domain.a", path.Path{d, name("a")}, "domain_ctx.a"},
		{"global.domain", path.Path{name("global_ctx"), name("domain")}, "global_ctx.domain"},
		{"user_ctx.domain.global", path.Path{name("user_ctx"), name("domain"), name("global")}, "user_ctx.domain.global"},
		{"domain.items[3].name", path.Path{d, name("items"), index(3), name("name")}, "domain_ctx.items[3].name"},
		{"domain.items[-1]", path.Path{d, name("items"), index(-1)}, "domain_ctx.items[-1]"},
		{`domain.d["a.b"]`, path.Path{d, name("d"), text("a.b")}, `domain_ctx.d["a.b"]`},
		{`domain.d['x']`, path.Path{d, name("d"), text("x")}, `domain_ctx.d["x"]`},
		{`domain.d['"\'\\\n\x41é\U0001f600']`, path.Path{d, name("d"), text("\"'\\\nAé😀")}, `domain_ctx.d["\"'\\\nAé😀"]`},
		{`domain.d[""]`, path.Path{d, name("d"), text("")}, `domain_ctx.d[""]`},
		{"domain.accounts.*.balance", path.Path{d, name("accounts"), anything, name("balance")}, "domain_ctx.accounts.*.balance"},
		{"domain.accounts[*]", path.Path{d, name("accounts"), anything}, "domain_ctx.accounts.*"},
		{"domain.größe", path.Path{d, name("größe")}, "domain_ctx.größe"},
	} {
		got, err := path.Parse(c.text)
		require.NoError(t, err, c.text)
		require.Equal(t, c.want, got, c.text)
		require.Equal(t, c.print, got.String())
	}
}

// An error points at the place and says what to do.
func TestParseErrors(t *testing.T) {
	for _, c := range []struct{ text, want string }{
		{"", "column 1: a path is missing"},
		{"domain..a", "column 8: a name is missing"},
		{"domain.", "column 8: a name is missing"},
		{".a", "column 1: a path starts with a name"},
		{"[0]", "column 1: a path starts with a name"},
		{"domain.a b", "column 9: a path has no blanks"},
		{" domain", "column 1: a path has no blanks"},
		{"domain.a-b", `column 9: a name cannot hold "-"; quote the key`},
		{"domain.items.0", "column 14: a name starts with a letter; write [0]"},
		{"domain.items.[0]", "column 14: no dot stands before a bracket"},
		{"domain.items[", "column 14: this bracket is never closed"},
		{"domain.items[0", "column 15: a ] is missing"},
		{"domain.items]", "column 13: this bracket was never opened"},
		{"domain.items[x]", "column 14: an index, a quoted key or *"},
		{"domain.items[-]", "column 14: digits are missing"},
		{"domain.items[9223372036854775808]", "column 14: this index does not fit"},
		{`domain.d["x]`, "column 10: this quotation mark is never closed"},
		{`domain.d["\q"]`, "column 11: this is no escape"},
		{`domain.d["\x4"]`, "column 11: this escape is no character"},
		{`domain.d["\u12`, "column 11: hexadecimal digits are missing"},
		{`domain.d["\ud800"]`, "column 11: this escape is no character"},
		{`domain.d["\`, "column 11: this backslash escapes nothing"},
		{"domain.mean()", "column 12: a path names state and cannot call"},
		{"domain.\xff", "column 1: this is not UTF-8"},
		{"größe..a", "column 7: a name is missing"},
	} {
		_, err := path.Parse(c.text)
		require.ErrorIs(t, err, fault.Invalid, c.text)
		require.ErrorContains(t, err, c.want, c.text)
	}
}

// The text shows the path with a caret under the place, unless it would not fit a line.
func TestParseCaret(t *testing.T) {
	_, err := path.Parse("domain..a")
	var f *fault.Error
	require.ErrorAs(t, err, &f)
	require.Equal(t, "domain..a", f.Path)
	require.Equal(t, "Invalid Path: \"domain..a\", column 8: a name is missing after the dot\n"+
		"  domain..a\n"+
		"         ^ a name is missing after the dot", f.Text)

	_, err = path.Parse(strings.Repeat("a", 1000) + ".")
	require.ErrorAs(t, err, &f)
	require.Less(t, len(f.Text), 200)
}
