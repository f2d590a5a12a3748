package harness_test

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/weirkit/weir/bench/internal/harness"
)

func counting(n *int) func(b *testing.B) {
	return func(b *testing.B) {
		for b.Loop() {
			*n++
		}
	}
}

func TestRunMeasuresEveryRowInEveryRound(t *testing.T) {
	require.NoError(t, harness.SetTime(time.Microsecond))
	var ours, theirs int
	c := harness.Case{Package: "p", Name: "op", Rows: []harness.Row{
		{Name: "weir", Bench: counting(&ours)}, {Name: "peer", Bench: counting(&theirs)}}}
	var order []string
	tables, err := harness.Run(t.Context(), []harness.Case{c}, 3, func(_ int, _ harness.Case, row string) {
		order = append(order, row)
	})
	require.NoError(t, err)
	assert.Equal(t, []string{"weir", "peer", "peer", "weir", "weir", "peer"}, order)
	assert.Positive(t, ours)
	assert.Positive(t, theirs)
	for _, r := range tables[0].Results {
		assert.Len(t, r.NS, 3)
		assert.LessOrEqual(t, r.Min(), r.Median())
	}
}

func TestAFailedRowFailsTheRun(t *testing.T) {
	c := harness.Case{Package: "p", Name: "op", Rows: []harness.Row{
		{Name: "weir", Bench: func(b *testing.B) { b.Skip("refused") }}}}
	_, err := harness.Run(t.Context(), []harness.Case{c}, 1, func(int, harness.Case, string) {})
	assert.ErrorContains(t, err, "p / op / weir")
}

func TestRunStopsWhenCtxIsDone(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	c := harness.Case{Rows: []harness.Row{{Bench: func(b *testing.B) { b.Error("ran") }}}}
	_, err := harness.Run(ctx, []harness.Case{c}, 1, func(int, harness.Case, string) {})
	assert.ErrorIs(t, err, context.Canceled)
}

func TestPrintGivesRatiosToOurs(t *testing.T) {
	var out strings.Builder
	harness.Print(&out, []harness.Table{{
		Case: harness.Case{Package: "ratelimit", Name: "Allow"},
		Results: []harness.Result{
			{Row: "weir", NS: []float64{30, 10, 20}},
			{Row: "peer", NS: []float64{50, 70, 60}, Allocs: 2},
		},
	}})
	assert.Contains(t, out.String(), "## ratelimit")
	assert.Contains(t, out.String(), "| weir | 20.0 | 10.0 | 0 | 1.00 |")
	assert.Contains(t, out.String(), "| peer | 60.0 | 50.0 | 2 | 3.00 |")
}

func TestSelectByWord(t *testing.T) {
	all := []harness.Case{{Package: "b", Name: "x"}, {Package: "a", Name: "y"}}
	assert.Len(t, harness.Select(all, nil), 2)
	assert.Equal(t, "a", harness.Select(all, nil)[0].Package)
	assert.Equal(t, []harness.Case{{Package: "b", Name: "x"}}, harness.Select(all, []string{"b/x"}))
}
