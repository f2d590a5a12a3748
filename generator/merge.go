package generator

import (
	"iter"
	"sync"
	"sync/atomic"

	"github.com/weirkit/weir/internal/fault"
)

// Merge returns the values of all sequences as they come: those of one sequence
// in their order, those of several in none. Each sequence runs on a goroutine of
// its own, at most one value ahead, from the beginning of a loop over the result
// until its end. None of them holds up the others.
//
// Leaving the loop waits for each sequence to come to its next value, or to its
// end: one that waits for something else must be woken. In a producer, give the
// sequences its ctx.
//
// A panic or runtime.Goexit of a sequence ends the others and is then raised on
// the loop's goroutine, a panic as a [*PanicError].
func Merge[T any](seqs ...iter.Seq[T]) iter.Seq[T] {
	seqs = cloneNonNil(seqs)
	return func(yield func(T) bool) {
		m := &merge[T]{values: make(chan T), stop: make(chan struct{})}
		m.start(seqs)
		leaving := false
		defer func() {
			m.end()
			if !leaving { // else a panic or Goexit of the body is under way
				m.fault.Load().Raise()
			}
		}()
		for v := range m.values {
			leaving = true
			more := yield(v)
			leaving = false
			if !more {
				return
			}
		}
	}
}

// merge is one loop over merged sequences.
type merge[T any] struct {
	values  chan T
	stop    chan struct{}
	once    sync.Once // closes stop
	running atomic.Int64
	fault   atomic.Pointer[fault.Fault] // the first
}

func (m *merge[T]) start(seqs []iter.Seq[T]) {
	m.running.Store(1) // the starter's own, so that no sequences are an end, too
	for _, seq := range seqs {
		m.running.Add(1)
		go fault.Catch(func() { m.forward(seq) }, func(f *fault.Fault) {
			if f != nil && m.fault.CompareAndSwap(nil, f) {
				m.once.Do(func() { close(m.stop) })
			}
			m.leave()
		})
	}
	m.leave()
}

// forward hands on the values of seq until the loop is to stop.
func (m *merge[T]) forward(seq iter.Seq[T]) {
	for v := range seq {
		select {
		case <-m.stop: // by itself first: of two that are ready select takes either
			return
		default:
		}
		select {
		case m.values <- v:
		case <-m.stop:
			return
		}
	}
}

// leave is the last thing that each of the running does; the last of them ends
// the loop.
func (m *merge[T]) leave() {
	if m.running.Add(-1) == 0 {
		close(m.values)
	}
}

// end stops the sequences and returns when none runs any more.
func (m *merge[T]) end() {
	m.once.Do(func() { close(m.stop) })
	for range m.values { // one that had chosen to send; then closed
	}
}
