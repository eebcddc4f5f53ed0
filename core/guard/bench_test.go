package guard_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/theus-project/theus/core/guard"
	"github.com/theus-project/theus/core/path"
)

var steps = []struct {
	name string
	at   string
	seg  path.Segment
}{
	{"declared", "domain", attr("balance")},
	{"undeclared", "domain", attr("other")},
	{"below-output", "domain.d", key("some key")},
	{"wildcard", "domain.accounts", key("alice")},
	{"index", "domain.d", path.Segment{Kind: path.Int, Index: 1 << 40}},
}

func table(t testing.TB) (*guard.Shapes, guard.Shape) {
	shapes := guard.NewShapes()
	return shapes, shapes.Root(compile(t, "p", "domain.balance", "domain.d", "domain.accounts.*.balance"))
}

func at(t testing.TB, shapes *guard.Shapes, root guard.Shape, text string) guard.Shape {
	p, err := path.Parse(text)
	require.NoError(t, err)
	s, err := shapes.At(root.ID, p)
	require.NoError(t, err)
	return s
}

// A question that was asked before allocates nothing, of whatever kind it is.
func TestChildAllocatesNothing(t *testing.T) {
	shapes, root := table(t)
	for _, s := range steps {
		parent := at(t, shapes, root, s.at)
		child(t, shapes, parent, s.seg)
		require.Zero(t, testing.AllocsPerRun(100, func() { _, _ = shapes.Child(parent.ID, s.seg) }), s.name)
	}
}

func BenchmarkChild(b *testing.B) {
	shapes, root := table(b)
	for _, s := range steps {
		parent := at(b, shapes, root, s.at)
		b.Run(s.name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				_, _ = shapes.Child(parent.ID, s.seg)
			}
		})
	}
}

func BenchmarkRoot(b *testing.B) {
	shapes := guard.NewShapes()
	p, q := compile(b, "p", "domain.x"), compile(b, "q", "domain")
	b.ReportAllocs()
	for b.Loop() {
		shapes.Root(p, q)
	}
}
