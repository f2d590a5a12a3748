package weir_test

import (
	"go/ast"
	"go/token"
	"os"
	"path"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// public reports whether a file belongs to a package that users import.
func public(file string) bool {
	first, _, _ := strings.Cut(file, "/")
	switch first {
	case "internal", "examples", "bench", "tools":
		return false
	}
	return strings.Contains(file, "/") && !strings.HasSuffix(file, "_test.go")
}

func TestEverySentinelIsInTheDocs(t *testing.T) {
	text, err := os.ReadFile("docs/errors.md")
	require.NoError(t, err)
	found := 0
	goFiles(t, func(file string, parsed *ast.File) {
		if !public(file) {
			return
		}
		for _, d := range parsed.Decls {
			vars, ok := d.(*ast.GenDecl)
			if !ok || vars.Tok != token.VAR {
				continue
			}
			for _, spec := range vars.Specs {
				for _, id := range spec.(*ast.ValueSpec).Names { //nolint:forcetypeassert // a var declaration holds nothing else
					if !strings.HasPrefix(id.Name, "Err") {
						continue
					}
					found++
					name := path.Base(path.Dir(file)) + "." + id.Name
					assert.True(t, strings.Contains(string(text), "`"+name+"`"), "docs/errors.md does not explain %s", name)
				}
			}
		}
	})
	assert.Greater(t, found, 10)
}

// TestEveryPackageIsInTheReadme: who reads the README alone finds all there is.
func TestEveryPackageIsInTheReadme(t *testing.T) {
	text, err := os.ReadFile("README.md")
	require.NoError(t, err)
	goFiles(t, func(file string, _ *ast.File) {
		if dir := path.Dir(file); public(file) {
			assert.True(t, strings.Contains(string(text), "("+dir+")"), "the README has no link to %s", dir)
		}
	})
}
