package job

import (
	"errors"
	"sync"
	"time"

	"github.com/weirkit/weir/examples/harvest/internal/resume"
)

// saveEvery is how often a job keeps how far it has come: what is done in
// between is done again after a kill, and known by the service.
const saveEvery = 200 * time.Millisecond

// errChanged is returned when the tree is not the one that an earlier run walked.
var errChanged = errors.New("the tree has changed since the run that this one is to continue")

// trail is the files of the walk, in order.
type trail struct {
	from    resume.Point
	saved   resume.Point // this and saveErr are of who saves, one at a time
	saveErr error

	mu    sync.Mutex
	paths []string
	err   error // that the tree is another one
}

// add notes a file, and reports whether an earlier run has done it.
func (t *trail) add(path string) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.paths = append(t.paths, path)
	n := int64(len(t.paths))
	if n == t.from.Files && path != t.from.After {
		t.err = errChanged
	}
	return n <= t.from.Files
}

// ended says that there are no more files.
func (t *trail) ended() {
	t.mu.Lock()
	defer t.mu.Unlock()
	if int64(len(t.paths)) < t.from.Files {
		t.err = errChanged
	}
}

// failed returns why the walk is of no use.
func (t *trail) failed() error {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.err
}

// before returns the files that an earlier run has done.
func (t *trail) before() []string { return t.paths[:t.from.Files] }

// point is where a run goes on that has done so many files.
func (t *trail) point(files int64) resume.Point {
	t.mu.Lock()
	defer t.mu.Unlock()
	if files <= 0 || files > int64(len(t.paths)) {
		return t.from
	}
	return resume.Point{Files: files, After: t.paths[files-1]}
}

// save keeps how far the job has come. Where a batch was given up for good it
// stays: the run that goes on tries that again.
func (j *Job) save(files int64) {
	if j.Save == nil || j.lost.Load() || j.trail.failed() != nil { // lost is set before the batch counts as done
		return
	}
	p := j.trail.point(files)
	if p == j.trail.saved {
		return
	}
	if err := j.Save(p); err != nil {
		j.trail.saveErr = err
		return
	}
	j.trail.saved = p
}
