package cli

import (
	"errors"
	"fmt"
	"hash/fnv"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/weirkit/weir/examples/harvest/internal/job"
	"github.com/weirkit/weir/examples/harvest/internal/resume"
)

// keep finds where -resume keeps how far the job has come.
func (o *options) keep() error {
	dir, err := filepath.Abs(o.dir)
	if err != nil {
		return err
	}
	o.dir = dir // the folder is the same from wherever the command is given
	if o.store != "" {
		if o.store, err = filepath.Abs(o.store); err != nil {
			return err
		}
		o.state = o.store + ".resume"
		return nil
	}
	cache, err := os.UserCacheDir()
	if err != nil {
		return fmt.Errorf("no folder to keep anything in (%w); name a -store", err)
	}
	sum := fnv.New64a()
	_, _ = fmt.Fprintf(sum, "%s\n%s", o.dir, o.url) // never fails
	folder := filepath.Join(cache, "weir-harvest", fmt.Sprintf("%016x", sum.Sum64()))
	if err := os.MkdirAll(folder, 0o700); err != nil {
		return err
	}
	o.state = filepath.Join(folder, "resume.json")
	if o.url == "" {
		o.keptStore = filepath.Join(folder, "index.jsonl")
	}
	return nil
}

// job is what a state must be of.
func (o *options) job() resume.State {
	at := o.url
	if at == "" {
		at = o.store
	}
	if at == "" {
		at = o.keptStore
	}
	return resume.State{Tree: o.dir, Service: at}
}

// complete reports whether there is nothing to go on with: all is there, or the
// check missed what an earlier run saw stored, and only a new job mends that.
func complete(r job.Result) bool {
	return r.Check != nil && (r.Check.OK() || r.Done == r.Counts.Files)
}

// forget removes what keep keeps.
func (o *options) forget() error {
	err := os.Remove(o.state)
	if errors.Is(err, fs.ErrNotExist) {
		err = nil // a job without a file
	}
	if o.store != "" {
		return err
	}
	return errors.Join(err, os.RemoveAll(filepath.Dir(o.state)))
}
