package cli

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/weirkit/weir/examples/harvest/internal/client"
	"github.com/weirkit/weir/examples/harvest/internal/fault"
	"github.com/weirkit/weir/examples/harvest/internal/index"
)

// service is what the job posts to: ours, or one elsewhere.
type service struct {
	url    string
	about  string
	server *index.Server // nil for one elsewhere
	store  *index.Store
	temp   string // a folder to remove
}

// start starts a service, or looks whether the one that was named is there.
func start(ctx context.Context, o options) (*service, error) {
	if o.url != "" {
		return reach(ctx, o.url)
	}
	s := &service{}
	path := o.store
	if path == "" && o.resume {
		path = o.keptStore
	}
	if path == "" {
		dir, err := os.MkdirTemp("", "harvest-")
		if err != nil {
			return nil, err
		}
		s.temp, path = dir, filepath.Join(dir, "index.jsonl")
	}
	if err := s.serve(path, o); err != nil {
		return nil, errors.Join(err, s.close())
	}
	return s, nil
}

func (s *service) serve(path string, o options) error {
	profile, err := fault.Named(o.faults)
	if err != nil {
		return err
	}
	if s.store, err = index.Open(path); err != nil {
		return usageError{fmt.Errorf("-store: %w", err)}
	}
	if s.server, err = index.Start(s.store, fault.NewSchedule(profile, o.seed)); err != nil {
		return err
	}
	s.url = s.server.URL()
	s.about = fmt.Sprintf("%s (faults %s, seed %d)", s.url, o.faults, o.seed)
	return nil
}

// reach asks a service elsewhere for its size: a wrong address is found here,
// not after a tree of parsing.
func reach(ctx context.Context, url string) (*service, error) {
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	c := client.New(url, 1)
	defer c.Close()
	if _, err := c.Count(ctx); err != nil {
		return nil, usageError{fmt.Errorf("-url: no index service at %s: %w", url, err)}
	}
	return &service{url: url, about: url}, nil
}

// close stops what start started.
func (s *service) close() error {
	var err error
	if s.server != nil {
		ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second) // also after Ctrl-C
		defer cancel()
		err = s.server.Close(ctx)
	}
	if s.store != nil {
		err = errors.Join(err, s.store.Close())
	}
	if s.temp != "" {
		err = errors.Join(err, os.RemoveAll(s.temp))
	}
	return err
}
