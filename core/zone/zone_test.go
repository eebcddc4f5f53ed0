package zone_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/theus-project/theus/core/path"
	"github.com/theus-project/theus/core/zone"
)

// The prefix of a name decides, a similar name does not.
func TestOf(t *testing.T) {
	for name, want := range map[string]zone.Zone{
		"sig_go": zone.Signal, "cmd_go": zone.Signal, "meta_loss": zone.Meta, "heavy_net": zone.Heavy,
		"domain_data": zone.Data, "signal": zone.Data, "Sig_go": zone.Data, "_sig_go": zone.Data, "": zone.Data,
	} {
		require.Equal(t, want, zone.Of(name), name)
	}
	for _, prefix := range strings.Fields(zone.Prefixes()) {
		require.NotEqual(t, zone.Data, zone.Of(prefix), prefix)
	}
}

// The first prefixed segment wins and all below inherits its zone; only names have prefixes.
func TestOfPath(t *testing.T) {
	for text, want := range map[string]zone.Zone{
		"domain.a":                  zone.Data,
		"domain.sig_go":             zone.Signal,
		"sig_root.heavy_x":          zone.Signal,
		"domain.heavy_net.meta_x.y": zone.Heavy,
		`domain.d["meta_x"].y`:      zone.Meta,
		"domain.items[0].*":         zone.Data,
	} {
		p, err := path.Parse(text)
		require.NoError(t, err)
		require.Equal(t, want, zone.OfPath(p), text)
	}
	require.Equal(t, zone.Data, zone.OfPath(path.Path{{Kind: path.Other, Name: "sig_"}}))
}

// The table of the design, row by row.
func TestRules(t *testing.T) {
	require.Equal(t, zone.Rules{Logged: true, RolledBack: true, Shown: true, MayBeInput: true}, zone.Data.Rules())
	require.Equal(t, zone.Rules{Logged: true, RolledBack: true}, zone.Signal.Rules())
	require.Equal(t, zone.Rules{Logged: true, RolledBack: true}, zone.Meta.Rules())
	require.Equal(t, zone.Rules{MayBeInput: true}, zone.Heavy.Rules())
	require.Equal(t, "HEAVY", zone.Heavy.String())
	require.Equal(t, "no zone", zone.Zone(9).String())
}
