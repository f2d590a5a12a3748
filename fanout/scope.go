package fanout

import (
	"context"
	"sync/atomic"
	"time"
)

// scope is the context of one call's callbacks. It is done when its parent is,
// when the call stops early, and when the call has ended.
//
// A context of the standard library costs more than a call on a few small items
// does. So there is one only once somebody asks for Done, or cancels. From then on
// Value hands out its values, and with them the key by which the context package
// finds what it may attach children to: they need no goroutine.
type scope struct {
	parent  context.Context
	forever bool // parent is never done; others ask it, but here is room
	over    atomic.Uint32
	real    atomic.Pointer[cancellable]
}

// How far the call of a scope is.
const (
	scopeOpen     = uint32(iota)
	scopeEnded    // and the scope had before, as parent or real says
	scopeCanceled // and the scope with it
)

type cancellable struct {
	context.Context
	cancel context.CancelCauseFunc
}

var _ context.Context = (*scope)(nil)

// derived returns the context of the standard library.
func (s *scope) derived() *cancellable {
	c := s.real.Load()
	if c == nil {
		c = &cancellable{}
		c.Context, c.cancel = context.WithCancelCause(s.parent)
		if !s.real.CompareAndSwap(nil, c) {
			c.cancel(nil)
			c = s.real.Load()
		}
	}
	// end sets over, then looks for real: one of the two sees the other. Who finds a
	// real that another one has made may be here before that one.
	if s.over.Load() != scopeOpen {
		c.cancel(nil)
	}
	return c
}

// cancel ends the scope because of cause.
func (s *scope) cancel(cause error) { s.derived().cancel(cause) }

// end ends the scope because the call has ended, and gives back what the parent
// holds for it. It is called once.
func (s *scope) end() {
	over := scopeEnded
	if s.Err() == nil {
		over = scopeCanceled
	}
	s.over.Store(over)
	if c := s.real.Load(); c != nil {
		c.cancel(nil)
	}
}

// Deadline is that of the parent.
func (s *scope) Deadline() (time.Time, bool) { return s.parent.Deadline() }

// Done returns a channel that is closed when the scope ends.
func (s *scope) Done() <-chan struct{} { return s.derived().Done() }

// Err returns nil while the scope has not ended.
func (s *scope) Err() error {
	if s.over.Load() == scopeCanceled {
		if c := s.real.Load(); c != nil {
			c.cancel(nil) // end may be about to: nobody learns of it before Done is closed
		}
		return context.Canceled
	}
	if c := s.real.Load(); c != nil {
		return c.Err()
	}
	return s.parent.Err()
}

// Value returns the parent's value.
func (s *scope) Value(key any) any {
	if c := s.real.Load(); c != nil {
		return c.Value(key)
	}
	return s.parent.Value(key)
}
