package job

import (
	"context"
	"io/fs"
	"strings"
	"sync"
	"time"

	"github.com/weirkit/weir/examples/harvest/internal/document"
	"github.com/weirkit/weir/examples/harvest/internal/tally"
)

// RunNaive does the same job the way it is often written first: a goroutine a
// batch, all at once, and what fails has failed. There is no limit, no timeout,
// no second try.
func (j *Job) RunNaive(ctx context.Context) (Result, error) {
	start := time.Now()
	var files []string
	err := fs.WalkDir(j.Tree, ".", func(path string, entry fs.DirEntry, err error) error {
		if path == "." && err != nil {
			return err
		}
		if err == nil && !entry.IsDir() && strings.HasSuffix(path, ".go") {
			files = append(files, path)
		}
		return nil
	})
	if err != nil {
		return Result{}, err
	}
	j.total.Store(int64(len(files)))
	j.tally.Add(func(c *tally.Counts) { c.Files = int64(len(files)) })

	var wg sync.WaitGroup
	var mu sync.Mutex // guards j.paths
	for len(files) > 0 {
		n := min(j.Batch, len(files))
		some := files[:n]
		files = files[n:]
		wg.Go(func() {
			docs := j.parseAll(some)
			mu.Lock()
			j.made(docs)
			mu.Unlock()
			j.postOnce(ctx, docs)
		})
	}
	wg.Wait()

	r := Result{Stopped: ctx.Err() != nil}
	if !r.Stopped {
		r.Check, err = j.check(ctx)
	}
	r.Counts, r.Elapsed = j.tally.Counts(), time.Since(start)
	return r, err
}

func (j *Job) parseAll(paths []string) []document.Document {
	var docs []document.Document
	for _, path := range paths {
		text, err := fs.ReadFile(j.Tree, path)
		if err != nil {
			j.skipped(path, err)
			continue
		}
		d, err := document.Parse(path, text)
		if err != nil {
			j.skipped(path, err)
			continue
		}
		docs = append(docs, d)
	}
	return docs
}

func (j *Job) postOnce(ctx context.Context, docs []document.Document) {
	n := int64(len(docs))
	if n == 0 {
		return
	}
	j.tally.Add(func(c *tally.Counts) { c.Sent += n })
	start := time.Now()
	_, err := j.Client.Post(ctx, docs)
	j.tally.Attempt(start)
	j.tally.Add(func(c *tally.Counts) {
		if err == nil {
			c.Stored += n
		} else {
			c.Lost += n
		}
	})
}
