package index_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/weirkit/weir/examples/harvest/internal/document"
	"github.com/weirkit/weir/examples/harvest/internal/index"
)

func docs(paths ...string) []document.Document {
	out := make([]document.Document, len(paths))
	for i, p := range paths {
		out[i] = document.Document{Path: p, Package: "p", Imports: []string{}, Exported: []string{}, Lines: 1, Size: 9}
	}
	return out
}

func open(t *testing.T, path string) *index.Store {
	t.Helper()
	s, err := index.Open(path)
	require.NoError(t, err)
	t.Cleanup(func() { assert.NoError(t, s.Close()) })
	return s
}

func copies(t *testing.T, s *index.Store) map[string]int {
	t.Helper()
	c, err := s.Copies()
	require.NoError(t, err)
	return c
}

func TestAddIsIdempotentByPath(t *testing.T) {
	s := open(t, filepath.Join(t.TempDir(), "index"))
	stored, known, err := s.Add(docs("a.go", "b.go", "a.go"))
	require.NoError(t, err)
	assert.Equal(t, []int{2, 1}, []int{stored, known}, "twice in one batch counts once")
	stored, known, err = s.Add(docs("b.go", "c.go"))
	require.NoError(t, err)
	assert.Equal(t, []int{1, 1}, []int{stored, known})
	assert.Equal(t, map[string]int{"a.go": 1, "b.go": 1, "c.go": 1}, copies(t, s))
	assert.Equal(t, 3, s.Len())
}

func TestConcurrentAddsStoreEachPathOnce(t *testing.T) {
	s := open(t, filepath.Join(t.TempDir(), "index"))
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			for i := range 10 {
				_, _, err := s.Add(docs(fmt.Sprintf("%d.go", i), fmt.Sprintf("%d.go", i+1)))
				assert.NoError(t, err)
			}
		})
	}
	wg.Wait()
	got := copies(t, s)
	assert.Len(t, got, 11)
	for path, n := range got {
		assert.Equal(t, 1, n, path)
	}
}

func TestWhatWasAddedIsThereAfterOpeningAgain(t *testing.T) {
	path := filepath.Join(t.TempDir(), "index")
	s, err := index.Open(path)
	require.NoError(t, err)
	_, _, err = s.Add(docs("a.go", "b.go"))
	require.NoError(t, err)
	require.NoError(t, s.Close())
	require.NoError(t, s.Close(), "Close is idempotent")
	_, _, err = s.Add(docs("c.go"))
	require.ErrorIs(t, err, os.ErrClosed)

	again := open(t, path)
	stored, known, err := again.Add(docs("a.go", "c.go"))
	require.NoError(t, err)
	assert.Equal(t, []int{1, 1}, []int{stored, known})
	assert.Equal(t, map[string]int{"a.go": 1, "b.go": 1, "c.go": 1}, copies(t, again))
}

// TestATornLastLineIsCutOff tears the file at every byte of its last record:
// the record is gone, the others stay, and it can be stored again.
func TestATornLastLineIsCutOff(t *testing.T) {
	path := filepath.Join(t.TempDir(), "index")
	s, err := index.Open(path)
	require.NoError(t, err)
	_, _, err = s.Add(docs("a.go", "b.go"))
	require.NoError(t, err)
	whole, err := os.ReadFile(path)
	require.NoError(t, err)
	_, _, err = s.Add(docs("c.go"))
	require.NoError(t, err)
	require.NoError(t, s.Close())
	all, err := os.ReadFile(path)
	require.NoError(t, err)

	for cut := len(whole); cut < len(all); cut++ {
		require.NoError(t, os.WriteFile(path, all[:cut], 0o600))
		s, err := index.Open(path)
		require.NoError(t, err, "cut at byte %d", cut)
		require.Equal(t, map[string]int{"a.go": 1, "b.go": 1}, copies(t, s), "cut at byte %d", cut)
		stored, _, err := s.Add(docs("c.go"))
		require.NoError(t, err)
		require.Equal(t, 1, stored)
		require.NoError(t, s.Close())
		got, err := os.ReadFile(path)
		require.NoError(t, err)
		require.Equal(t, string(all), string(got), "cut at byte %d", cut)
	}
}

func TestATornLastLineMayEndInANewline(t *testing.T) {
	path := filepath.Join(t.TempDir(), "index")
	require.NoError(t, os.WriteFile(path, []byte(`{"path":"a.go"}`+"\n"+strings.Repeat("\x00", 20)+"\n"), 0o600))
	assert.Equal(t, map[string]int{"a.go": 1}, copies(t, open(t, path)))
}

func TestABadLineBeforeTheLastIsAnError(t *testing.T) {
	path := filepath.Join(t.TempDir(), "index")
	text := `{"path":"a.go"}` + "\n{\"pa\n" + `{"path":"b.go"}` + "\n"
	require.NoError(t, os.WriteFile(path, []byte(text), 0o600))
	_, err := index.Open(path)
	require.ErrorContains(t, err, "line 2 is no record")
	got, err := os.ReadFile(path)
	require.NoError(t, err)
	assert.Equal(t, text, string(got), "and the file is left alone")
}

// TestAFileOfSomebodyElseIsLeftAlone: -store names a file, and people mistype.
func TestAFileOfSomebodyElseIsLeftAlone(t *testing.T) {
	for _, text := range []string{"hello", "hello\n", "hello\nworld\n", `{"name":"x"}`, "{}\n", "\x7fELF\x00"} {
		path := filepath.Join(t.TempDir(), "notes")
		require.NoError(t, os.WriteFile(path, []byte(text), 0o600))
		_, err := index.Open(path)
		require.ErrorContains(t, err, "is not a store of documents", "%q", text)
		got, err := os.ReadFile(path)
		require.NoError(t, err)
		assert.Equal(t, text, string(got))
	}
}

// TestATornFirstRecordIsCutOff tears the only record at every byte.
func TestATornFirstRecordIsCutOff(t *testing.T) {
	record := `{"path":"a.go"}`
	for cut := range len(record) + 1 {
		path := filepath.Join(t.TempDir(), "index")
		require.NoError(t, os.WriteFile(path, []byte(record[:cut]), 0o600))
		assert.Empty(t, copies(t, open(t, path)), "cut at byte %d", cut)
	}
	path := filepath.Join(t.TempDir(), "index")
	require.NoError(t, os.WriteFile(path, []byte(strings.Repeat("\x00", 20)+"\n"), 0o600))
	assert.Empty(t, copies(t, open(t, path)))
}

func TestCopiesTellsWhatIsInTheFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "index")
	require.NoError(t, os.WriteFile(path, []byte(strings.Repeat(`{"path":"a.go"}`+"\n", 3)), 0o600))
	assert.Equal(t, map[string]int{"a.go": 3}, copies(t, open(t, path)), "a check that cannot fail proves nothing")
}
