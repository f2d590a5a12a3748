package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// The figures are the machine's; that there are some, and the plot, is checked.
func TestRun(t *testing.T) {
	svg := filepath.Join(t.TempDir(), "plot.svg")
	var out strings.Builder
	require.NoError(t, run([]string{"-d", "60ms", "-svg", svg}, &out))
	assert.Equal(t, 6, strings.Count(out.String(), "bare"))
	assert.Equal(t, 6, strings.Count(out.String(), "guarded"))
	assert.Contains(t, out.String(), "400%")
	drawn, err := os.ReadFile(svg)
	require.NoError(t, err)
	assert.Equal(t, 4, strings.Count(string(drawn), "<polyline"), "two diagrams of two lines")
	assert.True(t, strings.HasSuffix(string(drawn), "</svg>\n"))

	assert.ErrorContains(t, run([]string{"-d", "1ns"}, &out), "-d must be between 10ms and 1h, got 1ns")
}
