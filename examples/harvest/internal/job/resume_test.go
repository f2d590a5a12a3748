package job_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net/http"
	"sync"
	"testing"
	"testing/fstest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/weirkit/weir/examples/harvest/internal/job"
	"github.com/weirkit/weir/examples/harvest/internal/resume"
)

// kept keeps how far a job has come, as a file does.
type kept struct {
	mu    sync.Mutex
	point resume.Point
	saves int
}

func (k *kept) save(p resume.Point) error {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.point = p
	k.saves++
	return nil
}

// TestAJobThatIsStoppedGoesOn stops a job at random moments, in the middle of
// faults, and starts it again where it stopped, until it is complete.
func TestAJobThatIsStoppedGoesOn(t *testing.T) {
	for seed := range uint64(3) {
		t.Run(fmt.Sprint("seed", seed), func(t *testing.T) {
			t.Parallel()
			server := service(t, "default", seed)
			var state kept
			runs, again := 0, int64(0)
			for stops := 12; ; stops-- {
				c := config(t, server.URL(), 300)
				c.From, c.Save = state.point, state.save
				ctx, cancel := context.WithCancel(t.Context())
				if stops > 0 {
					time.AfterFunc(time.Duration(rand.IntN(120))*time.Millisecond, cancel)
				}
				r, err := job.New(c).Run(ctx)
				cancel()
				require.NoError(t, err)
				assert.True(t, r.Resumable)
				assert.Equal(t, state.point.Files, r.Done)
				assert.GreaterOrEqual(t, state.point.Files, c.From.Files, "it never goes back")
				assert.LessOrEqual(t, r.Counts.Before, c.From.Files)
				runs++
				again += r.Counts.Stored
				if r.Stopped {
					continue
				}
				assert.Equal(t, &job.Check{Expected: 300, Once: 300}, r.Check)
				assert.Equal(t, c.From.Files, r.Counts.Before)
				assert.Equal(t, int64(302), r.Counts.Files)
				assert.Equal(t, int64(302), state.point.Files)
				break
			}
			assert.Greater(t, runs, 1)
			assert.Less(t, again, int64(300*runs), "what is done is not sent again")
		})
	}
}

func TestAJobThatIsDoneHasNothingToGoOnWith(t *testing.T) {
	server := service(t, "none", 1)
	var state kept
	for run := range 2 {
		c := config(t, server.URL(), 40)
		c.From, c.Save = state.point, state.save
		r, err := job.New(c).Run(t.Context())
		require.NoError(t, err)
		assert.Equal(t, &job.Check{Expected: 40, Once: 40}, r.Check, "checked are also those of an earlier run")
		assert.Equal(t, int64(40*(1-run)), r.Counts.Sent)
		assert.Equal(t, int64(42*run), r.Counts.Before)
	}
}

// A batch that was given up for good is tried again by the run that goes on.
func TestWhatWasGivenUpIsNotDone(t *testing.T) {
	url, _ := answering(t, func(w http.ResponseWriter, _ *http.Request) { http.Error(w, "no", http.StatusBadRequest) })
	var state kept
	c := config(t, url, 20)
	c.Save = state.save
	r, err := job.New(c).Run(t.Context())
	require.NoError(t, err)
	assert.Equal(t, int64(20), r.Counts.Lost)
	c = config(t, service(t, "none", 1).URL(), 20)
	c.From, c.Save = state.point, state.save
	r, err = job.New(c).Run(t.Context())
	require.NoError(t, err)
	assert.True(t, r.Check.OK(), "%+v", r.Check)
	assert.Equal(t, int64(20), r.Counts.Stored)
}

// A document that an earlier run stored, and that is not there any more, is
// missed.
func TestTheCheckLooksAtWhatEarlierRunsDid(t *testing.T) {
	var state kept
	c := config(t, service(t, "none", 1).URL(), 20)
	c.Save = state.save
	_, err := job.New(c).Run(t.Context())
	require.NoError(t, err)
	c = config(t, service(t, "none", 1).URL(), 20) // another service: it has none
	c.From = state.point
	r, err := job.New(c).Run(t.Context())
	require.NoError(t, err)
	assert.Equal(t, []int{20, 20}, []int{r.Check.Expected, r.Check.Missing}, "and two files have no document")
}

func TestATreeThatHasChangedIsNotGoneOnWith(t *testing.T) {
	for name, from := range map[string]resume.Point{
		"another file": {Files: 10, After: "p0/other.go"},
		"fewer files":  {Files: 1000, After: "z.go"},
	} {
		c := config(t, service(t, "none", 1).URL(), 30)
		var state kept
		c.From, c.Save = from, state.save
		r, err := job.New(c).Run(t.Context())
		require.ErrorContains(t, err, "the tree has changed", name)
		assert.Zero(t, r.Counts.Sent, name)
		assert.Zero(t, state.saves, "the state stays as it was")
	}
}

func TestAStateThatCannotBeKeptIsAnError(t *testing.T) {
	c := config(t, service(t, "none", 1).URL(), 10)
	c.Save = func(resume.Point) error { return assert.AnError }
	_, err := job.New(c).Run(t.Context())
	require.ErrorIs(t, err, assert.AnError)
}

func TestATreeWithoutFiles(t *testing.T) {
	c := config(t, service(t, "none", 1).URL(), 10)
	c.Tree = fstest.MapFS{"a.txt": &fstest.MapFile{}}
	var state kept
	c.Save = state.save
	r, err := job.New(c).Run(t.Context())
	require.NoError(t, err)
	assert.True(t, r.Check.OK())
	assert.Zero(t, state.saves)
}
