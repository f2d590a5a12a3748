package generator_test

import (
	"context"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/weirkit/weir/generator"
)

// slow waits a second before each value, and a second after yield said no.
func slow(ended *bool) func(context.Context, func(int) bool) error {
	return func(ctx context.Context, yield func(int) bool) error {
		defer func() {
			time.Sleep(time.Second)
			*ended = true
		}()
		for i := 0; ; i++ {
			select {
			case <-time.After(time.Second):
			case <-ctx.Done():
				return ctx.Err()
			}
			if !yield(i) {
				return nil
			}
		}
	}
}

func TestCloseEndsANextThatIsUnderWayAndWaits(t *testing.T) {
	modes(t, func(t *testing.T, opts ...generator.Option) {
		ended := false
		g := generator.New(t.Context(), slow(&ended), opts...)
		_, ok := g.Next()
		require.True(t, ok)
		returned := make(chan bool)
		go func() {
			_, ok := g.Next()
			returned <- ok
		}()
		time.Sleep(100 * time.Millisecond)
		g.Close()
		assert.True(t, ended, "Close waits for the producer's defers")
		assert.False(t, <-returned)
		assert.NoError(t, g.Err())
	})
}

func TestCloseFromManyGoroutinesWaitsInAllOfThem(t *testing.T) {
	modes(t, func(t *testing.T, opts ...generator.Option) {
		ended := false
		g := generator.New(t.Context(), slow(&ended), opts...)
		_, ok := g.Next()
		require.True(t, ok)
		var wg sync.WaitGroup
		for range 4 {
			wg.Go(func() {
				g.Close()
				assert.True(t, ended)
			})
		}
		wg.Wait()
	})
}

func TestCloseEndsACollectAndWaits(t *testing.T) {
	for name, collect := range map[string]func(*generator.Generator[int]) ([]int, error){
		"Collect":  (*generator.Generator[int]).Collect,
		"CollectN": func(g *generator.Generator[int]) ([]int, error) { return g.CollectN(100) },
	} {
		t.Run(name, func(t *testing.T) {
			modes(t, func(t *testing.T, opts ...generator.Option) {
				ended := false
				g := generator.New(t.Context(), slow(&ended), opts...)
				got := make(chan []int)
				go func() {
					values, err := collect(g)
					assert.NoError(t, err)
					got <- values
				}()
				time.Sleep(3500 * time.Millisecond)
				g.Close()
				assert.True(t, ended)
				assert.Equal(t, []int{0, 1, 2}, <-got)
			})
		})
	}
}

// The loop's goroutine runs the body; another one closes.
func TestCloseDuringALoopEndsItAfterTheBody(t *testing.T) {
	for _, pulled := range []bool{false, true} {
		modes(t, func(t *testing.T, opts ...generator.Option) {
			ended := false
			g := generator.New(t.Context(), slow(&ended), opts...)
			if pulled {
				_, ok := g.Next()
				require.True(t, ok)
			}
			inBody := make(chan struct{})
			looped := make(chan int)
			go func() {
				n := 0
				for range g.All() {
					n++
					if n == 2 {
						close(inBody)
						time.Sleep(10 * time.Second)
					}
				}
				assert.True(t, ended, "before the loop ends")
				looped <- n
			}()
			<-inBody
			g.Close()
			if len(opts) > 0 {
				assert.True(t, ended, "a producer with a goroutine of its own is waited for")
			}
			assert.Equal(t, 2, <-looped)
			assert.NoError(t, g.Err())
		})
	}
}

// The producer waits while the loop has no body under way.
func TestCloseDuringALoopWakesItsProducer(t *testing.T) {
	modes(t, func(t *testing.T, opts ...generator.Option) {
		g := generator.New(t.Context(), func(ctx context.Context, yield func(int) bool) error {
			yield(1)
			<-ctx.Done()
			return ctx.Err()
		}, opts...)
		go func() {
			time.Sleep(time.Second)
			g.Close()
		}()
		n := 0
		for range g.All() {
			n++
		}
		assert.Equal(t, 1, n)
		assert.NoError(t, g.Err())
	})
}

func TestAfterCloseNothingIsHandedOut(t *testing.T) {
	modes(t, func(t *testing.T, opts ...generator.Option) {
		g := generator.New(t.Context(), count(endless), opts...)
		_, ok := g.Next()
		require.True(t, ok)
		synctest.Wait() // the buffer is full
		g.Close()
		_, ok = g.Next()
		assert.False(t, ok)
		values, err := g.CollectN(3)
		assert.Empty(t, values)
		assert.NoError(t, err)
	})
}

func TestAContextThatIsDoneEndsAWaitingNext(t *testing.T) {
	modes(t, func(t *testing.T, opts ...generator.Option) {
		ctx, cancel := context.WithTimeout(t.Context(), 3500*time.Millisecond)
		defer cancel()
		ended := false
		g := generator.New(ctx, slow(&ended), opts...)
		n := 0
		for _, ok := g.Next(); ok; _, ok = g.Next() {
			n++
		}
		assert.True(t, ended)
		assert.Equal(t, 3, n)
		assert.Equal(t, context.DeadlineExceeded, g.Err())
	})
}

// A context that ends before anything is pulled needs no pull to be the reason.
func TestCloseAfterTheContextTellsNoError(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	g := generator.New(ctx, count(1))
	assert.NoError(t, g.Err(), "nobody has asked yet")
	g.Close()
	assert.NoError(t, g.Err())
}
