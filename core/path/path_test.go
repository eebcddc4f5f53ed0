package path_test

import (
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/theus-project/theus/core/path"
)

// A name in a pattern is the attribute or the text key; brackets are exact; a star is anything.
func TestMatches(t *testing.T) {
	met := []path.Segment{attr("x"), text("x"), index(0), other("0"), attr("0"), text("0"), name("x"), anything}
	for _, c := range []struct {
		pattern path.Segment
		want    []path.Segment
	}{
		{name("x"), []path.Segment{attr("x"), text("x"), name("x")}},
		{text("x"), []path.Segment{text("x")}},
		{text("0"), []path.Segment{text("0")}},
		{index(0), []path.Segment{index(0)}},
		{anything, met},
		{path.Segment{}, nil},
	} {
		var got []path.Segment
		for _, m := range met {
			if c.pattern.Matches(m) {
				got = append(got, m)
			}
		}
		require.Equal(t, c.want, got, "%v", c.pattern)
	}
}

// The keys 1, "1" and "a.b" are three different segments, and so are fields nobody uses equal.
func TestEqual(t *testing.T) {
	require.False(t, path.Path{index(1)}.Equal(path.Path{text("1")}))
	require.False(t, path.Path{text("a.b")}.Equal(path.Path{text("a"), text("b")}))
	require.True(t, path.Path{{Kind: path.Int, Name: "left over", Index: 1}}.Equal(path.Path{index(1)}))
}

func TestParent(t *testing.T) {
	p := path.Path{name("a"), name("b")}
	require.Equal(t, path.Path{name("a")}, p.Parent())
	require.Empty(t, p.Parent().Parent())
	require.Empty(t, path.Path{}.Parent())
	_ = append(p.Parent(), name("c")) // does not reach into p
	require.Equal(t, name("b"), p[1])
}

func TestPrint(t *testing.T) {
	require.Equal(t, "ctx", path.Path{}.String())
	require.Equal(t, `domain_ctx.d[(1, 2)]["a\tb"][7].*`,
		path.Path{attr("domain_ctx"), attr("d"), other("(1, 2)"), text("a\tb"), index(7), anything}.String())
	require.Equal(t, path.Path{attr("domain_ctx")}, path.Path{attr("domain")}.Canonical())
	require.Equal(t, path.Path{text("domain")}, path.Path{text("domain")}.Canonical())
}

// patterns draws what Parse can give.
func patterns(t *rapid.T) path.Path {
	names := rapid.OneOf(rapid.StringMatching(`[\pL_][\pL\p{Nd}_]{0,5}`), rapid.SampledFrom([]string{"domain", "a", "b"}))
	segment := rapid.Custom(func(t *rapid.T) path.Segment {
		switch rapid.IntRange(0, 3).Draw(t, "kind") {
		case 0:
			return name(names.Draw(t, "name"))
		case 1:
			return text(rapid.String().Draw(t, "key"))
		case 2:
			return index(rapid.Int64().Draw(t, "index"))
		default:
			return anything
		}
	})
	p := path.Path{name(names.Draw(t, "root"))}
	return append(p, rapid.SliceOfN(segment, 0, 5).Draw(t, "path")...).Canonical()
}

// Printing and parsing are inverse, whatever the keys hold.
func TestRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		p := patterns(t)
		q, err := path.Parse(p.String())
		require.NoError(t, err)
		require.True(t, p.Equal(q), "%v: %#v is not %#v", p, q, p)
	})
}

// A pattern covers itself and all below; it leads to itself from all above, and never both.
func TestCovers(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		p, q := patterns(t), patterns(t)
		long := append(p[:len(p):len(p)], q...)
		require.True(t, p.Covers(p))
		require.True(t, p.Covers(long))
		require.True(t, long.Leads(p))
		require.False(t, long.Covers(p))
		require.False(t, p.Covers(q) && p.Leads(q))
	})
}
