package pipeline_test

import (
	"context"
	"iter"
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/weirkit/weir/pipeline"
)

// An input whose sequence was cut off because another one failed is not done,
// whatever of it has been read.
func TestACutOffSequenceIsNotDone(t *testing.T) {
	const long = 1000
	for name, opts := range map[string][]pipeline.Option{
		"ordered":   {pipeline.Workers(2)},
		"unordered": {pipeline.Workers(2), pipeline.Unordered()},
	} {
		for readFirst := range 4 {
			synctest.Test(t, func(t *testing.T) {
				fail := make(chan struct{})
				p := pipeline.FlatMap(pipeline.New[int](), func(_ context.Context, v int) iter.Seq2[int, error] {
					return func(yield func(int, error) bool) {
						if v == 1 {
							<-fail
							yield(0, errBoom)
							return
						}
						for i := range long {
							if !yield(i, nil) {
								return
							}
						}
					}
				}, opts...)
				run := p.Start(t.Context(), numbers(2), pipeline.Checkpoints(0))
				n := 0
				var last error
				for _, err := range run.Results() {
					if last = err; err != nil {
						break
					}
					if n++; n == 1+readFirst*50 {
						synctest.Wait() // the long one waits for room
						close(fail)
						synctest.Wait()
					}
				}
				require.ErrorIs(t, last, errBoom, name)
				if n < long {
					assert.Zero(t, run.Checkpoint(), "%s: after %d of %d", name, n, long)
				}
			})
		}
	}
}
