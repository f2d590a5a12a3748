package wrapper_test

import (
	"context"
	"math/rand/v2"
	"runtime"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/weirkit/weir/breaker"
	"github.com/weirkit/weir/internal/testkit"
	"github.com/weirkit/weir/ratelimit"
	"github.com/weirkit/weir/retry"
	"github.com/weirkit/weir/semaphore"
	"github.com/weirkit/weir/wrapper"
)

// starts records when attempts start and how many run.
type starts struct {
	mu           sync.Mutex
	at           []time.Time
	running, max int
}

func (s *starts) begin() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.at = append(s.at, time.Now())
	s.running++
	s.max = max(s.max, s.running)
}

func (s *starts) end() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.running--
}

// misbehave is a call that does anything.
func (s *starts) misbehave(ctx context.Context, how int, d time.Duration) error {
	s.begin()
	defer s.end()
	select {
	case <-time.After(d):
	case <-ctx.Done():
		return ctx.Err()
	}
	switch how {
	case 0:
		return errBoom
	case 1:
		panic(errBoom)
	case 2:
		runtime.Goexit()
	case 3:
		return retry.Permanent(errBoom)
	case 4:
		return refusal{}
	}
	return nil
}

func TestConcurrencyAndRateAreNeverExceeded(t *testing.T) {
	const (
		limit = 3
		burst = 4
		every = 20 * time.Millisecond
	)
	for seed := range uint64(20) {
		// In the standard order calls that have their tokens may wait for permits,
		// and then start together; the other way round starts show the rate.
		standard := seed%2 == 0
		synctest.Test(t, func(t *testing.T) {
			rnd := rand.New(rand.NewPCG(seed, 5))
			l := ratelimit.New(ratelimit.Every(every), burst)
			var s interface {
				wrapper.Layer
				Held() int64
			} = semaphore.New(limit)
			if seed%4 > 1 {
				s = semaphore.NewAdaptive(limit, limit)
			}
			gates := []wrapper.Layer{l, s}
			if !standard {
				gates = []wrapper.Layer{s, l}
			}
			w := wrapper.Compose(wrapper.Timeout(3*time.Second), retry.New(retry.MaxRetries(2)),
				breaker.New(breaker.FailureRate(0.9, 20)), wrapper.Compose(gates...), wrapper.AttemptTimeout(150*time.Millisecond))
			var seen starts
			var wg sync.WaitGroup
			for range 100 {
				pause, d, patience := rnd.IntN(2000), rnd.IntN(200), rnd.IntN(4000)
				how := rnd.IntN(10)
				wg.Go(func() {
					time.Sleep(time.Duration(pause) * time.Millisecond)
					ctx, cancel := context.WithTimeout(t.Context(), time.Duration(patience)*time.Millisecond)
					defer cancel()
					testkit.Run(func() {
						_ = w.Do(ctx, func(ctx context.Context) error {
							return seen.misbehave(ctx, how, time.Duration(d)*time.Millisecond)
						})
					})
				})
			}
			wg.Wait()
			require.LessOrEqual(t, seen.max, limit, "seed %d", seed)
			require.NotEmpty(t, seen.at)
			slices.SortFunc(seen.at, time.Time.Compare)
			for i, first := range seen.at {
				if standard {
					break
				}
				for n, last := range seen.at[i:] { // n+1 starts in this time
					require.LessOrEqual(t, n+1, burst+int(last.Sub(first)/every), "seed %d: starts %d to %d", seed, i, i+n)
				}
			}
			require.Zero(t, s.Held())
			require.Zero(t, w.Stats().Running)
			time.Sleep(time.Minute)
			require.InDelta(t, burst, l.Tokens(), 0.001)
		})
	}
}

// What other libraries get wrong, by the number of the trap.
func TestFailuresOfOthers(t *testing.T) {
	tests := []struct {
		name string
		run  func(t *testing.T)
	}{
		{"5: a local rejection is no failure of the backend", func(t *testing.T) {
			b := breaker.New(breaker.ConsecutiveFailures(1))
			w := wrapper.Compose(b, semaphore.New(1, semaphore.MaxWaiters(0)))
			err := w.Do(t.Context(), func(ctx context.Context) error {
				inner := w.Do(ctx, nothing) // there is no second permit
				assert.ErrorIs(t, inner, semaphore.ErrQueueFull)
				return nil
			})
			assert.NoError(t, err)
			assert.Equal(t, breaker.Closed, b.State())
		}},
		{"6: a retry does not ask an open breaker again and again", func(t *testing.T) {
			b := breaker.New()
			b.ForceOpen(errBoom)
			retries := 0
			w := wrapper.Compose(retry.New(retry.On(retry.Events{Retry: func(retry.Retry) { retries++ }})), b)
			begin := time.Now()
			assert.ErrorIs(t, w.Do(t.Context(), nothing), breaker.ErrOpen)
			assert.Zero(t, retries)
			assert.Zero(t, time.Since(begin))
		}},
		{"6: but it waits for one that opens soon", func(t *testing.T) {
			b := breaker.New(breaker.ConsecutiveFailures(1), breaker.OpenFor(time.Second))
			w := wrapper.Compose(retry.New(retry.MaxDelay(2*time.Second)), b)
			assert.ErrorIs(t, b.Do(t.Context(), failing), errBoom)
			begin := time.Now()
			assert.NoError(t, w.Do(t.Context(), nothing))
			assert.InDelta(t, 1.05, time.Since(begin).Seconds(), 0.051)
		}},
		{"7: the breaker sees attempts, the limiter is paid by attempts, a pause holds nothing", func(t *testing.T) {
			w := newWrapper(t, wrapper.Config{
				RetryAttempts: 4, RetryDelay: time.Second, EnableCircuitBreaker: true, CircuitBreakerThreshold: 3, MaxConcurrency: 1,
			})
			attempts := 0
			err := w.Do(t.Context(), func(context.Context) error { attempts++; return errBoom })
			assert.ErrorIs(t, err, errBoom)
			assert.Equal(t, 3, attempts, "the breaker opened inside the retry")
		}},
		{"8: a panic leaks no permit", func(t *testing.T) {
			s := semaphore.New(1, semaphore.MaxWaiters(0))
			w := wrapper.Compose(s)
			for range 10 {
				testkit.Run(func() { _ = w.Do(t.Context(), func(context.Context) error { panic("x") }) })
			}
			assert.NoError(t, w.Do(t.Context(), nothing))
		}},
		{"8: nor of the budget of retries", func(t *testing.T) {
			attempts := 0
			w := wrapper.Compose(retry.New(retry.MaxRetries(1), retry.Backoff(retry.Constant(0)), retry.Spend(retry.NewBudget(1, 1))))
			for range 100 {
				testkit.Run(func() { _ = w.Do(t.Context(), func(context.Context) error { panic("x") }) })
				testkit.Run(func() { _ = w.Do(t.Context(), func(context.Context) error { runtime.Goexit(); return nil }) })
			}
			assert.ErrorIs(t, w.Do(t.Context(), func(context.Context) error { attempts++; return errBoom }), errBoom)
			assert.Equal(t, 2, attempts)
		}},
		{"12: a timeout has a deadline, a cause and an error that others understand", func(t *testing.T) {
			w := wrapper.Compose(wrapper.Timeout(time.Second))
			begin := time.Now()
			err := w.Do(t.Context(), func(ctx context.Context) error {
				at, ok := ctx.Deadline()
				assert.True(t, ok)
				assert.Equal(t, begin.Add(time.Second).UnixNano(), at.UnixNano())
				<-ctx.Done()
				assert.Equal(t, context.DeadlineExceeded, ctx.Err())
				assert.ErrorIs(t, context.Cause(ctx), wrapper.ErrTimeout)
				return ctx.Err()
			})
			assert.ErrorIs(t, err, wrapper.ErrTimeout)
			assert.ErrorIs(t, err, context.DeadlineExceeded)
		}},
		{"12: the caller's own deadline is not reported as ours", func(t *testing.T) {
			ctx, cancel := context.WithTimeout(t.Context(), time.Millisecond)
			defer cancel()
			err := wrapper.Compose(wrapper.Timeout(time.Second)).Do(ctx, hanging)
			assert.ErrorIs(t, err, context.DeadlineExceeded)
			assert.NotErrorIs(t, err, wrapper.ErrTimeout)
		}},
		{"13: the context of a call ends when the call returns, not before", func(t *testing.T) {
			w := wrapper.Compose(wrapper.Timeout(time.Second), wrapper.AttemptTimeout(time.Second))
			var after context.Context
			assert.NoError(t, w.Do(t.Context(), func(ctx context.Context) error {
				after = ctx
				return ctx.Err()
			}))
			assert.Equal(t, context.Canceled, after.Err())
		}},
		{"19: the last error is kept beside the context's", func(t *testing.T) {
			ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
			defer cancel()
			w := newWrapper(t, wrapper.Config{RetryAttempts: 100, RetryDelay: 3 * time.Second})
			begin := time.Now()
			err := w.Do(ctx, failing)
			assert.ErrorIs(t, err, errBoom)
			assert.ErrorIs(t, err, context.DeadlineExceeded)
			assert.Equal(t, 9*time.Second, time.Since(begin), "it does not sleep out a pause that cannot fit")
		}},
		{"21: composing changes no layer and keeps no slice", func(t *testing.T) {
			a, b := wrapper.Compose(semaphore.New(1)), wrapper.Compose(semaphore.New(2))
			layers := []wrapper.Layer{a, b}
			both := wrapper.Compose(layers...)
			layers[0] = b
			assert.Equal(t, "Semaphore(1) > call", a.String())
			assert.Equal(t, "Semaphore(1) > Semaphore(2) > call", both.String())
		}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) { synctest.Test(t, tt.run) })
	}
}
