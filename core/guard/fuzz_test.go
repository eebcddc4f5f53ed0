package guard_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/theus-project/theus/core/contract"
	"github.com/theus-project/theus/core/guard"
	"github.com/theus-project/theus/core/path"
)

// No contract and no path make the guard panic; shapes agree with the policy they stand for, and
// every refusal has a fix.
func FuzzAt(f *testing.F) {
	f.Add("domain.a,domain.*.b", "domain.a.sig_x,domain.d['k']", "domain.a.b[3]")
	f.Add("*.a[0]", "*.*.b,domain.heavy_x", "global.limit['']")
	f.Fuzz(func(t *testing.T, inputs, outputs, text string) {
		c := contract.Contract{Name: "p"}
		if inputs != "" {
			c.Inputs = strings.Split(inputs, ",")
		}
		if outputs != "" {
			c.Outputs = strings.Split(outputs, ",")
		}
		p, err := contract.Compile(c)
		if err != nil {
			return
		}
		where, err := path.Parse(text)
		if err != nil {
			return
		}
		shapes := guard.NewShapes()
		got, err := shapes.At(shapes.Root(p).ID, where)
		require.NoError(t, err)
		want := p.Find(where)
		require.Equal(t, want.Reads(), got.Bits&guard.MayRead != 0)
		require.Equal(t, want.Writes(), got.Bits&guard.MayWrite != 0)
		require.Equal(t, want.Walks(), got.Bits&guard.MayWalk != 0)
		for tried := guard.Read; tried <= guard.Store; tried++ {
			require.NotEmpty(t, guard.Deny([]*contract.Policy{p}, tried, where, "T").Hint)
		}
	})
}
