package generator_test

import (
	"context"
	"fmt"
	"io"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/weirkit/weir/generator"
)

func TestFrom(t *testing.T) {
	modes(t, func(t *testing.T, opts ...generator.Option) {
		var c counted
		g := generator.From(t.Context(), c.seq(10), opts...)
		got, err := g.CollectN(3)
		require.NoError(t, err)
		assert.Equal(t, []int{0, 1, 2}, got)
		g.Close()
		assert.True(t, c.ended)
	})
}

func TestFromSeq2EndsAtTheFirstError(t *testing.T) {
	modes(t, func(t *testing.T, opts ...generator.Option) {
		seq := func(yield func(int, error) bool) {
			_ = yield(1, nil) && yield(2, nil) && yield(99, errSource) && yield(3, nil)
		}
		got, err := generator.FromSeq2(t.Context(), seq, opts...).Collect()
		assert.Equal(t, errSource, err)
		assert.Equal(t, []int{1, 2}, got)

		// The inverse of Stream.
		g := generator.New(t.Context(), count(5), opts...)
		got, err = generator.FromSeq2(t.Context(), g.Stream(), opts...).Collect()
		assert.NoError(t, err)
		assert.Equal(t, upTo(5), got)
	})
}

func TestFromChan(t *testing.T) {
	modes(t, func(t *testing.T, opts ...generator.Option) {
		c := make(chan int)
		go func() {
			defer close(c)
			for i := range 10 {
				time.Sleep(time.Second)
				c <- i
			}
		}()
		got, err := generator.FromChan(t.Context(), c, opts...).Collect()
		require.NoError(t, err)
		assert.Equal(t, upTo(10), got)
	})
}

func TestFromChanEndsWhileTheChannelIsSilent(t *testing.T) {
	modes(t, func(t *testing.T, opts ...generator.Option) {
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		got, err := generator.FromChan(ctx, make(chan int), opts...).Collect()
		assert.Equal(t, context.DeadlineExceeded, err)
		assert.Empty(t, got)

		g := generator.FromChan(t.Context(), make(chan int), opts...)
		go func() {
			time.Sleep(time.Second)
			g.Close()
		}()
		_, ok := g.Next()
		assert.False(t, ok)
		assert.NoError(t, g.Err())
	})
}

// Without a buffer nothing is received that nobody asked for.
func TestFromChanTakesNoMoreThanIsPulled(t *testing.T) {
	c := make(chan int, 10)
	for i := range 10 {
		c <- i
	}
	g := generator.FromChan(t.Context(), c)
	got, err := g.CollectN(4)
	require.NoError(t, err)
	assert.Len(t, got, 4)
	g.Close()
	assert.Len(t, c, 6)

	for range generator.FromChan(t.Context(), c).All() {
		break
	}
	assert.Len(t, c, 5)

	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	g = generator.FromChan(ctx, c)
	for range g.All() {
		cancel() // a value is ready, too
	}
	assert.Len(t, c, 4)
	assert.Same(t, context.Canceled, g.Err())
}

func TestFromFuncEndsAtEOF(t *testing.T) {
	failing := func(after int, err error) func(context.Context) (int, error) {
		n := -1
		return func(context.Context) (int, error) {
			if n++; n == after {
				return 99, err
			}
			return n, nil
		}
	}
	wrapped := fmt.Errorf("header: %w", io.EOF)
	tests := []struct {
		name     string
		err, end error
	}{
		{"the end", io.EOF, nil},
		{"a failure", errSource, errSource},
		{"an unexpected end", io.ErrUnexpectedEOF, io.ErrUnexpectedEOF},
		{"a wrapped end is a failure", wrapped, wrapped},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			modes(t, func(t *testing.T, opts ...generator.Option) {
				for n := range 4 {
					got, err := generator.FromFunc(t.Context(), failing(n, tt.err), opts...).Collect()
					assert.Equal(t, tt.end, err)
					assert.Equal(t, upTo(n), got, "the value beside an error is none")
				}
			})
		})
	}
}

func TestFromFuncIsTheInverseOfNextContext(t *testing.T) {
	modes(t, func(t *testing.T, opts ...generator.Option) {
		g := generator.New(t.Context(), count(5), opts...)
		got, err := generator.FromFunc(t.Context(), g.NextContext).Collect()
		assert.NoError(t, err)
		assert.Equal(t, upTo(5), got)
	})
}

// pages is a paged source: page i of n has i items and token "p<i+1>".
func pages(fetched *[]string, n int) func(context.Context, string) ([]string, string, error) {
	return func(_ context.Context, token string) ([]string, string, error) {
		*fetched = append(*fetched, token)
		i := 0
		if token != "" {
			if _, err := fmt.Sscanf(token, "p%d", &i); err != nil {
				return nil, "", err
			}
		}
		var items []string
		for k := range i {
			items = append(items, fmt.Sprintf("%d/%d", i, k))
		}
		if i == n-1 {
			return items, "", nil
		}
		return items, fmt.Sprintf("p%d", i+1), nil
	}
}

func TestPages(t *testing.T) {
	modes(t, func(t *testing.T, opts ...generator.Option) {
		var fetched []string
		got, err := generator.Pages(t.Context(), "", pages(&fetched, 4), opts...).Collect()
		require.NoError(t, err)
		assert.Equal(t, []string{"1/0", "2/0", "2/1", "3/0", "3/1", "3/2"}, got)
		assert.Equal(t, []string{"", "p1", "p2", "p3"}, fetched)
	})
}

func TestPagesAreFetchedWhenAnItemIsWanted(t *testing.T) {
	var fetched []string
	g := generator.Pages(t.Context(), "p2", pages(&fetched, 10))
	defer g.Close()
	for range 2 {
		_, ok := g.Next()
		require.True(t, ok)
	}
	assert.Equal(t, []string{"p2"}, fetched)
	_, ok := g.Next()
	require.True(t, ok)
	assert.Equal(t, []string{"p2", "p3"}, fetched)
}

func TestPagesThatFail(t *testing.T) {
	tests := []struct {
		name  string
		fetch func(context.Context, int) ([]int, int, error)
		want  error
		items []int
	}{
		{"the error of a page", func(_ context.Context, p int) ([]int, int, error) {
			if p == 3 {
				return []int{99}, 0, errSource
			}
			return []int{p}, p + 1, nil
		}, errSource, []int{1, 2}},
		{"pages in a circle", func(_ context.Context, p int) ([]int, int, error) {
			return nil, p%5 + 1, nil
		}, generator.ErrCursor, nil},
		{"pages in a circle that does not lead to the first", func(_ context.Context, p int) ([]int, int, error) {
			if p == 40 {
				return nil, 23, nil
			}
			return nil, p + 1, nil
		}, generator.ErrCursor, nil},
		{"a page that is its own next", func(_ context.Context, p int) ([]int, int, error) {
			return []int{p}, min(p+1, 3), nil
		}, generator.ErrCursor, []int{1, 2, 3}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			modes(t, func(t *testing.T, opts ...generator.Option) {
				got, err := generator.Pages(t.Context(), 1, tt.fetch, opts...).Collect()
				assert.ErrorIs(t, err, tt.want)
				assert.Equal(t, tt.items, got)
			})
		})
	}
}

// However long the way to the circle and the circle are.
func TestPagesInACircleAreFoundOut(t *testing.T) {
	for lead := range 12 {
		for round := 1; round <= 12; round++ {
			fetched, different := 0, lead+round
			_, err := generator.Pages(t.Context(), 1, func(_ context.Context, p int) ([]int, int, error) {
				fetched++
				if p == different {
					return nil, lead + 1, nil
				}
				return nil, p + 1, nil
			}).Collect()
			assert.ErrorIs(t, err, generator.ErrCursor)
			assert.GreaterOrEqual(t, fetched, different)
			assert.LessOrEqual(t, fetched, 3*different)
		}
	}
}

// Empty pages ask nobody whether to go on.
func TestEndlessEmptyPagesEndWithTheContext(t *testing.T) {
	modes(t, func(t *testing.T, opts ...generator.Option) {
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		fetched := 0
		_, err := generator.Pages(ctx, 1, func(_ context.Context, p int) ([]int, int, error) {
			fetched++
			time.Sleep(time.Second)
			return nil, p + 1, nil
		}, opts...).Collect()
		assert.Equal(t, context.DeadlineExceeded, err)
		assert.InDelta(t, 60, fetched, 1)
	})
}

func TestTicks(t *testing.T) {
	modes(t, func(t *testing.T, opts ...generator.Option) {
		start := time.Now()
		g := generator.Ticks(t.Context(), time.Second, opts...)
		time.Sleep(10 * time.Second)
		var got []time.Duration
		for now := range g.All() {
			got = append(got, now.Sub(start))
			if len(got) == 3 {
				break
			}
		}
		assert.Equal(t, []time.Duration{11 * time.Second, 12 * time.Second, 13 * time.Second}, got, "from the first pull on")
		assert.NoError(t, g.Err())
	})
}

func TestALateConsumerMissesTicks(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		start := time.Now()
		var got []time.Duration
		for now := range generator.Take(generator.Ticks(t.Context(), time.Second).All(), 3) {
			got = append(got, now.Sub(start))
			time.Sleep(5500 * time.Millisecond)
		}
		assert.Equal(t, []time.Duration{1 * time.Second, 2 * time.Second, 7 * time.Second}, got)
	})
}

func TestTicksEndWithTheContext(t *testing.T) {
	modes(t, func(t *testing.T, opts ...generator.Option) {
		ctx, cancel := context.WithTimeout(t.Context(), 3500*time.Millisecond)
		defer cancel()
		got, err := generator.Ticks(ctx, time.Second, opts...).Collect()
		assert.Len(t, got, 3)
		assert.Equal(t, context.DeadlineExceeded, err)
	})
}

func TestStreamGivesTheErrorOnceAndLast(t *testing.T) {
	modes(t, func(t *testing.T, opts ...generator.Option) {
		produce := func(_ context.Context, yield func(int) bool) error {
			_ = yield(1) && yield(2)
			return errSource
		}
		type step struct {
			v   int
			err error
		}
		var got []step
		for v, err := range generator.New(t.Context(), produce, opts...).Stream() {
			got = append(got, step{v, err})
		}
		assert.Equal(t, []step{{1, nil}, {2, nil}, {0, errSource}}, got)

		for at := range 3 { // leaving at every step, the error's too
			g := generator.New(t.Context(), produce, opts...)
			n := 0
			for range g.Stream() {
				if n == at {
					break
				}
				n++
			}
			_, ok := g.Next()
			assert.False(t, ok)
			if at < 2 {
				assert.NoError(t, g.Err())
			} else {
				assert.Equal(t, errSource, g.Err())
			}
		}

		g := generator.New(t.Context(), count(2), opts...)
		for _, err := range g.Stream() {
			assert.NoError(t, err)
		}
	})
}

func TestSequences(t *testing.T) {
	assert.Equal(t, []string{"a", "a", "a"}, slices.Collect(generator.Take(generator.Repeat("a"), 3)))
	calls := 0
	double := func(n int) int { calls++; return 2 * n }
	assert.Equal(t, []int{1, 2, 4, 8}, slices.Collect(generator.Take(generator.Iterate(1, double), 4)))
	assert.Equal(t, 3, calls, "none for a value that nobody wants")
}

// A generator is a source of anything that ranges: the sources compose.
func TestSourcesCompose(t *testing.T) {
	seq := generator.Concat(generator.Range(0, 3), generator.Take(generator.Repeat(7), 2))
	got, err := generator.From(t.Context(), seq, generator.Buffer(2)).Collect()
	require.NoError(t, err)
	assert.Equal(t, []int{0, 1, 2, 7, 7}, got)
}
