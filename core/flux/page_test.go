package flux_test

import (
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/theus-project/theus/core/flux"
)

// The page that lists what is in the language is true. testdata/conditions.py --page holds the same
// tables to CPython.
func TestPage(t *testing.T) {
	page, err := os.ReadFile("../../docs/flux.md")
	require.NoError(t, err)
	conditions, rest, _ := strings.Cut(string(page), "## What is not")
	_, conditions, _ = strings.Cut(conditions, "## Conditions")
	rows := regexp.MustCompile("(?m)^\\| `(.*)` \\| `(.*)` \\|$").FindAllStringSubmatch(conditions, -1)
	require.Greater(t, len(rows), 50)
	h := open(t)
	for _, row := range rows {
		text := strings.ReplaceAll(row[1], `\|`, "|")
		c, err := flux.Compile(text)
		require.NoError(t, err, text)
		v, failed := h.evaluate(c)
		require.Nil(t, failed, text)
		require.Equal(t, row[2], h.plain(v), text)
	}
	refused := regexp.MustCompile("`([^`]+)`").FindAllStringSubmatch(rest[:strings.Index(rest, "These are")], -1)
	require.Greater(t, len(refused), 10)
	for _, row := range refused {
		_, err := flux.Compile(row[1])
		require.Error(t, err, row[1])
	}
}
