package guard

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/theus-project/theus/core/contract"
	"github.com/theus-project/theus/core/path"
)

func learner(t *testing.T, name string) *contract.Policy {
	t.Helper()
	p, err := contract.Learn(contract.Contract{Name: name})
	require.NoError(t, err)
	return p
}

// While a contract is learned everything is allowed, and each place that was reached is listed
// once, by its path.
func TestLearnedPlacesAreThoseThatWereReached(t *testing.T) {
	s := NewShapes()
	root := s.Root(learner(t, "p"))
	for range 2 {
		for _, text := range []string{"domain.a", "domain.rows[3].x", "domain.rows[4]", `domain.d["k"]`} {
			where, err := path.Parse(text)
			require.NoError(t, err)
			shape, err := s.At(root.ID, where)
			require.NoError(t, err)
			require.Equal(t, MayRead|MayWrite, shape.Bits)
		}
	}
	var paths []string
	for _, l := range s.Learned() {
		paths = append(paths, l.Path.String())
		require.Equal(t, []string{"p"}, l.Processes)
	}
	require.Equal(t, []string{
		"ctx", "domain_ctx", "domain_ctx.a", "domain_ctx.rows", "domain_ctx.rows[3]",
		"domain_ctx.rows[3].x", "domain_ctx.rows[4]", "domain_ctx.d", `domain_ctx.d["k"]`,
	}, paths)
}

// A process that runs inside another one is learned together with it; edit() is not learned.
func TestLearnedPlacesNameEveryProcess(t *testing.T) {
	s := NewShapes()
	inner, outer := learner(t, "inner"), learner(t, "outer")
	both := s.Root(inner, outer)
	_, err := s.At(both.ID, path.Path{{Kind: path.Attr, Name: "x"}})
	require.NoError(t, err)
	list := s.Learned()
	require.Len(t, list, 2)
	require.ElementsMatch(t, []string{"inner", "outer"}, list[1].Processes)
	_, err = s.At(s.Root(contract.Everything("edit")).ID, path.Path{{Kind: path.Attr, Name: "y"}})
	require.NoError(t, err)
	require.Len(t, s.Learned(), 2)
	require.Equal(t, s.Root(inner), s.Root(inner, contract.Everything("edit")))
}
