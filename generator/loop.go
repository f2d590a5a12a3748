package generator

import (
	"context"
	"fmt"
	"iter"
	"runtime"
)

// All returns the values that are left, for one loop. Leaving the loop, by break,
// return, panic or runtime.Goexit, ends the generator, as the end of the loop does;
// the producer has ended before the loop statement does. To stop and go on later,
// use Next or CollectN. Check Err after the loop.
//
// The loop has the generator for itself: a pull during it panics. On a generator
// that has ended it does nothing.
func (g *Generator[T]) All() iter.Seq[T] {
	return func(yield func(T) bool) {
		g.loop(yield)
	}
}

// Stream is [Generator.All] with the error: each value comes with a nil error, and
// if Err is not nil after the last one, the zero value with that comes behind it.
// It is for what takes values and errors together; a loop that drops the error
// would take the zero value for a real one.
func (g *Generator[T]) Stream() iter.Seq2[T, error] {
	return func(yield func(T, error) bool) {
		left := false
		g.loop(func(v T) bool {
			left = !yield(v, nil)
			return !left
		})
		if err := g.Err(); err != nil && !left {
			var zero T
			yield(zero, err)
		}
	}
}

// Batches is [Generator.All] in slices of n values. The last one may be shorter,
// and is never empty: after an error of the producer it holds what came before
// that. Each slice is new and belongs to the caller. It panics if n is less than 1.
func (g *Generator[T]) Batches(n int) iter.Seq[[]T] {
	if n < 1 {
		panic(fmt.Sprintf("generator: batch size must be at least 1, got %d", n))
	}
	return func(yield func([]T) bool) {
		var batch []T
		left := false
		g.loop(func(v T) bool {
			if batch == nil {
				batch = make([]T, 0, min(n, maxPrealloc))
			}
			batch = append(batch, v)
			if len(batch) < n {
				return true
			}
			left = !yield(batch)
			batch = nil
			return !left
		})
		if e := g.core.ended.Load(); len(batch) > 0 && !left && e != nil && !e.cut {
			yield(batch)
		}
	}
}

// maxPrealloc bounds what is allocated for a batch before its values are there.
const maxPrealloc = 1024

// loop calls body with each value that is left, until it returns false.
func (g *Generator[T]) loop(body func(T) bool) {
	c := g.made()
	if c.ended.Load() != nil {
		return
	}
	c.enter(nil)
	defer c.turn.give()
	c.looping.Store(true)
	g.each(body)
}

// each is loop for the one that has the turn. It ends the generator.
func (g *Generator[T]) each(body func(T) bool) {
	defer runtime.KeepAlive(g)
	c := g.core
	if c.ended.Load() != nil {
		return
	}
	if c.next == nil && c.buffer == 0 {
		c.run(c.gated(body), true)
		return
	}
	defer c.end() // also after a panic or Goexit of the body
	if c.buffer > 0 {
		c.eachPrefetched(body)
		return
	}
	for {
		v, ok := g.take(nil)
		if !ok {
			return
		}
		c.body = inside
		if !c.passed(body(v)) {
			return
		}
	}
}

func (c *core[T]) eachPrefetched(body func(T) bool) {
	p := c.prefetching()
	if p == nil {
		return
	}
	if c.hasPeeked && !c.halted() {
		c.body = inside
		if !c.passed(body(c.takePeeked())) {
			return
		}
	}
	p.ring.Each(context.Background(), c.gated(body)) // which asks the context
}
