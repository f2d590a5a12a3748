package index

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/weirkit/weir/examples/harvest/internal/document"
)

// Open opens the store in a file, which is created if it is not there. A torn
// last line is cut off. A bad line before the last one is an error: that is no
// crash of ours, and cutting there would lose what was acknowledged. So is a
// file that does not begin like a store: it belongs to somebody else.
func Open(path string) (*Store, error) {
	file, err := os.OpenFile(filepath.Clean(path), os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, fmt.Errorf("index: %w", err)
	}
	s := &Store{path: path, file: file, known: map[string]struct{}{}}
	s.size, err = scan(file, func(d document.Document) { s.known[d.Path] = struct{}{} })
	if err == nil {
		err = errors.Join(file.Truncate(s.size), file.Sync(), syncFolder(path))
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("index: open %s: %w", path, err), file.Close())
	}
	return s, nil
}

// scan calls f for each record and returns the length of the file up to the end
// of the last whole one.
func scan(file io.Reader, f func(document.Document)) (size int64, err error) {
	r := bufio.NewReaderSize(file, 1<<20)
	for number := 1; ; number++ {
		line, err := r.ReadBytes('\n')
		if errors.Is(err, io.EOF) { // no newline: torn, or nothing at all
			if size == 0 && !torn(line) {
				return 0, errForeign
			}
			return size, nil
		}
		if err != nil {
			return 0, err
		}
		var d document.Document
		if err := json.Unmarshal(bytes.TrimSpace(line), &d); err != nil || d.Path == "" {
			if number == 1 && !torn(line) {
				return 0, errForeign
			}
			if _, more := r.Peek(1); errors.Is(more, io.EOF) {
				return size, nil // blocks may reach the disk out of order: a newline proves nothing
			}
			return 0, fmt.Errorf("line %d is no record, and not the last line", number)
		}
		f(d)
		size += int64(len(line))
	}
}

var errForeign = errors.New("is not a store of documents; name another file, or one that does not exist")

// torn reports whether what a file begins with may be left of a first record:
// the begin of one, or blocks that never reached the disk.
func torn(line []byte) bool {
	const begin = `{"path":`
	n := min(len(line), len(begin))
	return string(line[:n]) == begin[:n] || len(bytes.Trim(line, "\x00\n")) == 0
}

// syncFolder makes the file's name durable.
func syncFolder(path string) error {
	folder, err := os.Open(filepath.Dir(path))
	if err != nil {
		return err
	}
	return errors.Join(folder.Sync(), folder.Close())
}

// Copies reads the file again and returns how often each path is in it.
func (s *Store) Copies() (map[string]int, error) {
	s.mu.Lock()
	size, broken := s.size, s.broken
	s.mu.Unlock()
	if broken != nil {
		return nil, broken
	}
	file, err := os.Open(s.path)
	if err != nil {
		return nil, fmt.Errorf("index: read: %w", err)
	}
	defer func() { _ = file.Close() }() // only read
	copies := map[string]int{}
	got, err := scan(io.LimitReader(file, size), func(d document.Document) { copies[d.Path]++ })
	if err == nil && got != size {
		err = fmt.Errorf("%d of %d bytes are records", got, size)
	}
	if err != nil {
		return nil, fmt.Errorf("index: read %s: %w", s.path, err)
	}
	return copies, nil
}
