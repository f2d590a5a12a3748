package generator_test

import (
	"context"
	"io"
	"math"
	"runtime"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/weirkit/weir/generator"
	"github.com/weirkit/weir/internal/testkit"
)

// Where generators and streams of other libraries fail, each as a scenario.

// A producer that ignores its context and yields into a channel that nobody reads
// any more hangs for ever, and its generator hands out values after Close.
func TestTrapAProducerThatIgnoresItsContext(t *testing.T) {
	modes(t, func(t *testing.T, opts ...generator.Option) {
		ended := false
		g := generator.New(t.Context(), func(_ context.Context, yield func(int) bool) error {
			defer func() { ended = true }()
			for i := range 1000 {
				yield(i) // it does not look at what yield says either
			}
			return nil
		}, opts...)
		v, ok := g.Next()
		require.True(t, ok)
		require.Zero(t, v)
		synctest.Wait()
		g.Close()
		assert.True(t, ended)
		_, ok = g.Next()
		assert.False(t, ok)
	})
}

// A goroutine starts with the constructor, before anybody asked.
func TestTrapAConstructorThatStartsAGoroutine(t *testing.T) {
	before := runtime.NumGoroutine()
	var all []*generator.Generator[int]
	for range 100 {
		all = append(all, generator.New(t.Context(), count(1), generator.Buffer(8)))
	}
	assert.LessOrEqual(t, runtime.NumGoroutine(), before)
	runtime.KeepAlive(all)
}

// With a context that is done, a select between it and a value picks either: the
// result changes from run to run.
func TestTrapASelectBetweenTheEndAndAValue(t *testing.T) {
	for range 200 {
		ctx, cancel := context.WithCancel(t.Context())
		ready := make(chan int, 1)
		ready <- 1
		g := generator.FromChan(ctx, ready, generator.Buffer(1))
		v, ok := g.Peek()
		require.True(t, ok)
		require.Equal(t, 1, v)
		cancel()
		_, ok = g.Next()
		require.False(t, ok, "the context wins, every time")
	}
}

// Values that were buffered when the producer ended get lost.
func TestTrapTheEndOvertakesBufferedValues(t *testing.T) {
	for n := range 200 {
		g := generator.New(t.Context(), count(n), generator.Buffer(256))
		got, err := g.Collect()
		require.NoError(t, err)
		require.Equal(t, upTo(n), got)
	}
}

// A panic in the producer's goroutine kills the process, or hangs the consumer.
func TestTrapAPanicOnAnotherGoroutine(t *testing.T) {
	g := generator.New(t.Context(), func(_ context.Context, yield func(int) bool) error {
		yield(1)
		panic("boom")
	}, generator.Buffer(4))
	got, err := g.Collect()
	assert.Equal(t, []int{1}, got)
	var panicked *generator.PanicError
	require.ErrorAs(t, err, &panicked)
	assert.Equal(t, "boom", panicked.Value)
	assert.Contains(t, string(panicked.Stack), "TestTrapAPanicOnAnotherGoroutine")
}

// A loop over the values with `for v := range seq2` takes the zero value beside the
// error for a real one. All never yields it.
func TestTrapTheZeroValueBesideAnError(t *testing.T) {
	modes(t, func(t *testing.T, opts ...generator.Option) {
		g := generator.New(t.Context(), func(_ context.Context, yield func(int) bool) error {
			yield(7)
			return errSource
		}, opts...)
		assert.Equal(t, []int{7}, slices.Collect(g.All()))
		assert.Equal(t, errSource, g.Err())
	})
}

// A second loop over something that is for one pass silently gives nothing. It does
// here, too, but the reason of the end stays.
func TestTrapASecondLoopHidesTheError(t *testing.T) {
	modes(t, func(t *testing.T, opts ...generator.Option) {
		g := generator.New(t.Context(), func(context.Context, func(int) bool) error { return errSource }, opts...)
		for range 2 {
			assert.Empty(t, slices.Collect(g.All()))
			assert.Equal(t, errSource, g.Err())
			for _, err := range g.Stream() {
				assert.Equal(t, errSource, err)
			}
			_, err := g.NextContext(t.Context())
			assert.Equal(t, errSource, err)
		}
	})
}

// A stop function that is not called leaks the coroutine: see also
// TestAnAbandonedGeneratorIsReclaimed. A panic in the sequence surfaces in the pull
// that met it, once; the ones after it find the end.
func TestTrapAPanicThatComesTwice(t *testing.T) {
	g := generator.New(t.Context(), func(_ context.Context, yield func(int) bool) error {
		yield(1)
		panic("boom")
	})
	_, ok := g.Next()
	require.True(t, ok)
	assert.Equal(t, "boom", testkit.Run(func() { g.Next() }).Value)
	assert.True(t, testkit.Run(func() {
		_, ok = g.Next()
		assert.False(t, ok)
		g.Close()
		g.Close()
	}).Returned)
	assert.Equal(t, generator.ErrAborted, g.Err())
}

// A yield after it returned false panics in a plain loop. Here it says no again: a
// producer may have several places that yield.
func TestTrapAYieldAfterTheEnd(t *testing.T) {
	modes(t, func(t *testing.T, opts ...generator.Option) {
		said := 0
		g := generator.New(t.Context(), func(_ context.Context, yield func(int) bool) error {
			for yield(1) {
			}
			for range 5 {
				if yield(2) {
					said++
				}
			}
			return nil
		}, opts...)
		for range g.All() {
			break
		}
		assert.Zero(t, said)
		assert.NoError(t, g.Err())
	})
}

// On a break: the context ends, the producer is woken, its defers run, then the
// statement behind the loop.
func TestTrapTheOrderOfTheEnd(t *testing.T) {
	modes(t, func(t *testing.T, opts ...generator.Option) {
		var order []string
		g := generator.New(t.Context(), func(ctx context.Context, yield func(int) bool) error {
			defer func() {
				<-ctx.Done()
				time.Sleep(time.Second) // it closes files
				order = append(order, "producer's defer")
			}()
			for yield(1) {
			}
			order = append(order, "yield said no")
			return nil
		}, opts...)
		for range g.All() {
			break
		}
		order = append(order, "behind the loop")
		assert.Equal(t, []string{"yield said no", "producer's defer", "behind the loop"}, order)
	})
}

// CollectN(-1) panics, and a huge n takes memory for values that do not exist; see
// TestCollectNClampsItsNumber.
func TestTrapAHugeBatch(t *testing.T) {
	modes(t, func(t *testing.T, opts ...generator.Option) {
		g := generator.New(t.Context(), count(3), opts...)
		for b := range g.Batches(math.MaxInt) {
			assert.Equal(t, []int{0, 1, 2}, b)
			assert.LessOrEqual(t, cap(b), 1024)
		}
	})
}

// A batch that is handed out is filled again behind the consumer's back.
func TestTrapABatchThatIsUsedTwice(t *testing.T) {
	modes(t, func(t *testing.T, opts ...generator.Option) {
		var all [][]int
		for b := range generator.New(t.Context(), count(9), opts...).Batches(2) {
			all = append(all, b)
		}
		assert.Equal(t, [][]int{{0, 1}, {2, 3}, {4, 5}, {6, 7}, {8}}, all)
		_ = append(all[0], 99)
		assert.Equal(t, 2, all[1][0])
	})
}

// An item waits in a chunk until the next one fills it, while the source blocks.
func TestTrapAnItemBehindASourceThatBlocks(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := generator.Ticks(t.Context(), time.Hour, generator.Buffer(1000))
		n := 0
		for tick := range g.All() {
			assert.Equal(t, tick, time.Now())
			if n++; n == 50 {
				break
			}
		}
	})
}

// A reader's last bytes come with io.EOF in some libraries and are dropped in
// others; here a value is beside no error, or is none.
func TestTrapAValueBesideEOF(t *testing.T) {
	lines := []string{"a", "b"}
	i := 0
	got, err := generator.FromFunc(t.Context(), func(context.Context) (string, error) {
		if i == len(lines) {
			return "not a line", io.EOF
		}
		i++
		return lines[i-1], nil
	}).Collect()
	require.NoError(t, err)
	assert.Equal(t, lines, got)
}

// A producer on the loop's stack could swallow the panic of the body with a recover
// of its own. The panic is not lost: the loop panics all the same.
func TestTrapAProducerThatSwallowsThePanicOfTheBody(t *testing.T) {
	modes(t, func(t *testing.T, opts ...generator.Option) {
		ended := false
		g := generator.New(t.Context(), func(_ context.Context, yield func(int) bool) error {
			defer func() { ended = true }()
			for i := range 5 {
				func() {
					defer func() { _ = recover() }()
					yield(i)
				}()
			}
			return nil
		}, opts...)
		bodies := 0
		end := testkit.Run(func() {
			for range g.All() {
				bodies++
				panic("body")
			}
		})
		assert.NotNil(t, end.Value)
		assert.Equal(t, 1, bodies)
		assert.True(t, ended)
		assert.NoError(t, g.Err())
		_, ok := g.Next()
		assert.False(t, ok)
	})
}
