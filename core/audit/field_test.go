package audit

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/theus-project/theus/core/fault"
	"github.com/theus-project/theus/core/path"
)

// A field has one meaning and one spelling.
func TestParseField(t *testing.T) {
	name := func(s string) Step { return Step{Segment: path.Segment{Kind: path.Name, Name: s}} }
	call := func(s string) Step { return Step{path.Segment{Kind: path.Name, Name: s}, true} }
	at := func(i int64) Step { return Step{Segment: path.Segment{Kind: path.Int, Index: i}} }
	key := func(s string) Step { return Step{Segment: path.Segment{Kind: path.Text, Name: s}} }
	every := Step{Segment: path.Segment{Kind: path.Any}}
	d := name("domain_ctx")
	for _, c := range []struct {
		text  string
		want  []Step
		print string
	}{
		{"minutes", []Step{name("minutes")}, "minutes"},
		{"domain.balance", []Step{d, name("balance")}, "domain_ctx.balance"},
		{"domain.accounts.*.balance", []Step{d, name("accounts"), every, name("balance")}, "domain_ctx.accounts.*.balance"},
		{"domain_ctx.moisture.mean()", []Step{d, name("moisture"), call("mean")}, "domain_ctx.moisture.mean()"},
		{"domain.q.head().tags()[0].x", []Step{d, name("q"), call("head"), call("tags"), at(0), name("x")},
			"domain_ctx.q.head().tags()[0].x"},
		{`domain.d["f()"].g()`, []Step{d, name("d"), key("f()"), call("g")}, `domain_ctx.d["f()"].g()`},
		{`domain.d["\"()"].g()["h"]`, []Step{d, name("d"), key(`"()`), call("g"), key("h")}, `domain_ctx.d["\"()"].g()["h"]`},
		{"domain.box._hidden", []Step{d, name("box"), name("_hidden")}, "domain_ctx.box._hidden"}, // A8
		{"domain.rows[*].sum()", []Step{d, name("rows"), every, call("sum")}, "domain_ctx.rows.*.sum()"},
	} {
		f, err := ParseField(c.text)
		require.NoError(t, err, c.text)
		require.Equal(t, c.want, f.Steps, c.text)
		require.Equal(t, c.print, f.String(), c.text)
		require.Equal(t, len(c.want) == 1, f.Arg != "", c.text)
		again, err := ParseField(f.String())
		require.NoError(t, err)
		require.Equal(t, f.Steps, again.Steps)
		require.Len(t, f.Path(), len(f.Steps))
	}
}

// The short spelling of a layer may be a keyword argument, at the gate that has them.
func TestFieldAtGate(t *testing.T) {
	f, err := ParseField("domain")
	require.NoError(t, err)
	require.Equal(t, "domain", f.at(Input).Arg)
	require.Equal(t, "domain", f.at(Input).String())
	require.Empty(t, f.at(Output).Arg)
	require.Equal(t, "domain_ctx", f.at(Output).String())
}

// A mistake in a field is shown at its place. A9: a call cannot be given anything to act on.
func TestParseFieldErrors(t *testing.T) {
	for _, c := range []struct{ text, want string }{
		{"", "column 1: a path is missing"},
		{"domain..a", "column 8: a name is missing"},
		{"domain.a.mean(1)", "column 14: a call in a field has no arguments"},
		{"domain.a.mean(", "column 14: a call in a field has no arguments"},
		{"domain.a.mean()x", "column 14: after a call a dot"},
		{"domain.a.mean()()", "column 14: after a call a dot"},
		{"domain.a.()", "column 10: the name of a method is missing"},
		{"domain.a[0]()", "column 12: the name of a method is missing"},
		{"domain.*()", "column 9: the name of a method is missing"},
		{"()", "column 1: the name of a method is missing"},
		{"mean()", "nothing stands before this call"},
		{"domain.größe.x().", "column 18: a name is missing"},
		{"domain.größe.x(y)", "column 15: a call in a field"},
		{"domain.x.__class__", "__class__ belongs to Python's own machinery"},
		{"domain.x.__reduce__()", "__reduce__ belongs to Python's own machinery"},
		{"domain.x.1()", "column 10: a name starts with a letter"},
	} {
		_, err := ParseField(c.text)
		require.ErrorIs(t, err, fault.Invalid, c.text)
		require.ErrorContains(t, err, c.want, c.text)
	}
}
