package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

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
	for name, rows := range map[string]int{"bare": 6, "guarded": 1, "fixed": 5, "adaptive": 5} {
		assert.Equal(t, rows, strings.Count(out.String(), "\n"+name+"  "), name)
	}
	assert.Equal(t, 3, strings.Count(out.String(), "400%"))
	drawn, err := os.ReadFile(svg)
	require.NoError(t, err)
	assert.Equal(t, 6, strings.Count(string(drawn), "<polyline"), "two diagrams of three lines")
	assert.True(t, strings.HasSuffix(string(drawn), "</svg>\n"))

	assert.ErrorContains(t, run([]string{"-d", "1ns"}, &out), "-d must be between 10ms and 1h, got 1ns")
}

func TestAServerThatAnswersNobodyHasNoP99(t *testing.T) {
	drawn := plot([]guard{{name: "bare"}}, []row{{name: "bare", load: 1, good: 100, p99: time.Second}, {name: "bare", load: 2}})
	var points []string
	for line := range strings.SplitSeq(drawn, "\n") {
		if rest, ok := strings.CutPrefix(line, `<polyline points="`); ok {
			points = append(points, rest[:strings.Index(rest, `"`)])
		}
	}
	require.Len(t, points, 2)
	assert.Len(t, strings.Fields(points[0]), 2, "that it gave no good answers is drawn")
	assert.Len(t, strings.Fields(points[1]), 1, "how long they took is not")
	assert.Equal(t, "-", orNone(time.Duration(0)))
	assert.Equal(t, "8", orNone("8"))
}

func TestTheLimitsOfARowAreThoseInForceWhileItWasMeasured(t *testing.T) {
	var s span
	assert.Equal(t, "1", s.take(1))
	s.add(2)
	s.add(16)
	assert.Equal(t, "1-16", s.take(16))
	assert.Equal(t, "16", s.take(16), "it has not changed since")
	s.add(7)
	assert.Equal(t, "7-16", s.take(10))
}
