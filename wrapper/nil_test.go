package wrapper_test

import (
	"context"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"

	"github.com/weirkit/weir/ratelimit"
	"github.com/weirkit/weir/semaphore"
	"github.com/weirkit/weir/wrapper"
)

func TestWhatIsNilIsRefusedWithAMessageBeforeAnythingIsTaken(t *testing.T) {
	ctx := t.Context()
	var noLimiter *ratelimit.Limiter
	var noSemaphore *semaphore.Semaphore
	var noKeyed *ratelimit.Keyed[string]
	var noFunc wrapper.Func
	one := func(context.Context) (int, error) { return 1, nil }
	item := func(context.Context, int) (int, error) { return 1, nil }
	w, items := wrapper.Compose(), []int{1}
	k := wrapper.NewKeyed(func(int) []wrapper.Layer { return nil })
	empty := "; Compose() is one without layers"
	zero := "wrapper: the zero Wrapper is not usable, make one with New or Compose"
	tests := []struct {
		name string
		f    func()
		want string
	}{
		{"a limiter", func() { wrapper.Limiter(nil) }, "wrapper: Limiter needs a limiter, got nil (<nil>)"},
		{"a typed limiter", func() { wrapper.Limiter(noLimiter) }, "wrapper: Limiter needs a limiter, got nil (*ratelimit.Limiter)"},
		{"a semaphore", func() { wrapper.Semaphore(nil) }, "wrapper: Semaphore needs a semaphore, got nil (<nil>)"},
		{"a typed semaphore", func() { wrapper.Semaphore(noSemaphore) }, "wrapper: Semaphore needs a semaphore, got nil (*semaphore.Semaphore)"},
		{"a policy", func() { wrapper.PerKey[string](nil) }, "wrapper: PerKey needs a policy, got nil (<nil>)"},
		{"a typed policy", func() { wrapper.PerKey(noKeyed) }, "wrapper: PerKey needs a policy, got nil (*ratelimit.Keyed[string])"},
		{"a layer", func() { wrapper.Compose(w, nil) }, "wrapper: layer 1 is nil (<nil>); leave it out"},
		{"a typed layer", func() { wrapper.Compose(noFunc) }, "wrapper: layer 0 is nil (wrapper.Func); leave it out"},
		{"a typed part", func() { _, _ = wrapper.New(wrapper.Config{}, wrapper.Parts{Limiter: noLimiter}) }, "wrapper: layer 0 is nil (*ratelimit.Limiter); leave it out"},
		{"a layer of a key", func() {
			_ = wrapper.NewKeyed(func(int) []wrapper.Layer { return []wrapper.Layer{noSemaphore} }).Do(ctx, 1, nothing)
		}, "wrapper: layer 0 is nil (*semaphore.Semaphore); leave it out"},
		{"an option of New", func() { _, _ = wrapper.New(wrapper.Config{}, nil) }, "wrapper: option 0 of New is nil; leave it out"},
		{"an option of NewKeyed", func() {
			wrapper.NewKeyed(func(int) []wrapper.Layer { return nil }, wrapper.MaxKeys(1), nil)
		}, "wrapper: option 1 of NewKeyed is nil; leave it out"},
		{"an option of Do", func() { _, _ = wrapper.Do(ctx, w, one, nil) }, "wrapper: option 0 of Do is nil; leave it out"},
		{"an option of DoKeyed", func() { _, _ = wrapper.DoKeyed(ctx, k, 1, one, nil) }, "wrapper: option 0 of DoKeyed is nil; leave it out"},
		{"an option of Process", func() { _, _ = wrapper.Process(ctx, w, items, item, nil) }, "wrapper: option 0 of Process is nil; leave it out"},
		{"an option of Settle", func() { _ = wrapper.Settle(ctx, w, items, item, nil) }, "wrapper: option 0 of Settle is nil; leave it out"},
		{"an option of Stream", func() { wrapper.Stream(ctx, w, slices.Values(items), item, nil) }, "wrapper: option 0 of Stream is nil; leave it out"},
		{"an option of ProcessSeq", func() { _, _ = wrapper.ProcessSeq(ctx, w, slices.Values(items), item, nil) }, "wrapper: option 0 of ProcessSeq is nil; leave it out"},
		{"a zero wrapper to close", func() { _ = new(wrapper.Wrapper).Close() }, zero},
		{"a zero wrapper to shut down", func() { _ = new(wrapper.Wrapper).Shutdown(ctx) }, zero},
		{"a zero wrapper's figures", func() { new(wrapper.Wrapper).Stats() }, zero},
		{"a wrapper of Do", func() { _, _ = wrapper.Do(ctx, nil, one) }, "wrapper: Do needs a wrapper, got nil" + empty},
		{"a wrapper of Process", func() { _, _ = wrapper.Process(ctx, nil, items, item) }, "wrapper: Process needs a wrapper, got nil" + empty},
		{"a wrapper of Settle", func() { _ = wrapper.Settle(ctx, nil, items, item) }, "wrapper: Settle needs a wrapper, got nil" + empty},
		{"a wrapper of Stream", func() { wrapper.Stream(ctx, nil, slices.Values(items), item) }, "wrapper: Stream needs a wrapper, got nil" + empty},
		{"a wrapper of ProcessSeq", func() { _, _ = wrapper.ProcessSeq(ctx, nil, slices.Values(items), item) }, "wrapper: ProcessSeq needs a wrapper, got nil" + empty},
		{"a function of Do", func() { _, _ = wrapper.Do[int](ctx, w, nil) }, "wrapper: Do needs a function, got nil"},
		{"a function of a method", func() { _ = w.Do(ctx, nil) }, "wrapper: Do needs a function, got nil"},
		{"a function of a key", func() { _ = k.Do(ctx, 1, nil) }, "wrapper: Do needs a function, got nil"},
		{"a function of DoKeyed", func() { _, _ = wrapper.DoKeyed[int, int](ctx, k, 1, nil) }, "wrapper: DoKeyed needs a function, got nil"},
		{"a zero wrapper", func() { _ = new(wrapper.Wrapper).Do(ctx, nothing) }, zero},
		{"a zero wrapper of Do", func() { _, _ = wrapper.Do(ctx, new(wrapper.Wrapper), one) }, zero},
		{"a zero wrapper of Process", func() { _, _ = wrapper.Process(ctx, new(wrapper.Wrapper), items, item) }, zero},
		{"a zero wrapper of Settle", func() { _ = wrapper.Settle(ctx, new(wrapper.Wrapper), items, item) }, zero},
		{"a zero wrapper of Stream", func() { wrapper.Stream(ctx, new(wrapper.Wrapper), slices.Values(items), item) }, zero},
		{"a zero wrapper for keys", func() { _ = new(wrapper.Keyed[int]).Do(ctx, 1, nothing) }, "wrapper: the zero Keyed is not usable, make one with NewKeyed"},
		{"a zero wrapper of DoKeyed", func() { _, _ = wrapper.DoKeyed(ctx, new(wrapper.Keyed[int]), 1, one) }, "wrapper: the zero Keyed is not usable, make one with NewKeyed"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) { assert.PanicsWithValue(t, tt.want, tt.f) })
	}
	assert.Zero(t, k.Len(), "no key was made for it")
	assert.Zero(t, w.Stats().Running)
}

func TestALayerOnItsOwnTakesNothingForNoFunction(t *testing.T) {
	l, s := ratelimit.New(ratelimit.PerHour(1), 3), semaphore.New(1)
	tests := []struct {
		name  string
		layer wrapper.Layer
	}{
		{"Timeout", wrapper.Timeout(time.Second)},
		{"AttemptTimeout", wrapper.AttemptTimeout(time.Second)},
		{"Limiter", wrapper.Limiter(l)},
		{"Semaphore", wrapper.Semaphore(s)},
		{"Recover", wrapper.Recover()},
		{"PerKey", wrapper.PerKey(ratelimit.NewKeyed[string](ratelimit.PerHour(1), 3))},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			assert.PanicsWithValue(t, "wrapper: "+tt.name+" needs a function, got nil", func() { _ = tt.layer.Do(t.Context(), nil) })
		})
	}
	assert.InDelta(t, 3, l.Tokens(), 0.1)
	assert.Zero(t, s.Held())
}
