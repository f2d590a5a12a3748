package pipeline_test

import (
	"context"
	"math/rand/v2"
	"runtime"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"

	"github.com/weirkit/weir/pipeline"
)

// Everything that may be called on a run is called at once, at random moments,
// on one, two and eight processors.
func TestARunUnderEverythingAtOnce(t *testing.T) {
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(0))
	for _, procs := range []int{1, 2, 8} {
		runtime.GOMAXPROCS(procs)
		for range 40 {
			ctx, cancel := context.WithCancel(t.Context())
			p := &probe{}
			work := func(_ context.Context, v int) (int, error) {
				p.active.Add(1)
				defer p.active.Add(-1)
				if rand.IntN(20) == 0 {
					runtime.Gosched()
				}
				return v, nil
			}
			low := int64(0)
			run := pipeline.Batch(pipeline.New[int]().
				Then(work, pipeline.Name("first"), pipeline.Workers(3)).
				Filter(even, pipeline.Buffer(3)).
				Then(work, pipeline.Name("second"), pipeline.Workers(2), pipeline.Unordered()), 3).
				Start(ctx, p.source(1_000_000_000), pipeline.Checkpoints(0), pipeline.Progress(50*time.Microsecond, func(s pipeline.Stats) {
					p.active.Add(1)
					defer p.active.Add(-1)
					assert.GreaterOrEqual(t, s.Checkpoint, low, "it never goes back")
					low = s.Checkpoint
				}))
			var wg sync.WaitGroup
			for range 2 {
				wg.Go(func() {
					for range rand.IntN(30) {
						run.SetWorkers([]string{"first", "second"}[rand.IntN(2)], 1+rand.IntN(6))
						run.Stats()
						runtime.Gosched()
					}
				})
			}
			wg.Go(func() {
				n, end := 0, rand.IntN(500)
				for _, err := range run.Results() {
					if n++; n > end || err != nil {
						break
					}
				}
			})
			wg.Go(func() {
				for range rand.IntN(200) {
					runtime.Gosched()
				}
				switch rand.IntN(3) {
				case 0:
					run.Stop()
				case 1:
					run.Drain()
				case 2:
					cancel()
				}
				_ = run.Wait()
			})
			wg.Wait()
			p.stopped(t)
			s := run.Stats()
			for i := 1; i < len(s.Stages); i++ {
				assert.LessOrEqual(t, s.Stages[i].In, s.Stages[i-1].Out)
			}
			cancel()
		}
	}
}
