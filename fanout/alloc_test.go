package fanout_test

import (
	"context"
	"runtime"
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/weirkit/weir/fanout"
)

func TestAllocationsDoNotGrowWithTheItems(t *testing.T) {
	f := func(_ context.Context, i int) (int, error) { return i, nil }
	each := func(context.Context, int) error { return nil }
	keep := func(context.Context, int) (bool, error) { return true, nil }
	in := upTo(10_000)
	tests := []struct {
		name string
		most float64
		call func(n int)
	}{
		{"Map alone", 4, func(n int) { _, _ = fanout.Map(t.Context(), in[:n], f, fanout.Threshold(1<<30)) }},
		{"Map", 2 + 12, func(n int) { _, _ = fanout.Map(t.Context(), in[:n], f) }},
		{"Map, 4 workers", 4 + 3*4, func(n int) { _, _ = fanout.Map(t.Context(), in[:n], f, fanout.Workers(4)) }},
		{"ForEach, 4 workers", 5 + 3*4, func(n int) { _ = fanout.ForEach(t.Context(), in[:n], each, fanout.Workers(4)) }},
		{"Filter, 4 workers", 6 + 3*4, func(n int) { _, _ = fanout.Filter(t.Context(), in[:n], keep, fanout.Workers(4)) }},
		{"Settle, 4 workers", 5 + 3*4, func(n int) { fanout.Settle(t.Context(), in[:n], f, fanout.Workers(4)) }},
	}
	for _, tt := range tests {
		few := testing.AllocsPerRun(5, func() { tt.call(100) })
		many := testing.AllocsPerRun(5, func() { tt.call(len(in)) })
		assert.LessOrEqual(t, many, tt.most, "%s", tt.name)
		assert.LessOrEqual(t, many, few+10, "%s: %v for 100 items", tt.name, few)
	}
}

func TestAWorkerCostsOneAllocation(t *testing.T) {
	in := upTo(256)
	f := func(_ context.Context, i int) (int, error) { return i, nil }
	allocs := testing.AllocsPerRun(10, func() { _, _ = fanout.Map(t.Context(), in, f, fanout.Workers(64)) })
	assert.LessOrEqual(t, allocs, 75.0)
}

func TestASmallMapAllocatesItsResultsAndOneObject(t *testing.T) {
	f := func(_ context.Context, i int) (int, error) { return i, nil }
	in := upTo(10)
	ctx := context.Background()
	call := func() { _, _ = fanout.Map(ctx, in, f) }
	assert.LessOrEqual(t, testing.AllocsPerRun(100, call), 2.0)
	assert.LessOrEqual(t, bytesPerRun(call), uint64(200), "80 for the results, 32 for the context")
}

func TestAWorkerCostsSomeHundredBytes(t *testing.T) {
	in := upTo(256)
	f := func(_ context.Context, i int) (int, error) { return i, nil }
	of := func(workers int) uint64 {
		return bytesPerRun(func() { _, _ = fanout.Map(t.Context(), in, f, fanout.Workers(workers)) })
	}
	few, many := of(2), of(66)
	assert.LessOrEqual(t, few, uint64(256*8+1500), "the results and the call")
	assert.LessOrEqual(t, many, few+64*400)
}

// bytesPerRun is what f allocates.
func bytesPerRun(f func()) uint64 {
	const runs = 50
	var before, after runtime.MemStats
	f()
	runtime.ReadMemStats(&before)
	for range runs {
		f()
	}
	runtime.ReadMemStats(&after)
	return (after.TotalAlloc - before.TotalAlloc) / runs
}
