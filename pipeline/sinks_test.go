package pipeline_test

import (
	"bufio"
	"context"
	"io"
	"slices"
	"strings"
	"testing"
	"testing/iotest"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/weirkit/weir/pipeline"
)

func TestForEachEndsAtTheFirstError(t *testing.T) {
	for _, s := range shapes() {
		p := &probe{}
		n := 0
		err := p.build(s).ForEach(t.Context(), p.source(1000), func(ctx context.Context, _ int) error {
			assert.NoError(t, ctx.Err())
			if n++; n == 5 {
				return errBoom
			}
			return nil
		})
		assert.Equal(t, errBoom, err)
		assert.Equal(t, 5, n)
		p.stopped(t)
	}
	require.NoError(t, pipeline.New[int]().ForEach(t.Context(), numbers(3), func(context.Context, int) error { return nil }))
}

func TestDrainAndCount(t *testing.T) {
	seen := 0
	p := pipeline.New[int]().Filter(even).Tap(func(context.Context, int) error { seen++; return nil })
	require.NoError(t, p.Drain(t.Context(), numbers(10)))
	assert.Equal(t, 5, seen)
	n, err := p.Then(fails(1, errBoom)).Count(t.Context(), numbers(10))
	assert.ErrorIs(t, err, errBoom)
	assert.Zero(t, n)
}

func TestReduceFoldsInOrder(t *testing.T) {
	join := func(_ context.Context, acc string, v int) (string, error) { return acc + string(rune('a'+v)), nil }
	got, err := pipeline.Reduce(t.Context(), pipeline.New[int]().Then(add(0), pipeline.Workers(3)), numbers(6), ">", join)
	require.NoError(t, err)
	assert.Equal(t, ">abcdef", got)
	got, err = pipeline.Reduce(t.Context(), pipeline.New[int](), numbers(6), ">",
		func(context.Context, string, int) (string, error) { return "x", errBoom })
	assert.Equal(t, errBoom, err)
	assert.Empty(t, got, "a result beside an error would look like one")
}

func TestSendTo(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ch := make(chan int)
		go func() {
			defer close(ch)
			assert.NoError(t, pipeline.New[int]().SendTo(t.Context(), numbers(5), ch))
		}()
		var got []int
		for v := range ch {
			got = append(got, v)
		}
		assert.Equal(t, upTo(5), got)

		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		assert.Equal(t, context.DeadlineExceeded, pipeline.New[int]().SendTo(ctx, numbers(5), make(chan int)), "nobody receives")
	})
}

func TestReceiveEndsWithTheRunAlsoWhileItWaits(t *testing.T) {
	for _, opts := range [][]pipeline.Option{nil, {pipeline.Buffer(2)}, {pipeline.Workers(2)}, {pipeline.Workers(2), pipeline.Unordered()}} {
		synctest.Test(t, func(t *testing.T) {
			ch := make(chan int, 3)
			ch <- 1
			ch <- 2
			ch <- 3
			p := pipeline.Join(pipeline.Receive[int](opts...), pipeline.New[int]().Then(add(1), pipeline.Workers(2)))
			n := 0
			for v, err := range p.Stream(t.Context(), pipeline.One((<-chan int)(ch))) {
				require.NoError(t, err)
				if n++; n == 3 {
					assert.Equal(t, 4, v)
					synctest.Wait() // it waits for the channel now
					break
				}
			}
			ctx, cancel := context.WithTimeout(t.Context(), time.Second)
			defer cancel()
			_, err := p.Collect(ctx, pipeline.One((<-chan int)(ch)))
			assert.Equal(t, context.DeadlineExceeded, err)

			ch <- 7
			close(ch)
			got, err := p.Collect(t.Context(), pipeline.One((<-chan int)(ch)))
			require.NoError(t, err)
			assert.Equal(t, []int{8}, got)
		})
	}
}

// T10, T25: channels are read at once, each in its order, and what is ready does
// not wait for one that is not.
func TestReceiveMergesChannels(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, b := make(chan int), make(chan int)
		go func() {
			defer close(a)
			time.Sleep(time.Hour) // silent for long
			a <- 100
		}()
		go func() {
			defer close(b)
			for i := range 300 {
				b <- i
			}
		}()
		begin := time.Now()
		p := pipeline.Receive[int](pipeline.Workers(2), pipeline.Unordered())
		var got []int
		for v, err := range p.Stream(t.Context(), slices.Values([]<-chan int{a, b})) {
			require.NoError(t, err)
			if v < 100 || len(got) < 300 {
				assert.Zero(t, time.Since(begin), "what is ready does not wait")
			}
			got = append(got, v)
		}
		assert.Equal(t, append(upTo(300), 100), got)
	})
}

func TestLinesOfReaders(t *testing.T) {
	text := []io.Reader{strings.NewReader("one\ntwo\r\n\nfour"), strings.NewReader(""), iotest.OneByteReader(strings.NewReader("five\n"))}
	for _, opts := range [][]pipeline.Option{nil, {pipeline.Workers(2)}} {
		got, err := pipeline.Lines(opts...).Collect(t.Context(), slices.Values(text))
		require.NoError(t, err)
		assert.Equal(t, []string{"one", "two", "", "four", "five"}, got)
		for i, s := range []string{"one\ntwo\r\n\nfour", "", "five\n"} {
			text[i] = strings.NewReader(s)
		}
	}
	broken := io.MultiReader(strings.NewReader("a\nb\n"), iotest.ErrReader(errBoom))
	var lines []string
	var last error
	for line, err := range pipeline.Lines().Stream(t.Context(), pipeline.One(broken)) {
		if last = err; err == nil {
			lines = append(lines, line)
		}
	}
	assert.Equal(t, []string{"a", "b"}, lines)
	assert.ErrorIs(t, last, errBoom)
	_, err := pipeline.Lines().Count(t.Context(), pipeline.One[io.Reader](strings.NewReader(strings.Repeat("x", 1<<20+1))))
	assert.ErrorIs(t, err, bufio.ErrTooLong)
	var e *pipeline.StageError
	require.ErrorAs(t, err, &e)
	assert.Equal(t, "lines 1", e.Stage)
}
