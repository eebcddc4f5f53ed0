package spell_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/theus-project/theus/core/internal/spell"
)

// A slip of the fingers finds its name; something else finds nothing.
func TestNearest(t *testing.T) {
	names := []string{"balance", "accounts", "x", "Überweisung"}
	for _, c := range []struct{ typed, want string }{
		{"ballance", "balance"},
		{"Balance", "balance"},
		{"acounts", "accounts"},
		{"uberweisung", "Überweisung"},
		{"ledger", ""},
		{"y", ""},
		{"", ""},
		{"balance", ""},
	} {
		require.Equal(t, c.want, spell.Nearest(c.typed, names), "%q", c.typed)
	}
}

// Of equally close names the first wins.
func TestNearestFirst(t *testing.T) {
	require.Equal(t, "tack", spell.Nearest("tick", []string{"tack", "tock"}))
	require.Equal(t, "tock", spell.Nearest("tick", []string{"tock", "tack"}))
}

// Long names are compared in bounded work only if their lengths are alike.
func TestNearLong(t *testing.T) {
	_, ok := spell.Near("a", strings.Repeat("a", 1<<20))
	require.False(t, ok)
}
