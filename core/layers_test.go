package core_test

import (
	"encoding/json"
	"errors"
	"go/ast"
	"go/parser"
	"go/token"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

const module = "github.com/theus-project/theus/"

// edges is the dependency rule: who may import whom below core/, and why. "never" begins the
// reason of an edge that someone will be tempted by. "*" is every package; a line for one package
// goes before it. Of the standard library all is allowed that is not named.
var edges = map[string]string{
	"path -> fault":           "a malformed path is a fault",
	"zone -> fault":           "a name without zone may become a fault",
	"zone -> path":            "the zone of a path is that of its segments",
	"host -> fault":           "a host answers with faults",
	"host -> path":            "a host is asked about paths",
	"contract -> fault":       "a malformed contract is a fault",
	"contract -> path":        "entries are paths",
	"contract -> zone":        "some zones are no inputs",
	"registry -> fault":       "an unknown name is a fault",
	"registry -> contract":    "it files policies",
	"guard -> fault":          "a denial is a fault",
	"guard -> path":           "it is asked segment by segment",
	"guard -> zone":           "a shape has a zone",
	"guard -> contract":       "it answers from policies",
	"guard -> registry":       "never: it is handed policies, and need not know under which names",
	"registry -> guard":       "never: a process exists before anybody asks what it may do",
	"transaction -> fault":    "a transaction that has ended is a fault",
	"transaction -> path":     "writes have paths",
	"transaction -> zone":     "HEAVY is not rolled back",
	"transaction -> contract": "side effects forbid a second run",
	"transaction -> host":     "what it holds on to belongs to the host",
	"transaction -> guard":    "never: it orders writes; whether they were allowed, the engine asks",
	"transaction -> unsafe":   "it asserts that a record has the layout of theus.h",
	"heavy -> fault":          "an array that cannot be is a fault",
	"audit -> fault":          "a malformed recipe is a fault",
	"audit -> path":           "a rule has a field",
	"audit -> host":           "values are read through the host",
	"audit -> zone":           "a schema does not judge HEAVY fields: a refusal could not undo a write",
	"audit -> contract":       "never: what rules may read does not depend on contracts",
	"flux -> fault":           "a malformed workflow is a fault",
	"flux -> path":            "conditions name state",
	"flux -> engine":          "never: it declares the Runner it needs, and capi joins the two",
	"audit -> flux":           "never: what an expression means is not its business; it declares the Language it needs",
	"flux -> audit":           "never: a workflow needs no rules",
	"check -> audit":          "it is the Language of its checks",
	"check -> flux":           "checks are conditions",
	"check -> fault":          "a malformed condition is a fault",
	"check -> path":           "both sides name places",
	"engine -> check":         "never: whoever loads a recipe says in which language its checks are",
	"fsm -> fault":            "a malformed state machine is a fault",
	"fsm -> flux":             "what a state runs is a workflow, what guards an event is a condition",
	"fsm -> engine":           "never: a host runs machines; here they are read and checked",
	"engine -> fault":         "all its errors are faults",
	"engine -> path":          "it joins the packages below it",
	"engine -> zone":          "it joins the packages below it",
	"engine -> host":          "it joins the packages below it",
	"engine -> contract":      "it joins the packages below it",
	"engine -> registry":      "it joins the packages below it",
	"engine -> guard":         "it joins the packages below it",
	"engine -> transaction":   "it joins the packages below it",
	"engine -> audit":         "it joins the packages below it",
	"engine -> flux":          "never: a workflow is a user of the engine, not a part of it",
	"engine -> fsm":           "never: so is a state machine",
	"* -> internal/invariant": "assertions",
	"* -> internal/spell":     "did you mean",

	"host/hosttest -> fault":       "a host is a user of the kernel: it stands above the engine",
	"host/hosttest -> path":        "a host is a user of the kernel: it stands above the engine",
	"host/hosttest -> zone":        "a host is a user of the kernel: it stands above the engine",
	"host/hosttest -> host":        "a host is a user of the kernel: it stands above the engine",
	"host/hosttest -> contract":    "a host is a user of the kernel: it stands above the engine",
	"host/hosttest -> registry":    "a host is a user of the kernel: it stands above the engine",
	"host/hosttest -> guard":       "a host is a user of the kernel: it stands above the engine",
	"host/hosttest -> transaction": "a host is a user of the kernel: it stands above the engine",
	"host/hosttest -> engine":      "a host is a user of the kernel: it stands above the engine",
	"* -> host/hosttest":           "never: it is for tests, whose imports are not counted here",

	"audit -> gopkg.in/yaml.v3": "recipes are YAML, and its nodes carry positions",
	"flux -> gopkg.in/yaml.v3":  "workflows are YAML, and its nodes carry positions",
	"flux -> go.starlark.net":   "conditions are expressions",

	"* -> C":            "never: the kernel is pure Go, so that a browser can run it",
	"* -> runtime/cgo":  "never: the kernel is pure Go, so that a browser can run it",
	"* -> unsafe":       "never: memory of the host is for capi",
	"* -> time":         "never: the kernel has no clock; time comes through the host",
	"* -> math/rand":    "never: the same calls give the same answers",
	"* -> math/rand/v2": "never: the same calls give the same answers",
	"* -> crypto/rand":  "never: the same calls give the same answers",
	"* -> os":           "never: files and variables belong to the host",
	"* -> os/exec":      "never: files and variables belong to the host",
	"* -> io/ioutil":    "never: files and variables belong to the host",
	"* -> syscall":      "never: files and variables belong to the host",
	"* -> net":          "never: the network belongs to the host",
	"* -> net/http":     "never: the network belongs to the host",
	"* -> log":          "never: the kernel prints nothing; it answers",
	"* -> log/slog":     "never: the kernel prints nothing; it answers",
	"* -> context":      "never: the kernel waits for nothing that could be cancelled",
}

// pkg is what `go list -json` says about a package.
type pkg struct {
	Dir, ImportPath   string
	Imports           []string
	GoFiles, CgoFiles []string
	Standard          bool
}

func packages(t *testing.T) []pkg {
	t.Helper()
	// Go caches test results by the files a test opened, and cannot see what `go list` read.
	require.NoError(t, filepath.WalkDir(".", func(name string, _ fs.DirEntry, err error) error {
		if err == nil && strings.HasSuffix(name, ".go") {
			_, err = os.ReadFile(name)
		}
		return err
	}))
	list := exec.Command("go", "list", "-deps", "-json=Dir,ImportPath,Imports,GoFiles,CgoFiles,Standard", "./...")
	list.Stderr = os.Stderr
	out, err := list.Output()
	require.NoError(t, err)
	var all []pkg
	for dec := json.NewDecoder(strings.NewReader(string(out))); ; {
		var p pkg
		if err := dec.Decode(&p); errors.Is(err, io.EOF) {
			return all
		} else {
			require.NoError(t, err)
		}
		if !p.Standard {
			all = append(all, p)
		}
	}
}

// noun is a package's name in the map: its folder below core/, or its module for all of others.
func noun(importPath string) string {
	if below, ok := strings.CutPrefix(importPath, module+"core/"); ok {
		noun, _, _ := strings.Cut(below, "/")
		if noun == "internal" || below == "host/hosttest" {
			return below
		}
		return noun
	}
	for _, outside := range []string{"gopkg.in/yaml.v3", "go.starlark.net"} {
		if strings.HasPrefix(importPath, outside) {
			return outside
		}
	}
	return importPath
}

// Every import below core/ is one that the map allows.
func TestLayers(t *testing.T) {
	standard := func(imported string) bool {
		first, _, _ := strings.Cut(imported, "/")
		return !strings.Contains(first, ".")
	}
	for _, p := range packages(t) {
		if !strings.HasPrefix(p.ImportPath, module) {
			continue
		}
		from := noun(p.ImportPath)
		for _, imported := range p.Imports {
			to := noun(imported)
			if to == from {
				continue
			}
			reason, listed := edges[from+" -> "+to]
			if !listed {
				reason, listed = edges["* -> "+to]
			}
			switch {
			case strings.HasPrefix(reason, "never"):
				t.Errorf("core/%s imports %s, %s", from, to, reason)
			case !listed && !standard(imported):
				t.Errorf("core/%s imports %s, which no line of the map allows: turn the dependency round, "+
					"or add a line with its reason", from, to)
			}
		}
	}
}

// Nothing that the kernel links needs cgo, not even through a library, and no file of its own
// starts a goroutine.
func TestPortable(t *testing.T) {
	for _, p := range packages(t) {
		require.Empty(t, p.CgoFiles, "%s needs cgo", p.ImportPath)
		if !strings.HasPrefix(p.ImportPath, module) {
			continue
		}
		for _, name := range p.GoFiles {
			files := token.NewFileSet()
			file, err := parser.ParseFile(files, filepath.Join(p.Dir, name), nil, parser.SkipObjectResolution)
			require.NoError(t, err)
			ast.Inspect(file, func(n ast.Node) bool {
				if start, ok := n.(*ast.GoStmt); ok {
					t.Errorf("%s starts a goroutine: the kernel has none of its own", files.Position(start.Pos()))
				}
				return true
			})
		}
	}
}
