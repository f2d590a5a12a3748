package pipeline

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/weirkit/weir/internal/fault"
	"github.com/weirkit/weir/internal/mono"
)

// Slide adds a stage that hands on windows of size items, each beginning step
// items behind the one before it: they overlap if step is less than size, and
// leave items out if it is more. Windows that the input does not fill are not
// handed on; for windows that follow each other without a gap, and a last one
// that may be smaller, there is [Batch]. A window belongs to its receiver.
func Slide[In, Out any](p *Pipeline[In, Out], size, step int, opts ...Option) *Pipeline[In, []Out] {
	if size < 1 || size > maxAsked || step < 1 || step > maxAsked {
		panic(fmt.Sprintf("pipeline: size and step of Slide must be between 1 and %d, got %d and %d", maxAsked, size, step))
	}
	c := newConfig("slide", opts, "Buffer")
	c.detail = fmt.Sprintf("%d by %d", size, step)
	return extend(p, c, func(r *run, at int, up producer[Out]) producer[[]Out] {
		return buffered(r, at, c, slide(r, up, size, step))
	})
}

func slide[T any](r *run, up producer[T], size, step int) producer[[]T] {
	l := r.loop
	return func(ctx context.Context, yield func([]T) bool) error {
		var items []T
		var of []*input        // of each, in a run with Checkpoints
		skip, left := 0, false // skip: items to leave out before the next window
		err := up(ctx, func(v T) bool {
			if skip > 0 {
				skip--
				return true
			}
			if l != nil {
				of = append(of, l.keep())
			}
			if items = append(items, v); len(items) < size {
				return true
			}
			window, in := items, lowestOf(l, of, 0, size)
			keep := min(step, size)
			skip = max(step-size, 0)
			items = append(make([]T, 0, size), window[keep:]...)
			of = dropFirst(l, of, keep)
			left = !pass(l, in, window, yield)
			return !left
		})
		if err == nil && !left && ctx.Err() == nil && !r.draining() {
			dropFirst(l, of, len(of)) // no window will have them
		}
		return err
	}
}

// lowestOf holds the input with the lowest number from lo to hi-1 once more.
func lowestOf(l *loop, of []*input, lo, hi int) *input {
	if l == nil {
		return nil
	}
	in := slices.MinFunc(of[lo:hi], func(a, b *input) int { return cmp.Compare(a.number, b.number) })
	l.inputs.hold(in)
	return in
}

// dropFirst lets go of the first n.
func dropFirst(l *loop, of []*input, n int) []*input {
	if l == nil {
		return nil
	}
	for _, in := range of[:n] {
		l.drop(in)
	}
	clear(of[:n])
	return of[n:]
}

// SlideTime adds a stage that hands on, every so often from the first item on,
// the items that came in the last length of time; nothing if there are none. With
// every equal to length these are the tumbling windows of the clock. What comes
// before the stage runs on a goroutine of its own. A window holds at most limit
// items: who would be one more makes the oldest go. A window belongs to its
// receiver. When the input ends, what no window has held yet makes a last one.
//
// Items count from when they come to the stage. A receiver that is busy when a
// window is due gets it later, and then with what came in its time.
func SlideTime[In, Out any](p *Pipeline[In, Out], length, every time.Duration, limit int, opts ...Option) *Pipeline[In, []Out] {
	if length <= 0 || every <= 0 {
		panic(fmt.Sprintf("pipeline: length and every of SlideTime must be positive, got %v and %v", length, every))
	}
	if limit < 1 || limit > maxAsked {
		panic(fmt.Sprintf("pipeline: the limit of SlideTime must be between 1 and %d, got %d", maxAsked, limit))
	}
	c := newConfig("slidetime", opts, "Buffer")
	c.detail, c.every = fmt.Sprintf("%v, limit %d", length, limit), every
	return extend(p, c, func(r *run, at int, up producer[Out]) producer[[]Out] {
		if r.inline {
			return buffered(r, at, c, batch(r.loop, up, limit))
		}
		from, to := r.cross().loops()
		return buffered(r, at, c, func(ctx context.Context, yield func([]Out) bool) error {
			h := &history[Out]{
				from: from, to: to, length: int64(length), every: int64(every), limit: limit,
				clock: mono.New(), begun: make(chan struct{}), ended: make(chan struct{}),
			}
			return h.run(ctx, up, yield)
		})
	})
}

// history is what came to a SlideTime stage, the oldest first.
type history[T any] struct {
	from, to      *loop
	length, every int64
	limit         int
	clock         mono.Clock

	begun, ended chan struct{} // closed with the first item, and when up has ended
	done         sync.WaitGroup
	err          error // of up; written before ended is closed

	mu    sync.Mutex
	items []T
	at    []int64  // when each came
	of    []*input // of each, in a run with Checkpoints
	first int64    // when the first of all came
	fresh int      // how many of items no window has held
}

func (h *history[T]) run(ctx context.Context, up producer[T], yield func([]T) bool) error {
	inner, cancel := context.WithCancel(ctx)
	h.done.Add(1)
	go fault.Catch(func() {
		h.err = up(inner, func(v T) bool { h.add(v); return inner.Err() == nil })
	}, func(f *fault.Fault) {
		if f != nil {
			h.err = f.Err()
		}
		close(h.ended)
		h.done.Done()
	})
	if !h.consume(ctx, cancel, yield) {
		return ctx.Err() // nil if it was yield that ended the run
	}
	return h.err
}

func (h *history[T]) add(v T) {
	h.mu.Lock()
	now := h.clock.Now()
	begins := h.at == nil
	if begins {
		h.first = now
	}
	if len(h.items) == h.limit {
		h.dropLocked(1)
	}
	h.items, h.at = append(h.items, v), append(h.at, now)
	if h.from != nil {
		h.of = append(h.of, h.from.keep())
	}
	h.fresh++
	h.mu.Unlock()
	if begins {
		close(h.begun)
	}
}

// dropLocked forgets the n oldest items.
func (h *history[T]) dropLocked(n int) {
	clear(h.items[:n])
	h.items, h.at, h.of = h.items[n:], h.at[n:], dropFirst(h.from, h.of, n)
	h.fresh = min(h.fresh, len(h.items))
}

// window returns the items of the length of time before end.
func (h *history[T]) window(end int64) (w held[[]T]) {
	h.mu.Lock()
	defer h.mu.Unlock()
	old, n := 0, 0
	for _, at := range h.at {
		switch {
		case at < end-h.length:
			old++
		case at < end:
			n++
		}
	}
	if n > 0 {
		w = held[[]T]{append([]T(nil), h.items[old:old+n]...), lowestOf(h.from, h.of, old, old+n)}
	}
	h.dropLocked(old)
	if n > 0 {
		h.fresh = min(h.fresh, len(h.items)-n)
	}
	return w
}

// consume reports whether up has ended and all windows were taken. It stops and
// joins up, also when yield panics.
func (h *history[T]) consume(ctx context.Context, cancel func(), yield func([]T) bool) bool {
	defer h.done.Wait()
	defer cancel()
	select {
	case <-h.begun:
	case <-h.ended: // perhaps after items, all before this goroutine came here
		return h.last(ctx, yield)
	case <-ctx.Done():
		return false
	}
	timer := time.NewTimer(0)
	defer timer.Stop()
	for due := h.first + h.every; ; due += h.every {
		timer.Reset(time.Duration(due - h.clock.Now()))
		select {
		case <-timer.C:
		case <-h.ended:
			return h.last(ctx, yield)
		case <-ctx.Done():
			return false
		}
		if w := h.window(due); w.item != nil && (ctx.Err() != nil || !pass(h.to, w.of, w.item, yield)) {
			return false
		}
	}
}

// last hands on what no window has held when up has ended.
func (h *history[T]) last(ctx context.Context, yield func([]T) bool) bool {
	old := len(h.items) - h.fresh
	rest := h.items[old:]
	switch {
	case ctx.Err() != nil:
		return false
	case isFault(h.err):
		return true
	case len(rest) > 0:
		h.of = dropFirst(h.to, h.of, old)
		if !pass(h.to, lowestOf(h.to, h.of, 0, len(h.of)), rest, yield) {
			return false
		}
	}
	if h.err == nil {
		dropFirst(h.to, h.of, len(h.of))
	}
	return true
}
