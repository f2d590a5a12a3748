// Package document says what the index knows of one Go file, and makes it of
// the file's text.
package document

import (
	"bytes"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"slices"
	"strconv"
)

// Document describes one Go file. Two documents are of the same file when their
// paths are equal.
type Document struct {
	Path     string   `json:"path"`     // slash-separated, relative to the tree's root
	Package  string   `json:"package"`  // the name in the package clause
	Imports  []string `json:"imports"`  // import paths, sorted, each once
	Exported []string `json:"exported"` // names, sorted, each once; methods as Type.Method
	Lines    int      `json:"lines"`    // a last line without a newline counts
	Size     int64    `json:"size"`     // bytes
}

// Parse makes a document of a file's text. A file that is not Go gives an error
// and no document, not half of one.
func Parse(path string, text []byte) (Document, error) {
	file, err := parser.ParseFile(token.NewFileSet(), path, text, parser.SkipObjectResolution)
	if err != nil {
		return Document{}, fmt.Errorf("parse: %w", err)
	}
	return Document{
		Path:     path,
		Package:  file.Name.Name,
		Imports:  imports(file),
		Exported: exported(file),
		Lines:    lines(text),
		Size:     int64(len(text)),
	}, nil
}

func lines(text []byte) int {
	n := bytes.Count(text, []byte{'\n'})
	if len(text) > 0 && text[len(text)-1] != '\n' {
		n++
	}
	return n
}

func imports(file *ast.File) []string {
	paths := make([]string, 0, len(file.Imports))
	for _, spec := range file.Imports {
		if path, err := strconv.Unquote(spec.Path.Value); err == nil {
			paths = append(paths, path)
		}
	}
	return unique(paths)
}

func exported(file *ast.File) []string {
	names := []string{} // never nil: an empty list is [] in JSON
	for _, decl := range file.Decls {
		switch d := decl.(type) {
		case *ast.FuncDecl:
			names = appendFunc(names, d)
		case *ast.GenDecl:
			for _, spec := range d.Specs {
				names = appendSpec(names, spec)
			}
		}
	}
	return unique(names)
}

func appendFunc(names []string, d *ast.FuncDecl) []string {
	if !d.Name.IsExported() {
		return names
	}
	if d.Recv == nil {
		return append(names, d.Name.Name)
	}
	if t := receiver(d.Recv); ast.IsExported(t) {
		return append(names, t+"."+d.Name.Name)
	}
	return names
}

// receiver names the type of a method: T of (t T), (t *T) and (t *T[K, V]).
func receiver(fields *ast.FieldList) string {
	if len(fields.List) == 0 {
		return ""
	}
	expr := fields.List[0].Type
	for {
		switch e := expr.(type) {
		case *ast.StarExpr:
			expr = e.X
		case *ast.ParenExpr:
			expr = e.X
		case *ast.IndexExpr:
			expr = e.X
		case *ast.IndexListExpr:
			expr = e.X
		case *ast.Ident:
			return e.Name
		default:
			return ""
		}
	}
}

func appendSpec(names []string, spec ast.Spec) []string {
	switch s := spec.(type) {
	case *ast.TypeSpec:
		if s.Name.IsExported() {
			names = append(names, s.Name.Name)
		}
	case *ast.ValueSpec:
		for _, id := range s.Names {
			if id.IsExported() {
				names = append(names, id.Name)
			}
		}
	}
	return names
}

func unique(names []string) []string {
	slices.Sort(names)
	return slices.Compact(names)
}
