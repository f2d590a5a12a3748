package source_test

import (
	"errors"
	"io/fs"
	"slices"
	"sync"
	"testing"
	"testing/fstest"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/weirkit/weir/examples/harvest/internal/source"
)

func tree() fstest.MapFS {
	file := func(text string) *fstest.MapFile { return &fstest.MapFile{Data: []byte(text)} }
	return fstest.MapFS{
		"a/a.go":            file("package a\n"),
		"a/a.s":             file("TEXT"),
		"a/testdata/bad.go": file("package a; func {\n"),
		"b/b.go":            file("package b\n"),
		"b/b_test.go":       file("package b_test\n"),
		"b/dir.go/c.go":     file("package c\n"),
		"go.mod":            file("module m\n"),
		"z.go":              file("package z\n"),
	}
}

// reads notes what is opened, and fails for the names in broken.
type reads struct {
	fs.FS
	mu     sync.Mutex
	opened []string
	broken []string
}

func (r *reads) Open(name string) (fs.File, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.opened = append(r.opened, name)
	if slices.Contains(r.broken, name) {
		return nil, &fs.PathError{Op: "open", Path: name, Err: fs.ErrPermission}
	}
	return r.FS.Open(name)
}

// notes collects what was skipped.
type notes struct {
	mu    sync.Mutex
	paths []string
}

func (n *notes) skipped(path string, _ error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.paths = append(n.paths, path)
}

func TestWalkListsTheGoFiles(t *testing.T) {
	var skipped notes
	files := source.Walk(t.Context(), tree(), skipped.skipped)
	defer files.Close()
	assert.Equal(t, []string{"a/a.go", "a/testdata/bad.go", "b/b.go", "b/b_test.go", "b/dir.go/c.go", "z.go"},
		slices.Collect(files.All()))
	require.NoError(t, files.Err())
	assert.Empty(t, skipped.paths)
	n, err := source.Count(t.Context(), tree())
	require.NoError(t, err)
	assert.Equal(t, int64(6), n)
}

func TestWalkIsLazy(t *testing.T) {
	r := &reads{FS: tree()}
	files := source.Walk(t.Context(), r, nil)
	defer files.Close()
	assert.Empty(t, r.opened, "nobody asked yet")
	first, ok := files.Next()
	require.True(t, ok)
	assert.Equal(t, "a/a.go", first)
	assert.NotContains(t, r.opened, "b")
	files.Close()
	assert.NotContains(t, r.opened, "b", "and nobody will")
}

func TestAFolderThatCannotBeReadIsSkipped(t *testing.T) {
	var skipped notes
	files := source.Walk(t.Context(), &reads{FS: tree(), broken: []string{"b"}}, skipped.skipped)
	defer files.Close()
	assert.Equal(t, []string{"a/a.go", "a/testdata/bad.go", "z.go"}, slices.Collect(files.All()))
	require.NoError(t, files.Err())
	assert.Equal(t, []string{"b"}, skipped.paths)
}

func TestATreeThatIsNotThereIsAnError(t *testing.T) {
	_, err := source.Count(t.Context(), &reads{FS: tree(), broken: []string{"."}})
	require.ErrorIs(t, err, fs.ErrPermission)
}

func TestDocumentsSkipsWhatItCannotParse(t *testing.T) {
	for _, workers := range []int{1, 4} {
		var skipped notes
		r := &reads{FS: tree(), broken: []string{"b/b.go"}}
		files := source.Walk(t.Context(), r, skipped.skipped)
		docs, err := source.Documents(r, workers, skipped.skipped).Collect(t.Context(), files.All())
		require.NoError(t, errors.Join(err, files.Err()))
		files.Close()
		var paths []string
		for _, d := range docs {
			paths = append(paths, d.Path)
			assert.NotEmpty(t, d.Package)
		}
		assert.ElementsMatch(t, []string{"a/a.go", "b/b_test.go", "b/dir.go/c.go", "z.go"}, paths)
		assert.ElementsMatch(t, []string{"a/testdata/bad.go", "b/b.go"}, skipped.paths)
	}
}
