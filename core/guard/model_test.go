package guard_test

import (
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/theus-project/theus/core/contract"
	"github.com/theus-project/theus/core/guard"
	"github.com/theus-project/theus/core/path"
)

// A small vocabulary, so that paths meet.
var names = []string{"domain", "domain_ctx", "global_ctx", "a", "b", "sig_x", "meta_y", "heavy_z"}

func entries(t *rapid.T, label string) []string {
	steps := []string{".a", ".b", ".*", "[0]", `["a"]`, ".sig_x", ".meta_y", ".heavy_z", "[*]"}
	entry := rapid.Custom(func(t *rapid.T) string {
		text := rapid.SampledFrom([]string{"domain", "domain_ctx", "global", "a", "*"}).Draw(t, "root")
		for _, s := range rapid.SliceOfN(rapid.SampledFrom(steps), 0, 3).Draw(t, "steps") {
			text += s
		}
		return text
	})
	return rapid.SliceOfN(entry, 0, 5).Draw(t, label)
}

// contracts draws a contract in both forms.
func contracts(t *rapid.T) (*contract.Policy, twin) {
	c := contract.Contract{Name: "p", Outputs: entries(t, "outputs")}
	for _, in := range entries(t, "inputs") {
		c.Inputs = append(c.Inputs, in)
		if _, err := contract.Compile(c); err != nil {
			c.Inputs = c.Inputs[:len(c.Inputs)-1] // a zone that is no input
		}
	}
	p, err := contract.Compile(c)
	require.NoError(t, err)
	return p, twin{inputs: p.InputPaths(), outputs: p.OutputPaths()}
}

func met(t *rapid.T) path.Segment {
	switch rapid.IntRange(0, 5).Draw(t, "kind") {
	case 0, 1, 2:
		all := append([]string{"_private", "other", "global"}, names...)
		return path.Segment{Kind: path.Attr, Name: rapid.SampledFrom(all).Draw(t, "attr")}
	case 3:
		return path.Segment{Kind: path.Text, Name: rapid.SampledFrom(names).Draw(t, "key")}
	case 4:
		return path.Segment{Kind: path.Int, Index: rapid.Int64Range(0, 1).Draw(t, "index")}
	default:
		return path.Segment{Kind: path.Other, Name: "(1, 2)"}
	}
}

// Walking shapes segment by segment decides what comparing whole paths decides, for one contract
// and for nested ones.
func TestShapesAgreeWithTwin(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		shapes := guard.NewShapes()
		var policies []*contract.Policy
		var twins []twin
		for range rapid.IntRange(1, 3).Draw(t, "nested") {
			p, tw := contracts(t)
			policies, twins = append(policies, p), append(twins, tw)
		}
		root := shapes.Root(policies...)
		for range 8 {
			p := path.Path(rapid.SliceOfN(rapid.Custom(met), 0, 5).Draw(t, "path"))
			got, err := shapes.At(root.ID, p)
			require.NoError(t, err)
			want := shape(twins, p)
			want.ID, want.Flags = got.ID, got.Flags
			require.Equal(t, want, got, "%v under %v and %v", p, policies[0].Inputs(), policies[0].Outputs())
			checkItems(t, shapes, got)
		}
	})
}

// checkItems holds Items to its promise: the answer for every index and unprefixed key.
func checkItems(t *rapid.T, shapes *guard.Shapes, at guard.Shape) {
	items, err := shapes.Items(at.ID)
	if at.Flags&guard.ItemsVary != 0 {
		require.Error(t, err)
		return
	}
	require.NoError(t, err)
	for _, key := range []path.Segment{
		{Kind: path.Int}, {Kind: path.Int, Index: 7}, {Kind: path.Text, Name: "a"}, {Kind: path.Text, Name: "b"},
		{Kind: path.Text, Name: "domain"}, {Kind: path.Text, Name: "_x"}, {Kind: path.Other, Name: "None"},
	} {
		child, err := shapes.Child(at.ID, key)
		require.NoError(t, err)
		require.Equal(t, items, child, "%v", key)
	}
}

// Several policies in any order, repeated or joined by edit(), are the same intersection.
func TestRootIsASet(t *testing.T) {
	shapes := guard.NewShapes()
	a, b, all := compile(t, "a", "domain.x"), compile(t, "b", "domain.y"), contract.Everything("edit")
	both := shapes.Root(a, b)
	require.Equal(t, both, shapes.Root(b, a))
	require.Equal(t, both, shapes.Root(a, b, a, all))
	require.NotEqual(t, both, shapes.Root(a))
	require.Equal(t, shapes.Root(a), shapes.Root(all, a))
	require.Equal(t, shapes.Root(all), shapes.Root(contract.Everything("other")))
	require.Equal(t, guard.MayRead|guard.MayWrite, shapes.Root(all).Bits)
	require.Zero(t, shapes.Root().Bits)
}

// compile makes a policy with outputs only.
func compile(t testing.TB, name string, outputs ...string) *contract.Policy {
	t.Helper()
	p, err := contract.Compile(contract.Contract{Name: name, Outputs: outputs})
	require.NoError(t, err)
	return p
}
