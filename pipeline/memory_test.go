package pipeline_test

import (
	"context"
	"iter"
	"runtime"
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/weirkit/weir/pipeline"
)

// count yields 0 to n-1 and keeps none of them.
func count(n int) iter.Seq[int] {
	return func(yield func(int) bool) {
		for i := range n {
			if !yield(i) {
				return
			}
		}
	}
}

// long has a stage of each kind that holds items: workers in order and in any,
// a queue, batches, sequences, keys that are forgotten.
func long() *pipeline.Pipeline[int, int] {
	p := threeStages().Then(add(1), pipeline.Workers(2)).
		Filter(func(context.Context, int) (bool, error) { return true, nil }, pipeline.Buffer(64)).
		Then(add(1), pipeline.Workers(2), pipeline.Unordered())
	p = pipeline.FlatMap(pipeline.Distinct(p, 1000, func(v int) int { return v }), func(_ context.Context, v int) iter.Seq2[int, error] {
		return func(yield func(int, error) bool) { yield(v, nil) }
	})
	return pipeline.Unbatch(pipeline.Batch(p, 100))
}

// heapGrowth takes n items through a pipeline and returns by how much the live
// heap, looked at a few times on the way, was ever larger than at first.
func heapGrowth(tb testing.TB, n int, results iter.Seq2[int, error]) (growth int64, items int) {
	live := func() int64 {
		var m runtime.MemStats
		runtime.GC()
		runtime.ReadMemStats(&m)
		return int64(m.HeapAlloc) // #nosec G115 -- no heap is that large
	}
	begin := int64(0)
	for _, err := range results {
		if err != nil {
			tb.Fatal(err)
		}
		switch items++; {
		case items == n/20:
			begin = live()
		case items%(n/10) == 0:
			growth = max(growth, live()-begin)
		}
	}
	return growth, items
}

func TestMemoryDoesNotGrowWithTheInput(t *testing.T) {
	const n = 100_000
	growth, items := heapGrowth(t, n, long().Stream(t.Context(), count(n)))
	assert.Equal(t, n, items)
	assert.Less(t, growth, int64(1<<20), "an item has 8 bytes: to keep them all would take 1 MB or more")
	growth, items = heapGrowth(t, n, long().Start(t.Context(), count(n), pipeline.Checkpoints(0)).Results())
	assert.Equal(t, n, items)
	assert.Less(t, growth, int64(1<<20), "with checkpoints too")
}

// BenchmarkTenMillion is ten million items through a pipeline:
//
//	go test ./pipeline -run '^$' -bench TenMillion -benchtime 1x
func BenchmarkTenMillion(b *testing.B) {
	const n = 10_000_000
	for name, run := range map[string]func() iter.Seq2[int, error]{
		"fused":     func() iter.Seq2[int, error] { return threeStages().Stream(b.Context(), count(n)) },
		"all kinds": func() iter.Seq2[int, error] { return long().Stream(b.Context(), count(n)) },
		"checkpoints": func() iter.Seq2[int, error] {
			return long().Start(b.Context(), count(n), pipeline.Checkpoints(0)).Results()
		},
	} {
		b.Run("stages="+name, func(b *testing.B) {
			for b.Loop() {
				growth, items := heapGrowth(b, n, run())
				if items != n {
					b.Fatal(items)
				}
				b.ReportMetric(float64(growth)/1024, "KiB-growth")
			}
			perItem(b, n)
		})
	}
}
