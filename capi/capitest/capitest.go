// Package capitest builds the library as users get it and a host in C that drives it.
//
// It needs what build.sh needs and uses no cgo itself.
package capitest

import (
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"testing"

	"github.com/stretchr/testify/require"
)

// Library builds libtheus.so with build.sh and gives its path.
func Library(t testing.TB) string {
	t.Helper()
	library := filepath.Join(t.TempDir(), "libtheus.so")
	run(t, exec.Command(filepath.Join(root(t), "build.sh"), library))
	left, err := filepath.Glob(filepath.Join(filepath.Dir(library), "*"))
	require.NoError(t, err)
	require.Equal(t, []string{library}, left, "build.sh leaves the library and nothing else")
	return library
}

// Driver compiles driver.c, warnings being errors, with more flags if given, and gives its path.
func Driver(t testing.TB, flags ...string) string {
	t.Helper()
	return compile(t, Source(t, "capi", "capitest", "driver.c"), flags...)
}

// Hello compiles the example in C that users read, as Driver does.
func Hello(t testing.TB) string {
	t.Helper()
	return compile(t, Source(t, "examples", "c", "hello.c"), "-I", Source(t, "capi"))
}

// Source gives the path of a file of the module.
func Source(t testing.TB, parts ...string) string {
	t.Helper()
	return filepath.Join(append([]string{root(t)}, parts...)...)
}

func compile(t testing.TB, source string, flags ...string) string {
	t.Helper()
	program := filepath.Join(t.TempDir(), "program")
	cc := os.Getenv("CC")
	if cc == "" {
		cc = "gcc"
	}
	flags = append([]string{"-Wall", "-Wextra", "-Werror", "-std=c11", "-O2", "-g"}, flags...)
	run(t, exec.Command(cc, append(flags, "-o", program, source, "-ldl")...))
	return program
}

// Run runs a command, which must succeed, and gives what it printed.
func Run(t testing.TB, name string, args ...string) string {
	t.Helper()
	return run(t, exec.Command(name, args...))
}

func run(t testing.TB, command *exec.Cmd) string {
	t.Helper()
	out, err := command.CombinedOutput()
	require.NoError(t, err, "%s\n%s", command, out)
	return string(out)
}

// root is the root of the module.
func root(t testing.TB) string {
	t.Helper()
	_, file, _, ok := runtime.Caller(0)
	require.True(t, ok)
	return filepath.Join(filepath.Dir(file), "..", "..")
}
