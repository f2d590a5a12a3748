package index

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"sync"

	"github.com/weirkit/weir/examples/harvest/internal/document"
)

// ErrBroken is returned by every later call when a write failed in a way that
// leaves unknown what is on the disk: a failed fsync, or a half-written record
// that could not be cut off.
var ErrBroken = errors.New("index: the store is broken by an earlier failed write")

// Store keeps documents in a file. Safe for concurrent use within a process;
// two processes must not open one file.
type Store struct {
	path string

	mu     sync.Mutex
	file   *os.File
	size   int64 // of whole records; what is behind it was never acknowledged
	known  map[string]struct{}
	broken error
}

// Len returns how many documents are stored.
func (s *Store) Len() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.known)
}

// Add stores the documents that are not known by their path, and returns how
// many that were and how many were known. It returns when they are on the disk;
// after an error none of them counts as stored.
func (s *Store) Add(docs []document.Document) (stored, known int, err error) {
	lines, err := encode(docs)
	if err != nil {
		return 0, 0, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.broken != nil {
		return 0, 0, s.broken
	}
	var block bytes.Buffer
	fresh := map[string]struct{}{}
	for i, d := range docs {
		if s.has(d.Path, fresh) {
			continue
		}
		fresh[d.Path] = struct{}{}
		block.Write(lines[i])
	}
	if err := s.appendLocked(block.Bytes()); err != nil {
		return 0, 0, err
	}
	for path := range fresh {
		s.known[path] = struct{}{}
	}
	return len(fresh), len(docs) - len(fresh), nil
}

// has reports whether a path is stored or about to be.
func (s *Store) has(path string, fresh map[string]struct{}) bool {
	if _, ok := s.known[path]; ok {
		return true
	}
	_, ok := fresh[path]
	return ok
}

// appendLocked writes whole records and syncs them, or leaves the file as it
// was.
func (s *Store) appendLocked(block []byte) error {
	if len(block) == 0 {
		return nil
	}
	if _, err := s.file.WriteAt(block, s.size); err != nil {
		if cut := s.file.Truncate(s.size); cut != nil {
			s.broken = fmt.Errorf("%w: %w", ErrBroken, cut)
		}
		return fmt.Errorf("index: write: %w", err)
	}
	if err := s.file.Sync(); err != nil {
		// A second fsync may report success for pages that the first one lost,
		// so there is no way back from here.
		s.broken = fmt.Errorf("%w: %w", ErrBroken, err)
		return fmt.Errorf("index: sync: %w", err)
	}
	s.size += int64(len(block))
	return nil
}

// encode makes a line of each document.
func encode(docs []document.Document) ([][]byte, error) {
	lines := make([][]byte, len(docs))
	for i, d := range docs {
		line, err := json.Marshal(d)
		if err != nil {
			return nil, fmt.Errorf("index: encode %s: %w", d.Path, err)
		}
		lines[i] = append(line, '\n')
	}
	return lines, nil
}

// Close closes the file; later calls fail. It is idempotent.
func (s *Store) Close() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.file == nil {
		return nil
	}
	err := s.file.Close()
	s.file, s.broken = nil, os.ErrClosed
	return err
}
