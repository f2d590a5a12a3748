package generator_test

import (
	"context"
	"errors"
	"io"
	"runtime"
	"testing"
	"testing/synctest"
	"time"
	"weak"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/weirkit/weir/generator"
)

func TestPeekLeavesTheValueThere(t *testing.T) {
	take := map[string]func(t *testing.T, g *generator.Generator[int]) []int{
		"Next": func(_ *testing.T, g *generator.Generator[int]) (got []int) {
			for v, ok := g.Next(); ok; v, ok = g.Next() {
				got = append(got, v)
			}
			return got
		},
		"NextContext": func(t *testing.T, g *generator.Generator[int]) (got []int) {
			for {
				v, err := g.NextContext(t.Context())
				if err != nil {
					assert.Equal(t, io.EOF, err)
					return got
				}
				got = append(got, v)
			}
		},
		"All": func(_ *testing.T, g *generator.Generator[int]) (got []int) {
			for v := range g.All() {
				got = append(got, v)
			}
			return got
		},
		"Batches": func(_ *testing.T, g *generator.Generator[int]) (got []int) {
			for b := range g.Batches(2) {
				got = append(got, b...)
			}
			return got
		},
		"Collect": func(t *testing.T, g *generator.Generator[int]) []int {
			got, err := g.Collect()
			assert.NoError(t, err)
			return got
		},
		"CollectN": func(t *testing.T, g *generator.Generator[int]) []int {
			got, err := g.CollectN(100)
			assert.NoError(t, err)
			return got
		},
	}
	for name, take := range take {
		t.Run(name, func(t *testing.T) {
			modes(t, func(t *testing.T, opts ...generator.Option) {
				for n := range 4 {
					g := generator.New(t.Context(), count(n), opts...)
					for range 3 {
						v, ok := g.Peek()
						assert.Equal(t, n > 0, ok)
						assert.Zero(t, v)
					}
					assert.Equal(t, upTo(n), take(t, g))
					_, ok := g.Peek()
					assert.False(t, ok)
				}
			})
		})
	}
}

func TestAPeekedValueIsNotKeptAliveByAnEndedGenerator(t *testing.T) {
	for _, n := range []int{0, 2} {
		var ref weak.Pointer[[64]byte]
		g := generator.New(t.Context(), func(_ context.Context, yield func(*[64]byte) bool) error {
			v := new([64]byte)
			ref = weak.Make(v)
			yield(v)
			return nil
		}, generator.Buffer(n))
		_, ok := g.Peek()
		require.True(t, ok)
		g.Close()
		runtime.GC()
		assert.Nil(t, ref.Value())
		runtime.KeepAlive(g)
	}
}

func TestPeekBetweenNexts(t *testing.T) {
	modes(t, func(t *testing.T, opts ...generator.Option) {
		g := generator.New(t.Context(), count(5), opts...)
		for i := range 5 {
			p, ok := g.Peek()
			require.True(t, ok)
			v, ok := g.Next()
			require.True(t, ok)
			assert.Equal(t, i, p)
			assert.Equal(t, i, v)
		}
		_, ok := g.Peek()
		assert.False(t, ok)
	})
}

// What was peeked at is not handed out after the end, whatever ended it.
func TestAPeekedValueIsDroppedAtTheEnd(t *testing.T) {
	ends := map[string]func(g *generator.Generator[int], cancel func()){
		"Close": func(g *generator.Generator[int], _ func()) { g.Close() },
		"ctx":   func(_ *generator.Generator[int], cancel func()) { cancel() },
		"break": func(g *generator.Generator[int], _ func()) {
			for range g.All() {
				break
			}
		},
	}
	for name, end := range ends {
		t.Run(name, func(t *testing.T) {
			modes(t, func(t *testing.T, opts ...generator.Option) {
				ctx, cancel := context.WithCancel(t.Context())
				defer cancel()
				g := generator.New(ctx, count(3), opts...)
				_, ok := g.Peek()
				require.True(t, ok)
				end(g, cancel)
				for range g.All() {
					t.Error("a value came out")
				}
				_, ok = g.Next()
				assert.False(t, ok)
				got, _ := g.Collect()
				assert.Empty(t, got)
			})
		})
	}
}

func TestNextContextTellsWhyThereIsNoValue(t *testing.T) {
	modes(t, func(t *testing.T, opts ...generator.Option) {
		_, err := generator.New(t.Context(), count(0), opts...).NextContext(t.Context())
		assert.Equal(t, io.EOF, err)

		failed := generator.New(t.Context(), func(context.Context, func(int) bool) error { return errSource }, opts...)
		for range 2 {
			_, err = failed.NextContext(t.Context())
			assert.Equal(t, errSource, err)
		}

		g := generator.New(t.Context(), count(3), opts...)
		cause := errors.New("impatient")
		done, cancel := context.WithCancelCause(t.Context())
		cancel(cause)
		_, err = g.NextContext(done)
		assert.ErrorIs(t, err, context.Canceled)
		assert.ErrorIs(t, err, cause)
		v, err := g.NextContext(t.Context())
		require.NoError(t, err)
		assert.Zero(t, v, "the value is still there")
		assert.NoError(t, g.Err())
		g.Close()
		_, err = g.NextContext(t.Context())
		assert.Equal(t, io.EOF, err)
	})
}

func TestNextContextLeavesAWaitForAnotherGoroutine(t *testing.T) {
	tick := func(ctx context.Context, yield func(int) bool) error {
		for i := 0; ; i++ {
			select {
			case <-time.After(10 * time.Second):
			case <-ctx.Done():
				return nil
			}
			if !yield(i) {
				return nil
			}
		}
	}
	// With a buffer, for the value.
	synctest.Test(t, func(t *testing.T) {
		g := generator.New(t.Context(), tick, generator.Buffer(1))
		defer g.Close()
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		start := time.Now()
		_, err := g.NextContext(ctx)
		assert.Equal(t, context.DeadlineExceeded, err)
		assert.Equal(t, time.Second, time.Since(start))
		v, err := g.NextContext(t.Context())
		assert.NoError(t, err)
		assert.Zero(t, v)
		assert.Equal(t, 10*time.Second, time.Since(start))
	})
	// Without, for the turn.
	synctest.Test(t, func(t *testing.T) {
		g := generator.New(t.Context(), tick)
		defer g.Close()
		start := time.Now()
		first := make(chan int)
		go func() {
			v, _ := g.Next()
			first <- v
		}()
		synctest.Wait()
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		_, err := g.NextContext(ctx)
		assert.Equal(t, context.DeadlineExceeded, err)
		assert.Equal(t, time.Second, time.Since(start))
		assert.Zero(t, <-first)
		v, err := g.NextContext(t.Context())
		assert.NoError(t, err)
		assert.Equal(t, 1, v)
	})
}

// The generator's own context given again: it ends the generator, and the call
// waits for the producer.
func TestNextContextWithTheGeneratorsContext(t *testing.T) {
	modes(t, func(t *testing.T, opts ...generator.Option) {
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		g := generator.New(ctx, func(ctx context.Context, _ func(int) bool) error {
			<-ctx.Done()
			return nil
		}, opts...)
		_, err := g.NextContext(ctx)
		assert.Equal(t, context.DeadlineExceeded, err)
		_, ok := g.Next()
		assert.False(t, ok)
		assert.Equal(t, context.DeadlineExceeded, g.Err())
	})
}

func TestPeekable(t *testing.T) {
	for n := range 5 {
		for _, every := range []int{1, 2, 100} { // peek at each, at some, at none
			var c counted
			var got []int
			for v, peek := range generator.Peekable(c.seq(n)) {
				if v%every == every-1 {
					for range 2 {
						next, ok := peek()
						assert.Equal(t, v+1 < n, ok)
						if ok {
							assert.Equal(t, v+1, next)
						}
					}
				} else {
					assert.Equal(t, v+1, c.asked, "nothing is asked for that nobody peeks at")
				}
				got = append(got, v)
			}
			assert.Equal(t, upTo(n), got)
			assert.True(t, c.ended)
		}
	}
}
