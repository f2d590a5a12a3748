package cli_test

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/weirkit/weir/examples/harvest/internal/cli"
)

// folder writes n Go files and one that is none.
func folder(t *testing.T, n int) string {
	t.Helper()
	dir := t.TempDir()
	for i := range n {
		text := fmt.Sprintf("package p\n\nfunc F%d() {}\n", i)
		require.NoError(t, os.WriteFile(filepath.Join(dir, fmt.Sprintf("f%d.go", i)), []byte(text), 0o600))
	}
	require.NoError(t, os.WriteFile(filepath.Join(dir, "broken.go"), []byte("package"), 0o600))
	return dir
}

func run(ctx context.Context, args ...string) (code int, stdout, stderr string) {
	var out, diagnostics strings.Builder
	code = cli.Run(ctx, args, &out, &diagnostics)
	return code, out.String(), diagnostics.String()
}

func lastLine(s string) string {
	lines := strings.Split(strings.TrimRight(s, "\n"), "\n")
	return lines[len(lines)-1]
}

func TestARun(t *testing.T) {
	code, out, diagnostics := run(t.Context(), "-dir", folder(t, 12), "-batch", "5", "-rate", "1000", "-faults", "none")
	assert.Equal(t, cli.ExitOK, code, diagnostics)
	assert.Contains(t, out, "parse errors  1\n")
	assert.Contains(t, out, "checked: all 12 documents are stored exactly once\n")
	assert.Equal(t, "indexed 12 documents", lastLine(out))
}

func TestABadCommandGetsOneLineAndExit2(t *testing.T) {
	file := filepath.Join(t.TempDir(), "file")
	require.NoError(t, os.WriteFile(file, nil, 0o600))
	gone := httptest.NewServer(http.NotFoundHandler())
	url := gone.URL
	gone.Close()
	other := httptest.NewServer(http.NotFoundHandler())
	defer other.Close()
	tests := []struct{ args, want string }{
		{"-fast", "flag provided but not defined: -fast"},
		{"src", `"src" is no flag`},
		{"-batch ten", `invalid value "ten" for flag -batch`},
		{"-batch 0", "-batch: must be 1 to 1000, got 0"},
		{"-concurrency 0", "-concurrency: must be 1 to 1000, got 0"},
		{"-rate 0", "-rate: must be 0.1 to 100000 a second, got 0"},
		{"-rate NaN", "-rate: must be 0.1 to 100000 a second, got NaN"},
		{"-give-up 20", `invalid value "20" for flag -give-up`},
		{"-give-up -1s", "-give-up: must be more than 0, got -1s"},
		{"-faults mild", `-faults: "mild" is none of default, harsh, none`},
		{"-naive -resume -dir .", "-resume: does nothing for -naive"},
		{"-seed -1", `invalid value "-1" for flag -seed`},
		{"-dir " + file + "x", `-dir: no folder`},
		{"-dir " + file, "is a file, not a folder"},
		{"-store " + file + "/store -dir .", "-store: index: open"},
		{"-url ftp://host", `-url: "ftp://host" is no address like http://host:8080`},
		{"-url host:8080", `-url: "host:8080" is no address`},
		{"-url http://%zz", `-url: invalid URL escape "%zz"`},
		{"-url http://host/?a=b", "has more than an address"},
		{"-url http://host -seed 3", "-seed: is for the service that harvest starts"},
		{"-dir . -url " + url, "-url: no index service at " + url},
		{"-dir . -url " + other.URL, "404"},
	}
	for _, tt := range tests {
		t.Run(tt.args, func(t *testing.T) {
			code, out, diagnostics := run(t.Context(), strings.Fields(tt.args)...)
			assert.Equal(t, cli.ExitUsage, code)
			assert.Contains(t, diagnostics, "harvest: ")
			assert.Contains(t, diagnostics, tt.want)
			assert.Equal(t, 1, strings.Count(diagnostics, "\n"), "one line: %q", diagnostics)
			assert.Empty(t, out)
		})
	}
}

func TestHelpExplainsEveryFlag(t *testing.T) {
	code, out, diagnostics := run(t.Context(), "-h")
	assert.Equal(t, cli.ExitOK, code)
	assert.Empty(t, diagnostics)
	for _, name := range []string{"dir", "url", "store", "faults", "seed", "batch", "concurrency", "rate", "give-up", "naive", "resume", "v"} {
		assert.Regexp(t, `(?m)^  -`+name+`\b`, out)
	}
	assert.Contains(t, out, "Exit codes: 0 ")
}

func TestTheNaiveRunLosesDocumentsAndFails(t *testing.T) {
	code, out, diagnostics := run(t.Context(), "-naive", "-dir", folder(t, 60), "-batch", "2", "-faults", "harsh")
	assert.Equal(t, cli.ExitFailed, code, diagnostics)
	assert.Regexp(t, `checked: of 60 documents [1-9]\d* are missing and 0 are stored more than once`, out)
	assert.Regexp(t, `^indexed \d+ documents$`, lastLine(out))
}

func TestASecondRunFindsTheFirst(t *testing.T) {
	store := filepath.Join(t.TempDir(), "index.jsonl")
	dir := folder(t, 10)
	for range 2 {
		code, out, diagnostics := run(t.Context(), "-dir", dir, "-store", store, "-faults", "none", "-rate", "1000")
		require.Equal(t, cli.ExitOK, code, diagnostics)
		assert.Equal(t, "indexed 10 documents", lastLine(out))
	}
	text, err := os.ReadFile(store)
	require.NoError(t, err)
	assert.Equal(t, 10, strings.Count(string(text), "\n"))
}

// TestAStopWritesTheTableSoFar stops the run, as Ctrl-C does, when its first
// post has arrived.
func TestAStopWritesTheTableSoFar(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodGet {
			_, _ = w.Write([]byte(`{}`))
			return
		}
		cancel()
	}))
	defer server.Close()
	code, out, diagnostics := run(ctx, "-dir", folder(t, 30), "-url", server.URL)
	assert.Equal(t, cli.ExitStopped, code, diagnostics)
	assert.Contains(t, out, "files ")
	assert.Contains(t, out, "stopped before the end")
	assert.Equal(t, "indexed 0 documents", lastLine(out))
}

func TestVerboseLogsWhatHappens(t *testing.T) {
	code, _, diagnostics := run(t.Context(), "-v", "-dir", folder(t, 60), "-batch", "2", "-faults", "harsh", "-rate", "1000")
	assert.Equal(t, cli.ExitOK, code, diagnostics)
	assert.Contains(t, diagnostics, "WARN")
	assert.Contains(t, diagnostics, "broken.go")
}
