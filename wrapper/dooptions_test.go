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
			synctest.Wait() // until it runs
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
				synctest.Wait()
				slices.Sort(b.all)
				assert.Equal(t, tt.bin, b.all)
			})
		})
	}
}

func TestDiscardGetsResultsThatComeWithAnErrorAndNoZeros(t *testing.T) {
	var b bin
	runs := 0
	w := wrapper.Compose(retry.New(retry.MaxRetries(3), retry.Backoff(retry.Constant(0))), semaphore.New(1))
	got, err := wrapper.Do(t.Context(), w, func(context.Context) (int, error) {
		switch runs++; runs {
		case 1:
			return 7, errBoom
		case 2:
			return 0, errBoom
		}
		return 8, nil
	}, wrapper.Discard(b.add))
	assert.NoError(t, err)
	assert.Equal(t, 8, got)
	assert.Equal(t, []int{7}, b.all)
}

func TestDiscardGetsTheResultOfACallOfWhichALayerMadeAPanic(t *testing.T) {
	var b bin
	w := wrapper.Compose(foreignLayer(func(ctx context.Context, fn func(context.Context) error) error {
		_ = fn(ctx)
		panic("a bug of the layer")
	}))
	end := testkit.Run(func() {
		_, _ = wrapper.Do(t.Context(), w, func(context.Context) (int, error) { return 7, nil }, wrapper.Discard(b.add))
	})
	assert.Equal(t, "a bug of the layer", end.Value)
	assert.Equal(t, []int{7}, b.all)
}

func TestAHedgeTakesTheFasterRunAndGivesEverythingBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := semaphore.New(2)
		w := wrapper.Compose(wrapper.Timeout(time.Minute), wrapper.Hedge(time.Second), s)
		var b bin
		var mu sync.Mutex
		runs := 0
		begin := time.Now()
		got, err := wrapper.Do(t.Context(), w, func(ctx context.Context) (int, error) {
			mu.Lock()
			runs++
			n := runs
			mu.Unlock()
			if n == 1 { // it hangs, and then succeeds all the same
				<-ctx.Done()
			}
			return n, nil
		}, wrapper.Discard(b.add))
		assert.NoError(t, err)
		assert.Equal(t, 2, got)
		assert.Equal(t, time.Second, time.Since(begin))
		assert.Equal(t, []int{1}, b.all)
		assert.Zero(t, s.Held())
		assert.NoError(t, w.Do(wrapper.WithOverride(t.Context(), wrapper.Override{NoRetry: true}), func(context.Context) error {
			assert.EqualValues(t, 1, s.Held())
			time.Sleep(10 * time.Second) // and no second run
			assert.EqualValues(t, 1, s.Held())
			return nil
		}))
		assert.Panics(t, func() { wrapper.Hedge(0) })
	})
}

func TestDoOptionsPanicWithoutAFunction(t *testing.T) {
	assert.PanicsWithValue(t, "wrapper: Fallback needs a function, got nil", func() { wrapper.Fallback[int](nil) })
	assert.PanicsWithValue(t, "wrapper: Discard needs a function, got nil", func() { wrapper.Discard[int](nil) })
}
