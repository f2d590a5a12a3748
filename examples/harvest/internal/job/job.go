package job

import (
	"context"
	"errors"
	"io/fs"
	"runtime"
	"sync/atomic"
	"time"

	"go.uber.org/zap"

	"github.com/weirkit/weir/examples/harvest/internal/client"
	"github.com/weirkit/weir/examples/harvest/internal/document"
	"github.com/weirkit/weir/examples/harvest/internal/source"
	"github.com/weirkit/weir/examples/harvest/internal/tally"
	"github.com/weirkit/weir/fanout"
	"github.com/weirkit/weir/pipeline"
	"github.com/weirkit/weir/wrapper"
)

// Config says what to index, where to, and how hard to try.
type Config struct {
	Tree   fs.FS
	Client *client.Client
	Limits Limits
	Batch  int           // documents in a post
	GiveUp time.Duration // how long a failing batch is tried again, from its first try on
	Log    *zap.Logger
}

// Job is one run. It is used once.
type Job struct {
	Config
	tally tally.Tally
	total atomic.Int64
	paths []string // of the documents made, for the check

	guard *wrapper.Wrapper // both for Run alone
	queue *queue
}

// New prepares a job.
func New(c Config) *Job { return &Job{Config: c} }

// Counts returns what happened so far.
func (j *Job) Counts() tally.Counts { return j.tally.Counts() }

// Total returns how many files the tree has, or 0 while that is not known.
func (j *Job) Total() int64 { return j.total.Load() }

// Run does the job and checks it. When ctx ends it stops and returns what it has
// so far, without a check and without an error. An error is that of a tree that
// cannot be walked, or of a service that cannot be asked for the check.
func (j *Job) Run(ctx context.Context) (Result, error) {
	start := time.Now()
	j.guard, j.queue = newGuard(j.Limits, j.Log, &j.tally), newQueue(4*j.Limits.Concurrency)
	err := fanout.All(ctx, j.count, j.produce, j.deliver)
	r := Result{Limits: j.Limits}
	if ctx.Err() != nil {
		r.Stopped, err = true, nil
	}
	err = errors.Join(err, j.guard.Close())
	if err == nil && !r.Stopped {
		r.Check, err = check(ctx, j.Client, j.paths)
	}
	r.Counts, r.Elapsed = j.tally.Counts(), time.Since(start)
	return r, err
}

// count finds the total for the progress bar, while the work has begun.
func (j *Job) count(ctx context.Context) error {
	n, err := source.Count(ctx, j.Tree)
	j.total.Store(n)
	return err
}

// produce walks, parses and queues, and returns when the last batch is done.
func (j *Job) produce(ctx context.Context) error {
	files := source.Walk(ctx, j.Tree, j.skipped)
	defer files.Close()
	parsed := source.Documents(j.Tree, runtime.GOMAXPROCS(0), j.skipped)
	// A slow walk does not keep a half-full batch for long.
	batches := pipeline.Batch(parsed, j.Batch, pipeline.Every(200*time.Millisecond))
	counted := func(yield func(string) bool) {
		for path := range files.All() {
			j.tally.Add(func(c *tally.Counts) { c.Files++ })
			if !yield(path) {
				return
			}
		}
	}
	for docs, err := range batches.Stream(ctx, counted) {
		if err != nil {
			return err
		}
		j.made(docs)
		if err := j.queue.put(ctx, docs); err != nil {
			return err
		}
	}
	if err := files.Err(); err != nil {
		return err
	}
	return j.queue.finish(ctx)
}

// made notes documents for the check: a path each, all that grows with the tree.
func (j *Job) made(docs []document.Document) {
	for _, d := range docs {
		j.paths = append(j.paths, d.Path)
	}
	j.tally.Add(func(c *tally.Counts) { c.Documents += int64(len(docs)) })
}

// skipped counts a file without a document.
func (j *Job) skipped(path string, err error) {
	j.Log.Debug("file skipped", zap.String("path", path), zap.Error(err))
	_, unreadable := errors.AsType[*fs.PathError](err)
	j.tally.Add(func(c *tally.Counts) {
		if unreadable {
			c.Unreadable++
		} else {
			c.ParseErrors++
		}
	})
}
