package contract_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/theus-project/theus/core/contract"
	"github.com/theus-project/theus/core/fault"
)

// Entries are kept in their canonical spelling, each once.
func TestCompile(t *testing.T) {
	p, err := contract.Compile(contract.Contract{
		Name:        "debit",
		Inputs:      []string{"domain.rates", "domain_ctx.rates", "global.limit"},
		Outputs:     []string{`domain.d['x']`, "domain.sig_done", "domain.rates"},
		SideEffects: 2,
	})
	require.NoError(t, err)
	require.Equal(t, "debit", p.Name())
	require.Equal(t, []string{"domain_ctx.rates", "global_ctx.limit"}, p.Inputs())
	require.Equal(t, []string{`domain_ctx.d["x"]`, "domain_ctx.sig_done", "domain_ctx.rates"}, p.Outputs())
	require.Equal(t, 2, p.SideEffects())
	require.False(t, p.AllowsEverything())
}

// A malformed entry is named, with its process, its list and the place.
func TestCompileInvalid(t *testing.T) {
	for _, c := range []struct {
		contract contract.Contract
		want     string
	}{
		{contract.Contract{}, "Invalid Contract: a process needs a name"},
		{contract.Contract{Name: "p", Inputs: []string{"domain..a"}},
			`Invalid Contract: entry "domain..a" in the inputs of process 'p': column 8: a name is missing after the dot`},
		{contract.Contract{Name: "p", Outputs: []string{"domain._a.b"}},
			`Invalid Contract: entry "domain._a.b" in the outputs of process 'p': _a starts with an underscore and is private to its object; declare a public name`},
	} {
		_, err := contract.Compile(c.contract)
		require.ErrorIs(t, err, fault.Invalid)
		require.EqualError(t, err, c.want)
	}
	_, err := contract.Compile(contract.Contract{Name: "p", Outputs: []string{`domain.d["_id"]`}})
	require.NoError(t, err, "a key is not private")
}

// SIGNAL and META are no inputs, wherever the prefix stands; HEAVY is one.
func TestCompileZone(t *testing.T) {
	for _, entry := range []string{"sig_go", "domain.sig_go", "domain.cmd_x.y", "domain.a.meta_loss", `domain.d["sig_x"]`} {
		_, err := contract.Compile(contract.Contract{Name: "p", Inputs: []string{entry}})
		require.ErrorIs(t, err, fault.Zone, entry)
		require.ErrorContains(t, err, "SECURITY VIOLATION")
		require.ErrorContains(t, err, "Zone Policy Violation")
		require.ErrorContains(t, err, "'p'")
		_, err = contract.Compile(contract.Contract{Name: "p", Outputs: []string{entry}})
		require.NoError(t, err, entry)
	}
	for _, entry := range []string{"domain.heavy_net", "domain.heavy_net.meta_x", "domain.*"} {
		_, err := contract.Compile(contract.Contract{Name: "p", Inputs: []string{entry}})
		require.NoError(t, err, entry)
	}
}
