package cli

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"

	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
	"golang.org/x/term"

	"github.com/weirkit/weir/examples/harvest/internal/client"
	"github.com/weirkit/weir/examples/harvest/internal/job"
	"github.com/weirkit/weir/examples/harvest/internal/report"
	"github.com/weirkit/weir/examples/harvest/internal/resume"
)

// What Run returns.
const (
	ExitOK      = 0
	ExitFailed  = 1   // a document is not stored exactly once, or the job failed
	ExitUsage   = 2   // a bad flag, folder or URL
	ExitStopped = 130 // ctx ended before the job, as Ctrl-C does it: 128 + SIGINT
)

// Run is the command: args without the program's name. The table goes to
// stdout, the rest to stderr. It returns the exit code; when ctx ends it stops
// in order and still writes the table.
func Run(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	err := run(ctx, args, stdout, stderr)
	_, usage := errors.AsType[usageError](err)
	switch {
	case err == nil || errors.Is(err, flag.ErrHelp):
		return ExitOK
	case errors.Is(err, errStopped):
		return ExitStopped
	case errors.Is(err, errIncomplete): // the table said so
		return ExitFailed
	case usage:
		_, _ = fmt.Fprintf(stderr, "harvest: %v (harvest -h lists the flags)\n", err)
		return ExitUsage
	}
	_, _ = fmt.Fprintf(stderr, "harvest: %v\n", err)
	return ExitFailed
}

var (
	errStopped    = errors.New("stopped")
	errIncomplete = errors.New("not every document is stored exactly once")
)

// usageError is a mistake of whoever typed the command.
type usageError struct{ error }

func (e usageError) Unwrap() error { return e.error }

func run(ctx context.Context, args []string, stdout, stderr io.Writer) (err error) {
	o, err := parse(args, stdout)
	if err != nil {
		return usageError{err}
	}
	if o.dir == "" {
		if o.dir, err = goSource(ctx); err != nil {
			return usageError{err}
		}
	}
	if o.resume {
		if err := o.keep(); err != nil {
			return usageError{fmt.Errorf("-resume: %w", err)}
		}
	}
	s, err := start(ctx, o)
	if err != nil {
		return err
	}
	over := false
	defer func() {
		err = errors.Join(err, s.close())
		if over { // not before the store is closed
			err = errors.Join(err, o.forget())
		}
	}()
	c := client.New(s.url, o.concurrency)
	defer c.Close()

	if o.verbose { // the log and the progress lines come from several goroutines
		stderr = zapcore.Lock(zapcore.AddSync(stderr))
	}
	config := o.config(c, logger(o, stderr))
	if o.resume {
		if config.From, err = resume.Load(o.state, o.job()); err != nil {
			return usageError{fmt.Errorf("-resume: %w", err)}
		}
		config.Save = func(p resume.Point) error {
			of := o.job()
			of.Point = p
			return resume.Save(o.state, of)
		}
	}
	j := job.New(config)
	_, _ = fmt.Fprintf(stderr, "indexing %s at %s\n", o.dir, s.about)
	if n := config.From.Files; n > 0 {
		_, _ = fmt.Fprintf(stderr, "going on behind %d files\n", n)
	}
	r, err := watched(ctx, o, j, stderr)
	if s.server != nil {
		counts := s.server.Faults()
		r.Faults = &counts
	}
	if o.resume && complete(r) {
		over, r.Resumable = true, false
	}
	return errors.Join(report.Table(stdout, r), err, outcome(r))
}

// watched runs the job beside its progress display, and returns when both have
// ended.
func watched(ctx context.Context, o options, j *job.Job, stderr io.Writer) (job.Result, error) {
	ctxDisplay, stop := context.WithCancel(ctx)
	var display sync.WaitGroup
	display.Go(func() {
		show := report.Lines
		if f, ok := stderr.(*os.File); ok && !o.verbose && term.IsTerminal(int(f.Fd())) { // #nosec G115 -- a descriptor is small
			show = report.Bar
		}
		show(ctxDisplay, stderr, report.Progress{Counts: j.Counts, Total: j.Total})
	})
	defer display.Wait()
	defer stop()
	if o.naive {
		return j.RunNaive(ctx)
	}
	return j.Run(ctx)
}

// outcome tells how the job ended, for the exit code.
func outcome(r job.Result) error {
	switch {
	case r.Stopped:
		return errStopped
	case r.Check != nil && !r.Check.OK():
		return errIncomplete
	}
	return nil
}

func (o options) config(c *client.Client, log *zap.Logger) job.Config {
	config := job.Config{Tree: os.DirFS(o.dir), Client: c, Batch: o.batch, GiveUp: o.giveUp, Log: log}
	if !o.naive {
		config.Limits = job.Limits{Rate: o.rate, Burst: o.concurrency, Concurrency: o.concurrency}
	}
	return config
}

// goSource finds the source tree of the Go distribution.
func goSource(ctx context.Context) (string, error) {
	out, err := exec.CommandContext(ctx, "go", "env", "GOROOT").Output()
	if err != nil {
		return "", fmt.Errorf("-dir: no Go distribution found (%w); name a folder", err)
	}
	dir := filepath.Join(strings.TrimSpace(string(out)), "src")
	return dir, checkFolder(dir)
}
