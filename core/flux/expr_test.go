package flux_test

import (
	"bufio"
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/theus-project/theus/core/flux"
)

func open(t testing.TB) *host {
	t.Helper()
	text, err := os.ReadFile("testdata/conditions.json")
	require.NoError(t, err)
	state, err := decode(string(text))
	require.NoError(t, err)
	return &host{state: state}
}

// Whatever CPython computes, a condition computes, or it refuses. Where CPython raises, so does it.
// The table is made by testdata/conditions.py.
func TestConditionsLikePython(t *testing.T) {
	h := open(t)
	name := "testdata/conditions.tsv"
	if other := os.Getenv("FLUX_CONDITIONS"); other != "" {
		name = other
	}
	file, err := os.Open(name)
	require.NoError(t, err)
	defer file.Close()
	total, refused := 0, 0
	lines := bufio.NewScanner(file)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		if strings.HasPrefix(lines.Text(), "#") {
			continue
		}
		source, want, _ := strings.Cut(lines.Text(), "\t")
		total++
		c, err := flux.Compile(source)
		if err != nil {
			if !strings.HasPrefix(want, "!") {
				if refused++; os.Getenv("FLUX_REFUSED") != "" {
					t.Logf("%s\n\tPython: %s\n\tFlux:   %s", source, want, err)
				}
			}
			continue
		}
		v, failed := h.evaluate(c)
		switch {
		case failed != nil && strings.HasPrefix(want, "!"):
		case failed != nil:
			if refused++; os.Getenv("FLUX_REFUSED") != "" {
				t.Logf("%s\n\tPython: %s\n\tFlux:   %s", source, want, failed)
			}
		default:
			if got := h.plain(v); got != want {
				t.Errorf("%s\n\tPython: %s\n\tFlux:   %s", source, want, got)
			}
		}
	}
	require.NoError(t, lines.Err())
	t.Logf("%d conditions, %d refused", total, refused)
	require.Less(t, refused*100, total*2, "too much of Python is refused")
}
