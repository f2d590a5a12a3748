package resume_test

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/weirkit/weir/examples/harvest/internal/resume"
)

func TestWhatIsSavedIsLoaded(t *testing.T) {
	path := filepath.Join(t.TempDir(), "state")
	s := resume.State{Tree: "/src", Service: "http://host"}
	p, err := resume.Load(path, s)
	require.NoError(t, err)
	assert.Zero(t, p, "no file: a new job")
	for _, want := range []resume.Point{{Files: 7, After: "a/b.go"}, {Files: 9, After: "a/c.go"}} {
		s.Point = want
		require.NoError(t, resume.Save(path, s))
		p, err = resume.Load(path, resume.State{Tree: "/src", Service: "http://host"})
		require.NoError(t, err)
		assert.Equal(t, want, p)
	}
	entries, err := os.ReadDir(filepath.Dir(path))
	require.NoError(t, err)
	assert.Len(t, entries, 1, "nothing else is left")
}

func TestAStateOfAnotherJobIsRefused(t *testing.T) {
	path := filepath.Join(t.TempDir(), "state")
	s := resume.State{Tree: "/src", Service: "http://host"}
	require.NoError(t, resume.Save(path, s))
	_, err := resume.Load(path, resume.State{Tree: "/other", Service: "http://host"})
	require.ErrorContains(t, err, "is of /src at http://host; remove it to begin anew")
	for _, text := range []string{"", "{", "[]", `{"files":-1,"tree":"/src"}`} {
		require.NoError(t, os.WriteFile(path, []byte(text), 0o600))
		_, err = resume.Load(path, s)
		require.ErrorContains(t, err, "is not the state of a job; remove it to begin anew", text)
	}
	_, err = resume.Load(filepath.Dir(path), s)
	require.Error(t, err, "a folder")
	require.Error(t, resume.Save(filepath.Join(path, "x"), s))
}
