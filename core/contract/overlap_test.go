package contract_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/theus-project/theus/core/contract"
	"github.com/theus-project/theus/core/path"
)

// Two contracts conflict where one may write what the other may read or write, also above or below
// it and through wildcards; reading the same is no conflict.
func TestConflict(t *testing.T) {
	compile := func(inputs, outputs []string) *contract.Policy {
		p, err := contract.Compile(contract.Contract{Name: "p", Inputs: inputs, Outputs: outputs})
		require.NoError(t, err)
		return p
	}
	for _, c := range []struct {
		in, out, otherIn, otherOut []string
		want                       string
	}{
		{in: []string{"domain.a"}, otherIn: []string{"domain.a"}},
		{out: []string{"domain.a"}, otherIn: []string{"domain.b"}, otherOut: []string{"domain.c"}},
		{out: []string{"domain.a"}, otherIn: []string{"domain_ctx.a"}, want: "domain_ctx.a"},
		{out: []string{"domain.a"}, otherOut: []string{"domain.a"}, want: "domain_ctx.a"},
		{in: []string{"domain.a.b"}, otherOut: []string{"domain.a"}, want: "domain_ctx.a"},
		{in: []string{"domain"}, otherOut: []string{"domain.a.b"}, want: "domain_ctx.a.b"},
		{out: []string{"domain.*.x"}, otherIn: []string{"domain.a.*"}, want: "domain_ctx.*.x"},
		{out: []string{"domain.*.x"}, otherIn: []string{"domain.a.y"}},
		{out: []string{"domain.a[0]"}, otherIn: []string{"domain.a[1]"}},
		{out: []string{"domain.a[0]"}, otherIn: []string{"domain.a"}, want: "domain_ctx.a[0]"},
	} {
		p, q := compile(c.in, c.out), compile(c.otherIn, c.otherOut)
		for _, pair := range [2][2]*contract.Policy{{p, q}, {q, p}} {
			where, conflict := pair[0].Conflict(pair[1])
			require.Equal(t, c.want != "", conflict, "%v", c)
			if conflict {
				require.Equal(t, c.want, where.String())
			}
		}
	}
	at := func(text string) path.Path {
		where, err := path.Parse(text)
		require.NoError(t, err)
		return where
	}
	p := compile([]string{"domain.r"}, []string{"domain.a.b"})
	for text, want := range map[string]bool{"domain.a": true, "domain.a.b.c": true, "domain.a.c": false, "domain.r": false} {
		require.Equal(t, want, p.Touches(at(text)), text)
	}
}
