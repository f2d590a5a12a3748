package wrapper_test

import (
	"context"
	"errors"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"

	"github.com/weirkit/weir/internal/testkit"
	"github.com/weirkit/weir/retry"
	"github.com/weirkit/weir/semaphore"
	"github.com/weirkit/weir/wrapper"
)

func TestFallbackTakesThePlaceOfAFailure(t *testing.T) {
	s := semaphore.New(1)
	w := wrapper.Compose(retry.New(retry.MaxRetries(2), retry.Backoff(retry.Constant(0))), s)
	runs := 0
	got, err := wrapper.Do(t.Context(), w, func(context.Context) (string, error) { runs++; return "", errBoom },
		wrapper.Fallback(func(ctx context.Context, err error) (string, error) {
			assert.Equal(t, t.Context(), ctx)
			assert.ErrorIs(t, err, errBoom)
			assert.ErrorIs(t, err, retry.ErrExhausted)
			assert.Zero(t, s.Held(), "everything is back")
			return "from the cache", nil
		}))
	assert.NoError(t, err)
	assert.Equal(t, "from the cache", got)
	assert.Equal(t, 3, runs)

	worse := errors.New("the cache is empty")
	_, err = wrapper.Do(t.Context(), w, func(context.Context) (string, error) { return "", errBoom },
		wrapper.Fallback(func(context.Context, error) (string, error) { return "", worse }))
	assert.Equal(t, worse, err)

	never := wrapper.Fallback(func(context.Context, error) (string, error) { t.Error("called"); return "", nil })
	got, err = wrapper.Do(t.Context(), w, func(context.Context) (string, error) { return "fresh", nil }, never)
	assert.NoError(t, err)
	assert.Equal(t, "fresh", got)
	end := testkit.Run(func() {
		_, _ = wrapper.Do(t.Context(), w, func(context.Context) (string, error) { panic("a bug") }, never)
	})
	assert.Equal(t, "a bug", end.Value)
}

func TestFallbackAnswersARejection(t *testing.T) {
	w := wrapper.Compose()
	_ = w.Close()
	got, err := wrapper.Do(t.Context(), w, func(context.Context) (int, error) { return 1, nil },
		wrapper.Fallback(func(_ context.Context, err error) (int, error) {
			assert.True(t, wrapper.Rejected(err))
			return 2, nil
		}))
	assert.NoError(t, err)
	assert.Equal(t, 2, got)
}

// bin collects what is discarded.
type bin struct {
	mu  sync.Mutex
	all []int
}

func (b *bin) add(n int) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.all = append(b.all, n)
}

func TestDiscardGetsEveryResultThatIsNotReturned(t *testing.T) {
	// Each run returns its number, after as many seconds.
	tests := []struct {
		name  string
		layer foreignLayer
		want  int
		err   error
		bin   []int
	}{
		{"one run", func(ctx context.Context, fn func(context.Context) error) error { return fn(ctx) }, 1, nil, nil},
		{"a success that the layer did not want", func(ctx context.Context, fn func(context.Context) error) error {
			_ = fn(ctx)
			return fn(ctx)
		}, 2, nil, []int{1}},
		{"a success that became an error", func(ctx context.Context, fn func(context.Context) error) error {
			_ = fn(ctx)
			return errBoom
		}, 0, errBoom, []int{1}},
		{"the loser of a hedge", func(ctx context.Context, fn func(context.Context) error) error {
			var wg sync.WaitGroup
			wg.Go(func() { _ = fn(ctx) })
			wg.Go(func() { _ = fn(ctx) })
			wg.Wait()
			return nil
		}, 1, nil, []int{2}},
		{"one that comes late", func(ctx context.Context, fn func(context.Context) error) error {
			go func() { _ = fn(ctx) }()
			return errBoom
		}, 0, errBoom, []int{1}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var b bin
				var mu sync.Mutex
				runs := 0
				got, err := wrapper.Do(t.Context(), wrapper.Compose(tt.layer), func(context.Context) (int, error) {
					mu.Lock()
					runs++
					n := runs
					mu.Unlock()
					time.Sleep(time.Duration(n) * time.Second)
					return n, nil
				}, wrapper.Discard(b.add))
				assert.Equal(t, tt.err, err)
				assert.Equal(t, tt.want, got)
				time.Sleep(time.Minute)
				slices.Sort(b.all)
				assert.Equal(t, tt.bin, b.all)
			})
		})
	}
}

func TestDiscardIsNotCalledForResultsThatComeWithAnError(t *testing.T) {
	w := wrapper.Compose(retry.New(retry.MaxRetries(1), retry.Backoff(retry.Constant(0))), wrapper.Func(straight))
	_, err := wrapper.Do(t.Context(), w, func(context.Context) (int, error) { return 7, errBoom },
		wrapper.Discard(func(int) { t.Error("called") }))
	assert.ErrorIs(t, err, errBoom)
}

func TestDoOptionsPanicWithoutAFunction(t *testing.T) {
	assert.PanicsWithValue(t, "wrapper: Fallback needs a function, got nil", func() { wrapper.Fallback[int](nil) })
	assert.PanicsWithValue(t, "wrapper: Discard needs a function, got nil", func() { wrapper.Discard[int](nil) })
}
