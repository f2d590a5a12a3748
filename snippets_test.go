package weir_test

import (
	"fmt"
	"go/ast"
	"go/importer"
	"go/parser"
	"go/token"
	"go/types"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// A snippet that is no whole file is compiled inside a function, with these
// names around it. Readers of the docs will guess them; the compiler cannot.
const prelude = `
var (
	ctx  context.Context
	urls []string
	ids  []int

	lines *pipeline.Pipeline[string, string]
	seq   iter.Seq[string]
)

func parse(ctx context.Context, s string) (int, error)                  { return 0, nil }
func produce(ctx context.Context, yield func(int) bool) error           { return nil }

func fetch(ctx context.Context, url string) (int, error) { return 0, nil }
func call(ctx context.Context) (status int, wait time.Duration, err error) { return 0, 0, nil }
func load(ctx context.Context, id int) (string, error) { return "", nil }
func work(ctx context.Context) error { return nil }
`

// packages that a snippet may name, by the word before the dot.
var snippetImports = map[string]string{
	"context": "context", "errors": "errors", "fmt": "fmt", "iter": "iter", "log": "log", "http": "net/http",
	"os": "os", "slices": "slices", "strconv": "strconv", "strings": "strings", "sync": "sync", "time": "time",
	"maps": "maps", "io": "io", "sql": "database/sql",
	"ratelimit": module + "/ratelimit", "semaphore": module + "/semaphore", "breaker": module + "/breaker",
	"retry": module + "/retry", "generator": module + "/generator", "fanout": module + "/fanout",
	"pipeline": module + "/pipeline", "wrapper": module + "/wrapper", "zaplog": module + "/observe/zaplog",
	"rate": module + "/ratelimit/rate", "httplimit": module + "/ratelimit/httplimit",
	"httpguard": module + "/wrapper/httpguard", "zap": "go.uber.org/zap",
}

// snippets returns the Go code blocks of a Markdown file, and the code in the
// last column of its tables of packages.
func snippets(t *testing.T, path string) []string {
	t.Helper()
	text, err := os.ReadFile(path)
	require.NoError(t, err)
	var out []string
	for _, m := range regexp.MustCompile("(?ms)^```go\n(.*?)^```").FindAllStringSubmatch(string(text), -1) {
		out = append(out, m[1])
	}
	for _, m := range regexp.MustCompile("(?m)^\\| \\[.*\\| `([^`]+)` \\|$").FindAllStringSubmatch(string(text), -1) {
		out = append(out, m[1]+"\n")
	}
	return out
}

// source makes a file of a snippet: itself if it is one, else a function around
// it with the imports that it names.
func source(snippet string) string {
	if strings.HasPrefix(strings.TrimSpace(snippet), "package ") {
		return snippet
	}
	var imports strings.Builder
	for name, path := range snippetImports {
		if regexp.MustCompile(`\b` + name + `\.`).MatchString(snippet + prelude) {
			fmt.Fprintf(&imports, "import %s %q\n", name, path)
		}
	}
	if regexp.MustCompile(`(?m)^(func|type) `).MatchString(snippet) { // declarations
		return "package snippet\n" + imports.String() + prelude + snippet
	}
	return "package snippet\n" + imports.String() + prelude + "func _() {\n" + snippet + "}\n"
}

// TestSnippetsCompile type-checks every Go block of the README and the docs. A
// variable that a snippet declares and does not use is fine: it is a snippet.
func TestSnippetsCompile(t *testing.T) {
	files, err := filepath.Glob("docs/*.md")
	require.NoError(t, err)
	fset := token.NewFileSet()
	imp := importer.ForCompiler(fset, "source", nil) // one importer: packages are checked once
	total := 0
	for _, path := range append(files, "README.md") {
		for i, snippet := range snippets(t, path) {
			total++
			name := fmt.Sprintf("%s#%d", path, i+1)
			file, err := parser.ParseFile(fset, name, source(snippet), parser.SkipObjectResolution)
			if !assert.NoError(t, err, "%s:\n%s", name, snippet) {
				continue
			}
			conf := types.Config{Importer: imp, Error: func(err error) {
				if e, ok := err.(types.Error); ok && e.Soft { //nolint:errorlint // the checker hands over the value itself
					return
				}
				assert.NoError(t, err, "%s:\n%s", name, snippet)
			}}
			_, _ = conf.Check("snippet", fset, []*ast.File{file}, nil) // errors went to conf.Error
		}
	}
	assert.GreaterOrEqual(t, total, 10)
}
