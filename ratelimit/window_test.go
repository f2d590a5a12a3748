package ratelimit_test

import (
	"context"
	"errors"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/weirkit/weir/internal/testkit"
	"github.com/weirkit/weir/ratelimit"
)

// window is what both windows have.
type window interface {
	Allow() bool
	AllowN(n int) bool
	Take(n int) ratelimit.Decision
	Wait(ctx context.Context) error
	WaitN(ctx context.Context, n int) error
	Do(ctx context.Context, fn func(context.Context) error) error
	Waiting() int
	SetLimit(limit int)
	Limit() int
}

func TestAFixedWindowBeginsOnTheFullMinute(t *testing.T) {
	bubble(t, func(t *testing.T) {
		time.Sleep(50 * time.Second) // a bubble begins at midnight UTC
		f := ratelimit.NewFixedWindow(3, time.Minute)
		assert.True(t, f.AllowN(2))
		d := f.Take(2)
		assert.Equal(t, ratelimit.Decision{Limit: 3, Remaining: 1, RetryAfter: 10 * time.Second, ResetAfter: 10 * time.Second}, d)
		time.Sleep(10*time.Second - 1)
		assert.False(t, f.AllowN(2))
		time.Sleep(time.Nanosecond)
		assert.True(t, f.AllowN(3))
		assert.False(t, f.Allow())
		assert.Equal(t, ratelimit.Never, f.Take(4).RetryAfter)
		time.Sleep(10 * time.Minute)
		assert.Equal(t, ratelimit.Decision{OK: true, Limit: 3, Remaining: 3}, f.Take(0))
	})
}

func TestASlidingWindowNeverAdmitsMoreThanItsLimit(t *testing.T) {
	for _, limit := range []int{1, 7, 1024, 50_000} {
		bubble(t, func(t *testing.T) {
			s := ratelimit.NewSlidingWindow(limit, time.Minute)
			r := rand.New(rand.NewPCG(uint64(limit), 1))
			type grant struct {
				at time.Time
				n  int
			}
			var log []grant
			for range 2000 {
				n := r.IntN(max(limit/10, 3))
				d := s.Take(n)
				used, late := 0, 0
			look:
				for _, g := range slices.Backward(log) {
					switch age := time.Since(g.at); {
					case age < time.Minute:
						used += g.n
					case age < time.Minute+time.Minute/1000:
						late += g.n
					default:
						break look
					}
				}
				if d.OK {
					require.LessOrEqual(t, used+n, limit)
					log = append(log, grant{time.Now(), n})
				} else if n <= limit {
					if limit <= 1024 {
						late = 0
					}
					require.Greater(t, used+late+n, limit, "it was there")
					if r.IntN(5) == 0 {
						time.Sleep(d.RetryAfter - 1)
						require.False(t, s.AllowN(n))
						time.Sleep(time.Nanosecond)
						require.True(t, s.AllowN(n))
						log = append(log, grant{time.Now(), n})
					}
				}
				time.Sleep(time.Duration(r.ExpFloat64() * float64(4*time.Second)))
			}
		})
	}
}

func TestASlidingWindowNeedsLittleMemory(t *testing.T) {
	for _, window := range []time.Duration{time.Minute, 59_999 * time.Millisecond, 1024 * time.Millisecond, 999, 1025} {
		for _, step := range []time.Duration{window / 1024, window/1024 + 1, window / 1000, window/1000 + 1, window / 10_000} {
			bubble(t, func(t *testing.T) {
				before := heap()
				s := ratelimit.NewSlidingWindow(1<<30, window)
				for range 11_000 {
					s.Allow()
					time.Sleep(max(step, 1))
				}
				assert.LessOrEqual(t, heap()-before, int64(40<<10), "%v, each %v", window, step)
				assert.True(t, s.Allow())
			})
		}
	}
}

func TestASlidingWindowNeedsLittleMemoryAcrossSetLimit(t *testing.T) {
	bubble(t, func(t *testing.T) {
		before := heap()
		s := ratelimit.NewSlidingWindow(1024, time.Minute)
		for range 1024 {
			require.True(t, s.Allow())
			time.Sleep(time.Millisecond)
		}
		s.SetLimit(1 << 30)
		require.Equal(t, 1<<30-1024, s.Take(0).Remaining, "nothing is forgotten")
		for range 5800 {
			require.True(t, s.Allow())
			time.Sleep(10 * time.Millisecond)
		}
		assert.Equal(t, 1<<30-1024-5800, s.Take(0).Remaining)
		assert.LessOrEqual(t, heap()-before, int64(40<<10), "twice 24 KiB would be more")
		s.SetLimit(5800)
		want := 61034*time.Millisecond - 59024*time.Millisecond // 1025 must have gone
		late := s.Take(1).RetryAfter - want
		assert.GreaterOrEqual(t, late, time.Duration(0))
		assert.LessOrEqual(t, late, time.Minute/1000)
	})
}

func TestWhatWasGivenBackToASlidingWindowNeedsNoMemory(t *testing.T) {
	bubble(t, func(t *testing.T) {
		before := heap()
		s := ratelimit.NewSlidingWindow(2, time.Minute)
		held, err := s.WaitToken(t.Context())
		require.NoError(t, err)
		for range 20_000 { // each given back when another was taken
			next, err := s.WaitToken(t.Context())
			require.NoError(t, err)
			require.True(t, held.Cancel())
			held = next
			time.Sleep(time.Microsecond)
		}
		assert.LessOrEqual(t, heap()-before, int64(40<<10))
		assert.Equal(t, 1, s.Take(0).Remaining)
		require.True(t, held.Cancel())
		assert.Equal(t, ratelimit.Decision{OK: true, Limit: 2, Remaining: 2}, s.Take(0))
	})
}

func windowsOf(limit int, length time.Duration) map[string]window {
	return map[string]window{
		"fixed":   ratelimit.NewFixedWindow(limit, length),
		"sliding": ratelimit.NewSlidingWindow(limit, length),
	}
}

func TestWindowsServeWaitersInOrder(t *testing.T) {
	for _, name := range []string{"fixed", "sliding"} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				w := windowsOf(2, time.Minute)[name]
				require.True(t, w.AllowN(2))
				start := time.Now()
				var mu sync.Mutex
				at := map[int]time.Duration{}
				var wg sync.WaitGroup
				for i := range 6 {
					wg.Go(func() {
						ctx, cancel := context.WithCancel(t.Context())
						defer cancel()
						if i == 1 {
							time.AfterFunc(time.Second, cancel)
						}
						if w.Wait(ctx) == nil {
							mu.Lock()
							defer mu.Unlock()
							at[i] = time.Since(start)
						}
					})
					synctest.Wait()
				}
				assert.Equal(t, 6, w.Waiting())
				assert.False(t, w.Allow())
				hurry, cancel := context.WithTimeout(t.Context(), 3*time.Minute)
				require.ErrorIs(t, w.Wait(hurry), ratelimit.ErrWouldExceedDeadline)
				cancel()
				wg.Wait()
				assert.Equal(t, map[int]time.Duration{0: 60e9, 2: 60e9, 3: 120e9, 4: 120e9, 5: 180e9}, at)
				assert.Equal(t, ratelimit.ErrExceedsBurst, w.WaitN(t.Context(), 3))
				gone, stop := context.WithCancel(t.Context())
				stop()
				assert.Equal(t, context.Canceled, w.Wait(gone))
				require.NoError(t, w.WaitN(t.Context(), 0))
				require.NoError(t, w.Do(t.Context(), func(context.Context) error { return nil }))
				v, err := ratelimit.Do(t.Context(), w, func(context.Context) (int, error) { return 3, nil })
				require.NoError(t, err)
				assert.Equal(t, 3, v)
			})
		})
	}
}

func TestWindowsRefuseBadInput(t *testing.T) {
	for _, f := range []func(){
		func() { ratelimit.NewFixedWindow(0, time.Second) },
		func() { ratelimit.NewFixedWindow(1, 0) },
		func() { ratelimit.NewSlidingWindow(-1, time.Second) },
		func() { ratelimit.NewSlidingWindow(1, -1) },
		func() { ratelimit.NewSlidingWindow(1, 1).AllowN(-1) },
		func() { ratelimit.NewFixedWindow(1, 1).AllowN(-1) },
		func() { _ = ratelimit.NewSlidingWindow(1, 1).WaitN(t.Context(), -1) },
		func() { _ = ratelimit.NewFixedWindow(1, 1).WaitN(t.Context(), -1) },
	} {
		end := testkit.Run(f)
		require.True(t, end.Panicked)
		assert.Contains(t, end.Value, "ratelimit: ")
	}
}

// What Do does is the same for each kind of limit.
func TestDoRunsTheFunctionWhereItIsAllowedTo(t *testing.T) {
	bubble(t, func(t *testing.T) {
		type do func(ctx context.Context, fn func(context.Context) error) error
		keyed := ratelimit.NewKeyed[string](ratelimit.PerMinute(1), 1)
		kinds := map[string]do{
			"Limiter":  ratelimit.New(ratelimit.PerMinute(1), 1).Do,
			"All":      ratelimit.All(ratelimit.New(ratelimit.PerMinute(1), 1)).Do,
			"Fixed":    ratelimit.NewFixedWindow(1, time.Minute).Do,
			"Sliding":  ratelimit.NewSlidingWindow(1, time.Minute).Do,
			"Adaptive": ratelimit.NewAdaptive(ratelimit.PerMinute(1), ratelimit.PerMinute(2)).Do,
			"Keyed":    func(ctx context.Context, fn func(context.Context) error) error { return keyed.Do(ctx, "key", fn) },
		}
		mine := errors.New("mine")
		for name, do := range kinds {
			ran := 0
			fn := func(context.Context) error { ran++; return mine }
			assert.Equal(t, mine, do(t.Context(), fn), name)
			ctx, cancel := context.WithTimeout(t.Context(), time.Second)
			require.ErrorIs(t, do(ctx, fn), ratelimit.ErrWouldExceedDeadline, name)
			cancel()
			assert.Equal(t, context.Canceled, do(ctx, fn), name)
			assert.Equal(t, 1, ran, name)
		}
	})
}

func TestAWaitBehindOthersForSeveralTokensEndsWithItsContextAtTheLatest(t *testing.T) {
	for _, name := range []string{"fixed", "sliding"} {
		bubble(t, func(t *testing.T) {
			w := windowsOf(4, time.Minute)[name]
			require.True(t, w.AllowN(4))
			start := time.Now()
			three := func(ctx context.Context) error { return w.WaitN(ctx, 3) }
			var before []*outcome
			for range 3 { // one a window, as two do not go into it
				before = append(before, waits(t, start, 0, three))
			}
			last := waits(t, start, 200*time.Second, three)
			refused := waits(t, start, 100*time.Second, three)
			assert.ErrorIs(t, refused.err, ratelimit.ErrWouldExceedDeadline, name)
			time.Sleep(time.Hour)
			synctest.Wait()
			for i, o := range before {
				assert.Equal(t, outcome{nil, time.Duration(i+1) * time.Minute}, *o, name)
			}
			assert.Equal(t, outcome{context.DeadlineExceeded, 200 * time.Second}, *last, name)
			assert.Equal(t, 4, w.Take(0).Remaining, name)
		})
	}
}
