package weir_test

import (
	"go/ast"
	"go/token"
	"os"
	"path"
	"path/filepath"
	"regexp"
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

// failures returns the names of the sentinels and of the error types in d.
func failures(d *ast.GenDecl) (names []string) {
	for _, spec := range d.Specs {
		switch spec := spec.(type) {
		case *ast.ValueSpec:
			for _, id := range spec.Names {
				if d.Tok == token.VAR && strings.HasPrefix(id.Name, "Err") {
					names = append(names, id.Name)
				}
			}
		case *ast.TypeSpec:
			if name := spec.Name.Name; spec.Name.IsExported() && strings.HasSuffix(name, "Error") {
				names = append(names, name)
			}
		}
	}
	return names
}

// Every sentinel and every error type has its place in docs/errors.md, and no
// sentinel has two.
func TestEveryErrorIsInTheDocs(t *testing.T) {
	text, err := os.ReadFile("docs/errors.md")
	require.NoError(t, err)
	rows := map[string]int{}
	for line := range strings.Lines(string(text)) {
		if head, ok := strings.CutPrefix(line, "| "); ok {
			head, _, _ = strings.Cut(head, " |")
			for name := range strings.SplitSeq(head, ", ") {
				rows[strings.Trim(name, "`*")]++
			}
		}
	}
	found := map[string]bool{}
	goFiles(t, func(file string, parsed *ast.File) {
		if !public(file) {
			return
		}
		for _, d := range parsed.Decls {
			decl, ok := d.(*ast.GenDecl)
			if !ok {
				continue
			}
			for _, name := range failures(decl) {
				name = path.Base(path.Dir(file)) + "." + name
				found[name] = true
				if strings.Contains(name, ".Err") {
					assert.Equal(t, 1, rows[name], "docs/errors.md has one row that explains %s", name)
					continue
				}
				assert.True(t, strings.Contains(string(text), name), "docs/errors.md does not explain %s", name)
			}
		}
	})
	assert.Greater(t, len(found), 30)
	for name := range rows {
		if strings.Contains(name, ".Err") {
			assert.True(t, found[name], "docs/errors.md explains %s, which does not exist", name)
		}
	}
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

// TestEveryExampleIsInTheirReadme: and what that links to is there.
func TestEveryExampleIsInTheirReadme(t *testing.T) {
	text, err := os.ReadFile("examples/README.md")
	require.NoError(t, err)
	folders, err := os.ReadDir("examples")
	require.NoError(t, err)
	for _, f := range folders {
		if f.IsDir() {
			assert.True(t, strings.Contains(string(text), "]("+f.Name()+")"), "examples/README.md has no link to %s", f.Name())
		}
	}
	pages, err := filepath.Glob("docs/*.md")
	require.NoError(t, err)
	for _, name := range append(pages, "README.md", "CONTRIBUTING.md", "examples/README.md") {
		text, err := os.ReadFile(name)
		require.NoError(t, err)
		prose := regexp.MustCompile("(?sm)```.*?```|`[^`\n]*`|^    [^\n]*").ReplaceAllString(string(text), "code")
		for _, part := range strings.Split(prose, "](")[1:] {
			link, _, _ := strings.Cut(part, ")")
			link, _, _ = strings.Cut(link, "#")
			if link == "" || strings.Contains(link, "://") {
				continue
			}
			_, err := os.Stat(path.Join(path.Dir(name), link))
			assert.NoError(t, err, "%s links to what is not there", name)
		}
	}
}
