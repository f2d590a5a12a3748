// Package resume keeps in a file how far a job has come, so that one that was
// stopped or killed goes on there.
package resume

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
)

// Point is how far a job has come.
type Point struct {
	Files int64  `json:"files"` // of the tree, in the order of the walk, that are done
	After string `json:"after"` // the path of the last of them: it shows a tree that has changed
}

// State is the file.
type State struct {
	Tree    string `json:"tree"`    // the folder
	Service string `json:"service"` // where the documents are
	Point
}

// Load reads a state, the zero value if there is no file. It is an error if the
// file belongs to another job than want.
func Load(path string, want State) (Point, error) {
	text, err := os.ReadFile(filepath.Clean(path))
	if errors.Is(err, fs.ErrNotExist) {
		return Point{}, nil
	}
	if err != nil {
		return Point{}, err
	}
	var s State
	if err := json.Unmarshal(text, &s); err != nil || s.Files < 0 || s.Tree == "" {
		return Point{}, fmt.Errorf("%s is not the state of a job; remove it to begin anew", path)
	}
	if s.Tree != want.Tree || s.Service != want.Service {
		return Point{}, fmt.Errorf("%s is of %s at %s; remove it to begin anew", path, s.Tree, s.Service)
	}
	return s.Point, nil
}

// Save replaces the file: whoever reads it, also after a crash in the middle,
// finds the old state or the new one.
func Save(path string, s State) (err error) {
	text, err := json.Marshal(s)
	if err != nil {
		return err
	}
	file, err := os.CreateTemp(filepath.Dir(path), filepath.Base(path)+".*")
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			_ = os.Remove(file.Name()) // it is of no use
		}
	}()
	_, err = file.Write(append(text, '\n'))
	if err == nil {
		err = file.Sync() // or the new name may reach the disk before the text
	}
	if err = errors.Join(err, file.Close()); err != nil {
		return err
	}
	return os.Rename(file.Name(), path)
}
