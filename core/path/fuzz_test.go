package path_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/theus-project/theus/core/fault"
	"github.com/theus-project/theus/core/path"
)

// No text makes Parse panic; it refuses, or prints what it read so that it reads it again.
func FuzzParse(f *testing.F) {
	for _, seed := range []string{"domain.a", `d["a.b"]['\n\x41']`, "items[-3].*[*]", "a..b", "ü.[", `a["\ud800"]`} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		p, err := path.Parse(text)
		if err != nil {
			require.ErrorIs(t, err, fault.Invalid)
			return
		}
		q, err := path.Parse(p.String())
		require.NoError(t, err)
		require.True(t, p.Equal(q))
		require.Equal(t, p.String(), q.String())
	})
}
