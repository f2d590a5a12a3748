package job

import (
	"context"
	"errors"
	"io/fs"
	"iter"
	"runtime"
	"sync/atomic"
	"time"

	"go.uber.org/zap"

	"github.com/weirkit/weir/examples/harvest/internal/client"
	"github.com/weirkit/weir/examples/harvest/internal/document"
	"github.com/weirkit/weir/examples/harvest/internal/resume"
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

	From resume.Point             // where to go on; zero for a new job
	Save func(resume.Point) error // keeps how far the job has come; nil: nobody wants to know
}

// Job is one run. It is used once.
type Job struct {
	Config
	tally tally.Tally
	total atomic.Int64
	paths []string // of the documents made, for the check

	guard *wrapper.Wrapper // these for Run alone
	queue *queue
	trail trail
	lost  atomic.Bool // a batch was given up for good
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
	j.trail.from, j.trail.saved = j.From, j.From
	err := fanout.All(ctx, j.count, j.produce, j.deliver)
	r := Result{Limits: j.Limits, Resumable: j.Save != nil, Done: j.trail.saved.Files}
	if ctx.Err() != nil {
		r.Stopped, err = true, nil
	}
	err = errors.Join(err, j.guard.Close())
	if err == nil && !r.Stopped {
		r.Check, err = j.check(ctx)
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

// produce walks, parses and queues, and returns when the last batch is done. Each
// batch stays in the pipeline until then, so the run knows which files are done
// whatever the order in which their documents are stored.
func (j *Job) produce(ctx context.Context) error {
	files := source.Walk(ctx, j.Tree, j.skipped)
	defer files.Close()
	parsed := source.Documents(j.Tree, runtime.GOMAXPROCS(0), j.skipped)
	// A slow walk does not keep a half-full batch for long.
	batches := pipeline.Batch(parsed, j.Batch, pipeline.Every(200*time.Millisecond)).
		Tap(func(_ context.Context, docs []document.Document) error { j.made(docs); return nil })
	n := 4 * j.Limits.Concurrency // batches in the queue
	stored := batches.Tap(j.queue.do, pipeline.Name("queue"), pipeline.Workers(n), pipeline.Window(n), pipeline.Unordered())
	run := stored.Start(ctx, j.counted(files.All()), pipeline.Checkpoints(j.From.Files),
		pipeline.Progress(saveEvery, func(s pipeline.Stats) { j.save(s.Checkpoint) }))
	err := run.Wait()
	j.save(run.Checkpoint())
	if err = errors.Join(j.trail.failed(), j.trail.saveErr, err); err != nil {
		return err
	}
	if err := files.Err(); err != nil {
		return err
	}
	j.queue.finish()
	return nil
}

// counted counts the files of the walk and notes their paths.
func (j *Job) counted(files iter.Seq[string]) iter.Seq[string] {
	return func(yield func(string) bool) {
		for path := range files {
			before := j.trail.add(path)
			j.tally.Add(func(c *tally.Counts) {
				c.Files++
				if before {
					c.Before++
				}
			})
			if j.trail.failed() != nil || !yield(path) {
				return
			}
		}
		j.trail.ended()
	}
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
