//go:build go1.27

package pipeline_test

import (
	"context"
	"iter"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/weirkit/weir/pipeline"
)

func TestTypeChangingStagesAsMethods(t *testing.T) {
	p := pipeline.New[string]().
		Then(pipeline.Lift(strings.TrimSpace)).
		Map(func(_ context.Context, s string) (int, error) { return strconv.Atoi(s) }).
		FlatMap(func(_ context.Context, n int) iter.Seq2[int, error] {
			return func(yield func(int, error) bool) { _ = yield(n, nil) && yield(n, nil) }
		}).
		Distinct(1, func(n int) int { return n }).
		MapByKey(func(n int) int { return n % 2 }, add(1), pipeline.Workers(2)).
		Scan(0.0, func(_ context.Context, sum float64, n int) (float64, error) { return sum + float64(n), nil }).
		Join(pipeline.From(pipeline.Lift(func(f float64) float64 { return f / 2 })))
	src := func(yield func(string) bool) { _ = yield(" 1") && yield("2 ") && yield("3") }
	got, err := p.Collect(t.Context(), src)
	require.NoError(t, err)
	assert.Equal(t, []float64{1, 2.5, 4.5}, got)
	total, err := p.Reduce(t.Context(), src, "", func(_ context.Context, s string, f float64) (string, error) {
		return s + strconv.FormatFloat(f, 'g', -1, 64) + ";", nil
	})
	require.NoError(t, err)
	assert.Equal(t, "1;2.5;4.5;", total)
}
