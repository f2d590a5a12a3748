package pipeline

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"iter"
	"slices"
)

// One is a source of one item: a reader for [Lines], a channel for [Receive].
// For more there is slices.Values.
func One[T any](item T) iter.Seq[T] {
	return func(yield func(T) bool) { yield(item) }
}

// Receive returns a pipeline from channels to the items that they carry, until
// they are closed. Unlike a range over a channel in a source of your own it ends
// with the run, also while it waits. Run it over [One] channel; over several, one
// after the other, or with Workers and Unordered as many at once as it has
// workers.
//
//	items, err := pipeline.Receive[int]().Collect(ctx, pipeline.One[<-chan int](ch))
func Receive[T any](opts ...Option) *Pipeline[<-chan T, T] {
	return flatMap("receive", New[<-chan T](), func(ctx context.Context, r *run, ch <-chan T) iter.Seq2[T, error] {
		return func(yield func(T, error) bool) {
			for {
				select {
				case v, ok := <-ch:
					if !ok || !yield(v, nil) {
						return
					}
				case <-r.drain:
					return
				case <-ctx.Done():
					var none T
					yield(none, ctx.Err())
					return
				}
			}
		}
	}, opts)
}

// Merge returns a pipeline from sequences to their items, of n sequences at once,
// each item as it comes; those of one sequence keep their order. A sequence that
// blocks for ever delays the end of a run that is stopped: for channels there is
// [Receive].
func Merge[T any](n int, opts ...Option) *Pipeline[iter.Seq[T], T] {
	if n < 1 || n > maxAsked {
		panic(fmt.Sprintf("pipeline: Merge must read between 1 and %d sequences at once, got %d", maxAsked, n))
	}
	opts = append(slices.Clip(opts), Workers(n), Unordered())
	return flatMap("merge", New[iter.Seq[T]](), func(_ context.Context, r *run, seq iter.Seq[T]) iter.Seq2[T, error] {
		if seq == nil {
			return nil
		}
		return func(yield func(T, error) bool) {
			for v := range seq {
				if !yield(v, nil) || r.draining() {
					return
				}
			}
		}
	}, opts)
}

// maxLine is how long a line may be.
const maxLine = 1 << 20

// Lines returns a pipeline from readers to their lines, without the line ends;
// the last line needs none. A line of more than 1 MiB is the error
// bufio.ErrTooLong. It reads as far ahead as it must, and does not close the
// reader. A Read that blocks cannot be interrupted: a run that is stopped waits
// for it. Its source is one of readers, so a single one goes in by [One]:
//
//	lines, err := pipeline.Lines().Collect(ctx, pipeline.One[io.Reader](r))
func Lines(opts ...Option) *Pipeline[io.Reader, string] {
	return flatMap("lines", New[io.Reader](), func(_ context.Context, r *run, in io.Reader) iter.Seq2[string, error] {
		return func(yield func(string, error) bool) {
			lines := bufio.NewScanner(in)
			lines.Buffer(nil, maxLine)
			for lines.Scan() {
				if !yield(lines.Text(), nil) || r.draining() {
					return
				}
			}
			if err := lines.Err(); err != nil {
				yield("", err)
			}
		}
	}, opts)
}
