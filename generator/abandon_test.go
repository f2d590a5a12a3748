package generator_test

import (
	"context"
	"runtime"
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/weirkit/weir/generator"
)

// dropped pulls once from a generator and drops it. It returns a channel that is
// closed when the producer ends.
//
//go:noinline
func dropped(ctx context.Context, t *testing.T, opts ...generator.Option) <-chan struct{} {
	t.Helper()
	ended := make(chan struct{})
	g := generator.New(ctx, func(ctx context.Context, yield func(int) bool) error {
		defer close(ended)
		return count(endless)(ctx, yield)
	}, opts...)
	_, ok := g.Next()
	require.True(t, ok)
	return ended
}

func TestAnAbandonedGeneratorIsReclaimed(t *testing.T) {
	for name, opts := range map[string][]generator.Option{
		"pulled":     nil,
		"prefetched": {generator.Buffer(8)},
	} {
		t.Run(name, func(t *testing.T) {
			ended := dropped(context.Background(), t, opts...)
			for {
				runtime.GC()
				select {
				case <-ended:
					return
				default:
					runtime.Gosched()
				}
			}
		})
	}
}

// The producer waits for something else than its consumer.
func TestAnAbandonedProducerThatWaitsIsCancelled(t *testing.T) {
	ended := make(chan struct{})
	func() {
		g := generator.New(context.Background(), func(ctx context.Context, yield func(int) bool) error {
			defer close(ended)
			yield(1)
			<-ctx.Done()
			return ctx.Err()
		}, generator.Buffer(1))
		_, ok := g.Next()
		require.True(t, ok)
	}()
	for {
		runtime.GC()
		select {
		case <-ended:
			return
		default:
			runtime.Gosched()
		}
	}
}

// A panic of the last calls of a producer that nobody waits for reaches nobody.
func TestAnAbandonedProducerThatPanicsHurtsNobody(t *testing.T) {
	ended := make(chan struct{})
	func() {
		g := generator.New(context.Background(), func(_ context.Context, yield func(int) bool) error {
			defer close(ended)
			yield(1)
			panic("late")
		})
		_, ok := g.Next()
		require.True(t, ok)
	}()
	for {
		runtime.GC()
		select {
		case <-ended:
			return
		default:
			runtime.Gosched()
		}
	}
}

// The garbage collector runs outside the bubble, where a wake-up of what sleeps
// in it would be fatal.
func TestAGeneratorAbandonedInABubbleEndsWithItsContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		ended := dropped(ctx, t, generator.Buffer(8))
		for range 5 {
			runtime.GC()
			synctest.Wait()
		}
		select {
		case <-ended:
			t.Error("ended by something else than its context")
		default:
		}
		cancel()
		<-ended
	})
}

// A handle in use is not abandoned, even if nothing of the caller's refers to it
// after the call: the producer would be ended under it.
func TestAGeneratorInUseIsNotReclaimed(t *testing.T) {
	gc := func(_ context.Context, yield func(int) bool) error {
		for i := range 6 {
			runtime.GC()
			for range 100 { // a cleanup would have its turn
				runtime.Gosched()
			}
			if !yield(i) {
				return nil
			}
		}
		return nil
	}
	for name, opts := range map[string][]generator.Option{
		"unbuffered": nil,
		"prefetched": {generator.Buffer(1)},
	} {
		t.Run(name, func(t *testing.T) {
			next := func() *generator.Generator[int] {
				g := generator.New(context.Background(), gc, opts...)
				_, ok := g.Next() // watched from here on
				require.True(t, ok)
				return g
			}
			got, err := next().Collect()
			require.NoError(t, err)
			assert.Equal(t, []int{1, 2, 3, 4, 5}, got)
			got, err = next().CollectN(5)
			require.NoError(t, err)
			assert.Equal(t, []int{1, 2, 3, 4, 5}, got)
			v, ok := next().Next()
			assert.True(t, ok)
			assert.Equal(t, 1, v)
			v, ok = next().Peek()
			assert.True(t, ok)
			assert.Equal(t, 1, v)
			n := 0
			for range next().All() {
				runtime.GC()
				n++
			}
			assert.Equal(t, 5, n)
		})
	}
}
