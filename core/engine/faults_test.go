package engine_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/theus-project/theus/core/contract"
	"github.com/theus-project/theus/core/engine"
	"github.com/theus-project/theus/core/host/hosttest"
)

// Wherever applying fails, the state is the one before or the one after, and the engine goes on.
func TestFailingAtEveryWrite(t *testing.T) {
	const script = "set domain.a 1\nset domain.b.c 1\ndelete domain.d\nset domain.a 2\n"
	for _, setter := range []bool{false, true} {
		for fail := range 6 {
			e := open(t, engine.Options{})
			h := hosttest.New(e)
			require.NoError(t, h.Put("domain.a", "0", setter))
			require.NoError(t, h.Put("domain.d", "0", false))
			require.NoError(t, h.Register(contract.Contract{Name: "p", Outputs: []string{"domain"}}, nil))
			before := h.State()

			out, err := h.Execute("p", script, fail)
			require.NoError(t, err)
			failed := fail >= 1 && fail <= 4
			require.Equal(t, failed, strings.Contains(out, "ApplyError"), out)
			if failed {
				require.Equal(t, before, h.State())
				require.Zero(t, e.Version())
			} else {
				require.Equal(t, []string{"domain_ctx.a 2", `domain_ctx.b["c"] 1`}, h.State())
				require.EqualValues(t, 1, e.Version())
			}
			require.Zero(t, h.Lent())

			out, err = h.Execute("p", "set domain.e 1\n", 0)
			require.NoError(t, err)
			require.Contains(t, out, "commit: 1 write")
		}
	}
}
