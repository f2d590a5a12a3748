package cli

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"io/fs"
	"net/url"
	"os"
	"strings"
	"time"

	"github.com/weirkit/weir/examples/harvest/internal/fault"
)

// options are the flags, checked.
type options struct {
	dir         string
	url         string
	store       string
	faults      string
	seed        uint64
	batch       int
	concurrency int
	rate        float64
	giveUp      time.Duration
	naive       bool
	resume      bool
	verbose     bool

	state     string // the file of -resume
	keptStore string // the store of -resume without -store
}

const usage = `harvest indexes a tree of Go files: it parses them in parallel and posts what it
finds, in batches, to an index service that it starts on this machine and that
misbehaves on purpose. In the end it asks the service whether every document is
stored exactly once.

Usage: harvest [flags]

`

const exits = `
Exit codes: 0 every document is stored exactly once; 1 some are not, or the job
failed; 2 a bad flag, folder or URL; 130 stopped by Ctrl-C.
`

// parse reads the flags. It returns flag.ErrHelp when they asked for help,
// which it has written to help.
func parse(args []string, help io.Writer) (options, error) {
	var o options
	set := flag.NewFlagSet("harvest", flag.ContinueOnError)
	set.SetOutput(io.Discard) // one line for an error, and that is ours
	set.Usage = func() {}
	o.define(set)
	if err := set.Parse(args); errors.Is(err, flag.ErrHelp) {
		_, _ = io.WriteString(help, usage)
		set.SetOutput(help)
		set.PrintDefaults()
		_, _ = io.WriteString(help, exits)
		return o, err
	} else if err != nil {
		return o, err
	}
	if set.NArg() > 0 {
		return o, fmt.Errorf("%q is no flag, and harvest takes nothing else", set.Arg(0))
	}
	return o, o.check(set)
}

func (o *options) define(set *flag.FlagSet) {
	set.StringVar(&o.dir, "dir", "", "the `folder` whose .go files are indexed (default: src of the Go distribution)")
	set.StringVar(&o.url, "url", "", "the `address` of an index service elsewhere, such as http://host:8080 (default: one is started on loopback)")
	set.StringVar(&o.store, "store", "", "the `file` in which the started service keeps the documents; it is kept, and a second run finds them (default: a temporary file)")
	set.StringVar(&o.faults, "faults", "default", "how the started service misbehaves: none, default or harsh")
	set.Uint64Var(&o.seed, "seed", 1, "the `number` that fixes the faults: the same number, the same faults")
	set.IntVar(&o.batch, "batch", 25, "documents in a post, 1 to 1000")
	set.IntVar(&o.concurrency, "concurrency", 8, "posts at once, 1 to 1000")
	set.Float64Var(&o.rate, "rate", 50, "posts a second at most, retries among them, 0.1 to 100000")
	set.DurationVar(&o.giveUp, "give-up", 20*time.Second, "how long a batch that fails is tried again, with its unit: 500ms, 20s, 2m")
	set.BoolVar(&o.naive, "naive", false, "do the job with plain goroutines and a bare client, and see what is lost; -rate, -concurrency and -give-up have no effect")
	set.BoolVar(&o.resume, "resume", false, "go on where an earlier run with -resume was stopped or killed: how far it came is kept in a file beside the -store, or, without one, together with the documents in the user's cache folder; both are removed when the job is complete, but a -store of yours")
	set.BoolVar(&o.verbose, "v", false, "log retries, rejections and the breaker's states to standard error")
}

func (o *options) check(set *flag.FlagSet) error {
	if _, err := fault.Named(o.faults); err != nil {
		return fmt.Errorf("-faults: %w", err)
	}
	switch {
	case o.batch < 1 || o.batch > 1000:
		return fmt.Errorf("-batch: must be 1 to 1000, got %d", o.batch)
	case o.concurrency < 1 || o.concurrency > 1000:
		return fmt.Errorf("-concurrency: must be 1 to 1000, got %d", o.concurrency)
	case !(o.rate >= 0.1 && o.rate <= 100_000): // also refuses NaN
		return fmt.Errorf("-rate: must be 0.1 to 100000 a second, got %g", o.rate)
	case o.naive && o.resume:
		return errors.New("-resume: does nothing for -naive, which keeps no account of what it has done")
	case o.giveUp <= 0:
		return fmt.Errorf("-give-up: must be more than 0, got %v", o.giveUp)
	}
	if o.url != "" {
		if err := o.checkURL(set); err != nil {
			return err
		}
	}
	if o.dir != "" {
		return checkFolder(o.dir)
	}
	return nil
}

// checkURL wants an address alone, and none of the flags of a service that is
// not started.
func (o *options) checkURL(set *flag.FlagSet) error {
	u, err := url.Parse(o.url)
	if err != nil {
		return fmt.Errorf("-url: %w", errors.Unwrap(err))
	}
	if (u.Scheme != "http" && u.Scheme != "https") || u.Host == "" {
		return fmt.Errorf("-url: %q is no address like http://host:8080", o.url)
	}
	if u.RawQuery != "" || u.Fragment != "" {
		return fmt.Errorf("-url: %q has more than an address", o.url)
	}
	o.url = strings.TrimRight(o.url, "/")
	set.Visit(func(f *flag.Flag) {
		if err == nil && (f.Name == "store" || f.Name == "faults" || f.Name == "seed") {
			err = fmt.Errorf("-%s: is for the service that harvest starts, and -url names another", f.Name)
		}
	})
	return err
}

func checkFolder(dir string) error {
	info, err := os.Stat(dir)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return fmt.Errorf("-dir: no folder %q", dir)
	case err != nil:
		return fmt.Errorf("-dir: %w", err)
	case !info.IsDir():
		return fmt.Errorf("-dir: %q is a file, not a folder", dir)
	}
	return nil
}
