// Package source finds the Go files of a tree and makes documents of them.
package source

import (
	"context"
	"io/fs"
	"strings"

	"github.com/weirkit/weir/examples/harvest/internal/document"
	"github.com/weirkit/weir/generator"
	"github.com/weirkit/weir/pipeline"
)

// Skipped is told of what is left out: a file or folder that cannot be read, or
// a file that is not Go. It is called from several goroutines.
type Skipped func(path string, err error)

// Walk lists the .go files of a tree in lexical order, testdata included. It is
// lazy: it reads a folder when someone asks for its first file, and a break
// leaves the rest of the tree alone.
func Walk(ctx context.Context, tree fs.FS, skipped Skipped) *generator.Generator[string] {
	return generator.New(ctx, func(_ context.Context, yield func(string) bool) error {
		return fs.WalkDir(tree, ".", func(path string, entry fs.DirEntry, err error) error {
			switch {
			case err != nil:
				if path == "." {
					return err // there is no tree
				}
				skipped(path, err)
			case entry.Type().IsRegular() && strings.HasSuffix(path, ".go") && !yield(path):
				return fs.SkipAll
			}
			return nil
		})
	})
}

// Count tells how many files Walk would find. It reads the folders and none of
// the files.
func Count(ctx context.Context, tree fs.FS) (int64, error) {
	files := Walk(ctx, tree, func(string, error) {})
	defer files.Close()
	n := int64(0)
	for range files.All() {
		n++
	}
	return n, files.Err()
}

// Documents is a pipeline from paths to documents: it reads and parses with so
// many workers at once and hands a document on as soon as it is done, in any
// order. A file without a document is skipped, not the end.
func Documents(tree fs.FS, workers int, skipped Skipped) *pipeline.Pipeline[string, document.Document] {
	return pipeline.Map(pipeline.New[string](),
		func(_ context.Context, path string) (document.Document, error) {
			text, err := fs.ReadFile(tree, path)
			if err != nil {
				return document.Document{}, err
			}
			return document.Parse(path, text)
		},
		pipeline.Name("parse"),
		pipeline.Workers(workers),
		pipeline.Unordered(),
		pipeline.OnError(func(e *pipeline.StageError) pipeline.Action {
			path, _ := e.Item.(string) // the stage's input
			skipped(path, e.Err)
			return pipeline.Skip
		}),
	)
}
