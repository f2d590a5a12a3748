package cases

import (
	"context"
	"sync/atomic"
)

// floor is the least that a breaker can be which keeps what is promised of ours:
// a call is not admitted while the breaker is open or the context done, and a
// panic is a failure. It counts nothing else. What it costs is the bound for ours.
type floor struct {
	word    atomic.Uint64
	refusal atomic.Pointer[floorError]
	window  atomic.Uint64
	failed  atomic.Uint64
}

type floorError struct{}

func (*floorError) Error() string { return "open" }

// Do loads the word twice, asks the context, and has a defer.
//
//go:noinline
func (f *floor) Do(ctx context.Context, fn func(context.Context) error) error {
	if f.word.Load() != 0 || ctx.Err() != nil {
		return f.refusal.Load()
	}
	returned := false
	defer func() {
		if !returned {
			f.failed.Add(1)
		}
	}()
	err := fn(ctx)
	returned = true
	if err != nil || f.word.Load() != 0 {
		f.failed.Add(1)
	}
	return err
}

// DoWindow counts the success too.
//
//go:noinline
func (f *floor) DoWindow(ctx context.Context, fn func(context.Context) error) error {
	if f.word.Load() != 0 || ctx.Err() != nil {
		return f.refusal.Load()
	}
	returned := false
	defer func() {
		if !returned {
			f.failed.Add(1)
		}
	}()
	err := fn(ctx)
	returned = true
	f.window.Add(1)
	return err
}

//go:noinline
func (f *floor) acquire(ctx context.Context) bool { return f.word.Load() == 0 && ctx.Err() == nil }

//go:noinline
func (f *floor) refuse() error {
	if f.word.Load() == 0 {
		return nil
	}
	return f.refusal.Load()
}

func floorDo() func() bool {
	f, ctx := new(floor), context.Background()
	ok := func(context.Context) error { return nil }
	return func() bool { return f.Do(ctx, ok) == nil }
}

func floorWindow() func() bool {
	f, ctx := new(floor), context.Background()
	ok := func(context.Context) error { return nil }
	return func() bool { return f.DoWindow(ctx, ok) == nil }
}

func floorTwoStep() func() bool {
	f, ctx := new(floor), context.Background()
	return func() bool { return f.acquire(ctx) && f.word.Load() == 0 }
}

func floorOpen() func() bool {
	f := new(floor)
	f.refusal.Store(new(floorError))
	f.word.Store(1)
	return func() bool { return f.refuse() != nil }
}

func bareCall() func() bool {
	ctx := context.Background()
	ok := func(context.Context) error { return nil }
	return func() bool { return ok(ctx) == nil }
}
