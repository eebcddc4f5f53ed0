package main

import (
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"regexp"
	"sort"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// exports gives the functions of this package that C may call.
func exports(t *testing.T) map[string]*ast.FuncDecl {
	t.Helper()
	files, err := filepath.Glob("*.go")
	require.NoError(t, err)
	found := make(map[string]*ast.FuncDecl)
	for _, file := range files {
		if strings.HasSuffix(file, "_test.go") {
			continue
		}
		tree, err := parser.ParseFile(token.NewFileSet(), file, nil, parser.ParseComments)
		require.NoError(t, err)
		for _, d := range tree.Decls {
			f, ok := d.(*ast.FuncDecl)
			if !ok || f.Doc == nil {
				continue
			}
			for _, line := range f.Doc.List {
				if name, ok := strings.CutPrefix(line.Text, "//export "); ok {
					require.Equal(t, f.Name.Name, name, "%s: the export bears the name of its function", file)
					found[name] = f
				}
			}
		}
	}
	return found
}

// No export does anything outside of call, where a panic would unwind into C.
func TestEveryExportIsWrapped(t *testing.T) {
	found := exports(t)
	require.NotEmpty(t, found)
	for name, f := range found {
		wrapped := 0
		for _, statement := range f.Body.List {
			var value ast.Expr
			switch s := statement.(type) {
			case *ast.ReturnStmt:
				require.Len(t, s.Results, 1, name)
				value = s.Results[0]
			case *ast.AssignStmt:
				require.Equal(t, "_", s.Lhs[0].(*ast.Ident).Name, "%s: assigns outside of call", name)
				value = s.Rhs[0]
			default:
				require.Failf(t, "does something outside of call", "%s: %T", name, s)
			}
			if use, ok := value.(*ast.CallExpr); ok {
				require.Equal(t, "call", use.Fun.(*ast.Ident).Name, name)
				wrapped++
			} else {
				require.IsType(t, &ast.Ident{}, value, "%s: computes outside of call", name)
			}
		}
		require.Equal(t, 1, wrapped, "%s: uses call once", name)
	}
}

// The header, the exports and the table name the same functions. That their types agree is what
// the C compiler checks.
func TestHeaderExportsAndTableAgree(t *testing.T) {
	header, err := os.ReadFile("theus.h")
	require.NoError(t, err)
	table, err := os.ReadFile("table.c")
	require.NoError(t, err)

	var exported []string
	for name := range exports(t) {
		exported = append(exported, name)
	}
	sort.Strings(exported)
	names := func(pattern string, text []byte) (list []string) {
		for _, match := range regexp.MustCompile(pattern).FindAllSubmatch(text, -1) {
			if name := string(match[1]); name != "theus_get_api" {
				list = append(list, name)
			}
		}
		sort.Strings(list)
		return list
	}
	require.Equal(t, exported, names(`(?m)^extern [^(]*?\b(theus_\w+)\(`, header))
	require.Equal(t, exported, names(`= (theus_\w+),`, table))
}
