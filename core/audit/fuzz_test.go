package audit

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/theus-project/theus/core/fault"
)

// No file makes Load panic or hang; it gives a recipe that can be put in force, or problems that
// have places.
func FuzzLoad(f *testing.F) {
	f.Add(valid)
	f.Add("process_recipes: {p: {inputs: [&a {field: x, eq: [*a]}, {<<: [*a, *a]}]}}")
	f.Add("process_recipes:\n  p: {outputs: [{field: 'd[\"a()\"].b()', not_in: [1, 0x10, 1e400, -.inf, !!binary aGk=]}]}")
	f.Add("a: |\n  x\n---\n...\n? [b]\n: c")
	scripts, err := filepath.Glob("testdata/*.txt")
	require.NoError(f, err)
	for _, file := range scripts {
		text, err := os.ReadFile(file)
		require.NoError(f, err)
		for block := range strings.SplitSeq(string(text), "----\n") {
			_, recipe, _ := strings.Cut(block, "load\n")
			f.Add(recipe)
		}
	}
	f.Fuzz(func(t *testing.T, text string) {
		r, err := Load("f.yaml", []byte(text))
		if err != nil {
			require.ErrorIs(t, err, fault.Invalid)
			ps, ok := errors.AsType[Problems](err)
			require.True(t, ok)
			for _, p := range ps {
				require.Positive(t, p.Line)
				require.Positive(t, p.Column)
				require.NotEmpty(t, p.Text)
			}
			return
		}
		a, err := New(Options{})
		require.NoError(t, err)
		a.Replace(r)
		for _, name := range r.Processes() {
			for _, g := range []Gate{Input, Output} {
				plan := a.Plan(name, g)
				v := plan.Judge(nil, nil)
				require.Equal(t, plan == nil, v == nil, "what is absent violates")
			}
		}
	})
}
