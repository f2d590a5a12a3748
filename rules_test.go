package weir_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// goFiles calls f with every parsed Go file of every module here.
func goFiles(t *testing.T, f func(path string, file *ast.File)) {
	t.Helper()
	fset := token.NewFileSet()
	require.NoError(t, filepath.WalkDir(".", func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		name := d.Name()
		if d.IsDir() && path != "." && (strings.HasPrefix(name, ".") || name == "testdata" || name == "bin") {
			return filepath.SkipDir
		}
		if d.IsDir() || !strings.HasSuffix(name, ".go") {
			return nil
		}
		file, err := parser.ParseFile(fset, path, nil, parser.ParseComments)
		if err != nil && strings.HasSuffix(name, "_go127.go") {
			return nil // generic methods: an older toolchain neither builds nor parses the file
		}
		if err != nil {
			return err
		}
		f(filepath.ToSlash(path), file)
		return nil
	}))
}

// imports reports whether file imports path.
func imports(file *ast.File, path string) bool {
	for _, s := range file.Imports {
		if s.Path.Value == `"`+path+`"` {
			return true
		}
	}
	return false
}

// calls reports whether node uses pkg.name.
func calls(node ast.Node, pkg, name string) bool {
	found := false
	ast.Inspect(node, func(n ast.Node) bool {
		if s, ok := n.(*ast.SelectorExpr); ok && s.Sel.Name == name {
			if id, ok := s.X.(*ast.Ident); ok && id.Name == pkg {
				found = true
			}
		}
		return !found
	})
	return found
}

// inRealTime are tests that cannot be in a bubble: of stores that processes share,
// of a program with a real server, and a benchmark that counts what goroutines get
// done in a time.
var inRealTime = []string{
	"bench/cases/semaphore_fairness_test.go",
	"ratelimit/storetest/broken_test.go",
	"examples/harvest/internal/cli/resume_test.go",
}

func TestTestsSleepInBubblesAlone(t *testing.T) {
	files := map[string]*ast.File{}
	bubbles := map[string][]string{} // by folder: the functions of its tests that make one
	goFiles(t, func(file string, parsed *ast.File) {
		if !strings.HasSuffix(file, "_test.go") {
			return
		}
		files[file] = parsed
		for _, d := range parsed.Decls {
			if f, ok := d.(*ast.FuncDecl); ok && f.Recv == nil && !runs(f) && calls(f, "synctest", "Test") {
				bubbles[filepath.Dir(file)] = append(bubbles[filepath.Dir(file)], f.Name.Name)
			}
		}
	})
	bubbled := func(file string) bool {
		return imports(files[file], "testing/synctest") || mentions(files[file], bubbles[filepath.Dir(file)])
	}
	for path, file := range files {
		if !calls(file, "time", "Sleep") || slices.Contains(inRealTime, path) || bubbled(path) {
			continue
		}
		names, tests := declared(file)
		assert.False(t, tests, "%s sleeps in real time; use a testing/synctest bubble", path)
		for user, f := range files { // what others call must be called in their bubbles
			if user != path && filepath.Dir(user) == filepath.Dir(path) && mentions(f, names) {
				assert.True(t, bubbled(user), "%s uses %s, which sleeps, and makes no testing/synctest bubble", user, path)
			}
		}
	}
}

// runs reports whether go test runs f.
func runs(f *ast.FuncDecl) bool {
	return slices.ContainsFunc([]string{"Test", "Benchmark", "Fuzz", "Example"}, func(kind string) bool {
		return strings.HasPrefix(f.Name.Name, kind)
	})
}

// declared returns the names of the functions and types of file, and whether go
// test runs any of the functions.
func declared(file *ast.File) (names []string, tests bool) {
	for _, d := range file.Decls {
		switch d := d.(type) {
		case *ast.FuncDecl:
			if d.Recv == nil {
				names, tests = append(names, d.Name.Name), tests || runs(d)
			}
		case *ast.GenDecl:
			for _, s := range d.Specs {
				if s, ok := s.(*ast.TypeSpec); ok {
					names = append(names, s.Name.Name)
				}
			}
		}
	}
	return names, tests
}

// mentions reports whether file uses one of names.
func mentions(file *ast.File, names []string) bool {
	found := false
	ast.Inspect(file, func(n ast.Node) bool {
		if id, ok := n.(*ast.Ident); ok && slices.Contains(names, id.Name) {
			found = true
		}
		return !found
	})
	return found
}

func TestEveryPackageChecksForLeaks(t *testing.T) {
	tested, checked := map[string]bool{}, map[string]bool{}
	goFiles(t, func(path string, file *ast.File) {
		if !strings.HasSuffix(path, "_test.go") {
			return
		}
		dir := filepath.Dir(path)
		tested[dir] = true
		if calls(file, "goleak", "VerifyTestMain") {
			checked[dir] = true
		}
	})
	for dir := range tested {
		assert.True(t, checked[dir], "no goleak.VerifyTestMain in the tests of %s", dir)
	}
}

func TestEveryPackageHasADocFile(t *testing.T) {
	documented := map[string]bool{}
	var dirs []string
	goFiles(t, func(path string, file *ast.File) {
		if strings.HasSuffix(path, "_test.go") || file.Name.Name == "main" {
			return
		}
		dir := filepath.Dir(path)
		dirs = append(dirs, dir)
		if file.Doc != nil && strings.HasPrefix(file.Doc.Text(), "Package "+file.Name.Name) {
			documented[dir] = true
		}
	})
	for _, dir := range dirs {
		assert.True(t, documented[dir], "no package comment in %s", dir)
	}
}

func TestNoUnsafeNoLinknameNoInit(t *testing.T) {
	goFiles(t, func(path string, file *ast.File) {
		if strings.HasSuffix(path, "_test.go") || strings.HasPrefix(path, "bench/") || strings.HasPrefix(path, "examples/") {
			return
		}
		assert.False(t, imports(file, "unsafe"), "%s imports unsafe", path)
		for _, d := range file.Decls {
			if f, ok := d.(*ast.FuncDecl); ok && f.Recv == nil {
				assert.NotEqual(t, "init", f.Name.Name, "%s has an init function", path)
			}
		}
		for _, g := range file.Comments {
			for _, c := range g.List {
				assert.False(t, strings.HasPrefix(c.Text, "//go:linkname"), "%s uses linkname", path)
			}
		}
	})
}
