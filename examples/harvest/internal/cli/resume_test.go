package cli_test

import (
	"bytes"
	"context"
	"errors"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/weirkit/weir/examples/harvest/internal/cli"
)

// TestAJobThatIsKilledGoesOn kills the process at random moments, and starts it
// again, until one ends by itself.
func TestAJobThatIsKilledGoesOn(t *testing.T) {
	dir, cache := folder(t, 900), t.TempDir()
	program, err := os.Executable()
	require.NoError(t, err)
	args := []string{"-resume", "-dir", dir, "-batch", "2", "-rate", "300", "-faults", "none"}
	went := 0
	for kills := 6; ; kills-- {
		ctx, cancel := context.WithCancel(t.Context())
		// On a slow machine none may have come so far that the next has something to go on with.
		again := kills > 0 || went == 0
		if again {
			after := 250 + rand.IntN(400) + 200*max(-kills, 0)
			ctx, cancel = context.WithTimeout(t.Context(), time.Duration(after)*time.Millisecond)
		}
		cmd := exec.CommandContext(ctx, program, args...) // killed when ctx is done
		cmd.Env = append(os.Environ(), asCommand+"=1", "XDG_CACHE_HOME="+cache, "HOME="+cache)
		var out, diagnostics bytes.Buffer
		cmd.Stdout, cmd.Stderr = &out, &diagnostics
		err := cmd.Run()
		cancel()
		if strings.Contains(diagnostics.String(), "going on behind") {
			went++
		}
		if err != nil && again {
			exit, ok := errors.AsType[*exec.ExitError](err)
			require.True(t, ok)
			require.Equal(t, -1, exit.ExitCode(), "killed, and not ended otherwise: %s", diagnostics.String())
			continue
		}
		require.NoError(t, err, diagnostics.String())
		assert.Contains(t, out.String(), "checked: all 900 documents are stored exactly once\n")
		break
	}
	assert.Positive(t, went)
	left, err := filepath.Glob(filepath.Join(cache, "weir-harvest", "*"))
	require.NoError(t, err)
	assert.Empty(t, left, "nothing is kept of a job that is complete")
}

func TestAStoreOfYoursIsKept(t *testing.T) {
	dir, store := folder(t, 60), filepath.Join(t.TempDir(), "index.jsonl")
	args := []string{"-resume", "-dir", dir, "-store", store, "-batch", "2", "-faults", "none", "-rate"}
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	var stop sync.WaitGroup
	stop.Go(func() { // as soon as there is something to go on with
		for _, err := os.Stat(store + ".resume"); err != nil && ctx.Err() == nil; _, err = os.Stat(store + ".resume") {
			time.Sleep(time.Millisecond)
		}
		cancel()
	})
	code, out, diagnostics := run(ctx, append(args, "10")...)
	stop.Wait()
	require.Equal(t, cli.ExitStopped, code, diagnostics)
	assert.Regexp(t, `\n\d+ files are done; the same command goes on behind them\n`, out)
	assert.FileExists(t, store+".resume")
	other := append([]string{"-resume", "-store", store, "-dir"}, folder(t, 3))
	code, _, diagnostics = run(t.Context(), other...)
	require.Equal(t, cli.ExitUsage, code)
	assert.Contains(t, diagnostics, "remove it to begin anew")

	code, out, diagnostics = run(t.Context(), append(args, "1000")...)
	require.Equal(t, cli.ExitOK, code, diagnostics)
	assert.Contains(t, diagnostics, "going on behind")
	assert.Contains(t, out, "of them done by an earlier run\n")
	assert.Contains(t, out, "checked: all 60 documents are stored exactly once\n")
	assert.NoFileExists(t, store+".resume")
	text, err := os.ReadFile(store)
	require.NoError(t, err)
	assert.Equal(t, 60, strings.Count(string(text), "\n"))
}
