package wrapper_test

import (
	"context"
	"errors"
	"time"

	"github.com/weirkit/weir/wrapper"
)

var (
	errParent = errors.New("the parent's cause")
	errOuter  = errors.New("the outer deadline's cause")
)

type key string

const (
	limit  = 100 * time.Millisecond
	sooner = 45 * time.Millisecond
	later  = 155 * time.Millisecond
)

// starter makes the context under test or its reference.
type starter func(parent context.Context, d time.Duration) (context.Context, context.CancelFunc, error)

func reference(parent context.Context, d time.Duration) (context.Context, context.CancelFunc, error) {
	cause := &wrapper.TimeoutError{Limit: d}
	ctx, cancel := context.WithTimeoutCause(parent, d, cause)
	return ctx, cancel, cause
}

// foreign is a context of a type that package context does not know.
type foreign struct {
	context.Context
	done chan struct{}
	err  error
}

func (f *foreign) Done() <-chan struct{} { return f.done }

func (f *foreign) Err() error {
	select {
	case <-f.done:
		return f.err
	default:
		return nil
	}
}

// parents lists every kind of parent that matters, with its way to end.
var parents = []struct {
	name string
	make func(start starter) (ctx context.Context, cancel func())
}{
	{"background", func(starter) (context.Context, func()) { return context.Background(), func() {} }},
	{"cancel cause", func(starter) (context.Context, func()) {
		ctx, cancel := context.WithCancelCause(context.Background())
		return ctx, func() { cancel(errParent) }
	}},
	{"cancel", func(starter) (context.Context, func()) {
		ctx, cancel := context.WithCancel(context.Background())
		return ctx, cancel
	}},
	{"value over cancel", func(starter) (context.Context, func()) {
		ctx, cancel := context.WithCancelCause(context.Background())
		return context.WithValue(ctx, key("k"), "v"), func() { cancel(errParent) }
	}},
	{"sooner deadline", func(starter) (context.Context, func()) {
		ctx, cancel := context.WithTimeoutCause(context.Background(), sooner, errOuter)
		return ctx, cancel
	}},
	{"later deadline", func(starter) (context.Context, func()) {
		ctx, cancel := context.WithTimeoutCause(context.Background(), later, errOuter)
		return ctx, cancel
	}},
	{"without cancel", func(starter) (context.Context, func()) {
		ctx, cancel := context.WithCancelCause(context.Background())
		return context.WithoutCancel(ctx), func() { cancel(errParent) }
	}},
	{"foreign", func(starter) (context.Context, func()) {
		f := &foreign{context.Background(), make(chan struct{}), context.Canceled}
		closed := false
		return f, func() {
			if !closed {
				close(f.done)
			}
			closed = true
		}
	}},
	{"foreign over a parent that ends later", func(starter) (context.Context, func()) {
		under, cancel := context.WithCancelCause(context.Background())
		f := &foreign{under, make(chan struct{}), context.Canceled}
		calls := 0
		return f, func() {
			if calls++; calls == 1 {
				close(f.done)
			}
			if calls == 2 {
				cancel(errParent)
			}
		}
	}},
	{"one of its own kind, sooner", func(start starter) (context.Context, func()) {
		ctx, cancel, _ := start(context.Background(), sooner)
		return ctx, cancel
	}},
	{"one of its own kind, later", func(start starter) (context.Context, func()) {
		ctx, cancel, _ := start(context.Background(), later)
		return ctx, cancel
	}},
	{"ended already", func(starter) (context.Context, func()) {
		ctx, cancel := context.WithCancelCause(context.Background())
		cancel(errParent)
		return ctx, func() {}
	}},
}
