package stream_test

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/weirkit/weir/internal/stream"
)

func TestParallelDeliversAPublishedResultWhileItsItemGoesOn(t *testing.T) {
	for _, unordered := range []bool{false, true} {
		synctest.Test(t, func(t *testing.T) {
			begin := time.Now()
			var got []int
			err := stream.NewParallel[int, chan int](stream.Config{Workers: 2, Unordered: unordered}).RunEarly(t.Context(), upTo(4),
				func(_ context.Context, i int64, v int, publish func(chan int)) (chan int, error) {
					parts := make(chan int)
					if i%2 == 1 {
						parts = make(chan int, 1)
						parts <- v
						close(parts)
						return parts, nil // not published early
					}
					defer close(parts)
					publish(parts)
					for range 3 {
						time.Sleep(time.Second)
						parts <- v
					}
					return nil, nil
				}, func(_ int64, parts chan int) bool {
					for v := range parts {
						got = append(got, v)
					}
					return true
				})
			require.NoError(t, err)
			want := []int{0, 0, 0, 1, 2, 2, 2, 3}
			if unordered {
				assert.ElementsMatch(t, want, got)
			} else {
				assert.Equal(t, want, got)
			}
			assert.LessOrEqual(t, time.Since(begin), 6*time.Second)
		})
	}
}

func TestParallelStartsNothingBehindAnErrorAfterPublishing(t *testing.T) {
	for _, unordered := range []bool{false, true} {
		synctest.Test(t, func(t *testing.T) {
			started := 0
			err := stream.NewParallel[int, chan int](stream.Config{Workers: 1, Unordered: unordered}).RunEarly(t.Context(), upTo(100),
				func(_ context.Context, _ int64, _ int, publish func(chan int)) (chan int, error) {
					started++
					publish(nil)
					return nil, errBoom
				}, func(int64, chan int) bool {
					synctest.Wait()
					return false
				})
			require.NoError(t, err)
			assert.Equal(t, 1, started)
		})
	}
}
