package main

import (
	"debug/elf"
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/theus-project/theus/capi/capitest"
)

// The library, built as users get it, keeps what theus.h promises to a host in C, and nothing is
// alive when that host is done.
func TestDriver(t *testing.T) {
	if testing.Short() {
		t.Skip("builds the library")
	}
	library, driver := capitest.Library(t), capitest.Driver(t)

	t.Run("keeps its promises", func(t *testing.T) {
		require.Equal(t, "ok\n", capitest.Run(t, driver, library))
	})
	t.Run("runs the example", func(t *testing.T) {
		source, err := os.ReadFile(capitest.Source(t, "examples", "c", "hello.c"))
		require.NoError(t, err)
		_, comment, found := strings.Cut(string(source), "\n// Output:\n")
		require.True(t, found)
		promised := regexp.MustCompile("(?m)^// ?").ReplaceAllString(comment, "")
		require.Equal(t, promised, capitest.Run(t, capitest.Hello(t), library))
	})
	t.Run("times itself", func(t *testing.T) {
		require.Contains(t, capitest.Run(t, driver, library, "bench", "1"), "per crossing")
	})
	t.Run("has one door and needs libc only", func(t *testing.T) {
		file, err := elf.Open(library)
		require.NoError(t, err)
		defer func() { require.NoError(t, file.Close()) }()
		symbols, err := file.DynamicSymbols()
		require.NoError(t, err)
		var doors []string
		for _, s := range symbols {
			if s.Section != elf.SHN_UNDEF {
				doors = append(doors, s.Name)
			}
		}
		require.Equal(t, []string{"theus_get_api"}, doors)
		needed, err := file.ImportedLibraries()
		require.NoError(t, err)
		for _, name := range needed {
			require.Regexp(t, `^(libc|libpthread|libresolv|ld-linux[-\w]*)\.so`, name)
		}
	})
}

// The same with both sides built to watch memory: no byte is touched that is not theirs, and none
// that C allocated is lost.
func TestDriverUnderASan(t *testing.T) {
	if testing.Short() {
		t.Skip("builds the library and the Go runtime with -asan")
	}
	t.Setenv("THEUS_BUILD_FLAGS", "-asan")
	library, driver := capitest.Library(t), capitest.Driver(t, "-fsanitize=address")
	require.Equal(t, "ok\n", capitest.Run(t, driver, library))
}
