package breaker_test

import (
	"context"
	"math/rand/v2"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/weirkit/weir/breaker"
	"github.com/weirkit/weir/internal/testkit"
)

// eachProcs runs f with several numbers of processors.
func eachProcs(t *testing.T, f func(t *testing.T)) {
	for _, n := range []int{1, 2, 8} {
		defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(n))
		f(t)
	}
}

func TestEachCallHasOneOutcomeWhateverHappensMeanwhile(t *testing.T) {
	eachProcs(t, func(t *testing.T) {
		var told, rejected atomic.Int64
		var c changes
		b := breaker.New(
			breaker.ConsecutiveFailures(3), breaker.FailureRate(0.5, 10), breaker.SlowCallRate(time.Millisecond, 0.5, 10),
			breaker.StuckCalls(time.Millisecond, 3), breaker.OpenFor(50*time.Microsecond), breaker.OpenJitter(1),
			breaker.HalfOpenProbes(3), breaker.CloseRatio(0.6), breaker.ProbeLease(time.Millisecond), breaker.RampUp(time.Millisecond),
			breaker.Window(time.Millisecond), breaker.Counted(), breaker.On(breaker.Events{
				StateChange: c.note,
				Outcome:     func(context.Context, breaker.Call) { told.Add(1) },
				Rejected:    func(*breaker.OpenError) { rejected.Add(1) },
			}))
		const callers, calls = 8, 400
		var ran, refused, ready atomic.Int64
		var wg sync.WaitGroup
		for g := range callers {
			wg.Go(func() {
				r := rand.New(rand.NewPCG(uint64(g), 7))
				for range calls {
					oneCall(b, r, &ran, &refused, &ready)
				}
			})
		}
		wg.Wait()
		s := b.Stats()
		assert.EqualValues(t, callers*calls, ran.Load()+refused.Load())
		assert.Equal(t, ran.Load(), s.Successes+s.Failures+s.Ignored)
		assert.Equal(t, ran.Load(), told.Load())
		assert.Equal(t, refused.Load()+ready.Load(), s.Rejected)
		assert.Equal(t, s.Rejected, rejected.Load())
		assert.EqualValues(t, 0, s.InFlight)
		assert.GreaterOrEqual(t, ran.Load(), s.Late)

		// The timer may be telling still; a bubble would know when it has.
		b.ForceOpen(nil)
		b.Reset()
		list := c.all()
		for i := range len(list) - 1 {
			require.Less(t, list[i].Generation, list[i+1].Generation)
			if list[i].Generation+1 == list[i+1].Generation {
				require.Equal(t, list[i].To, list[i+1].From)
			}
		}
	})
}

// oneCall makes a call in one of the ways there are, and now and then turns a
// switch.
func oneCall(b *breaker.Breaker, r *rand.Rand, ran, refused, ready *atomic.Int64) {
	switch r.IntN(100) {
	case 0:
		b.Reset()
	case 1:
		b.ForceClosed()
		b.Resume()
	case 2:
		b.ForceOpen(nil)
		b.Resume()
	case 3:
		b.Disable()
		b.Resume()
	case 4:
		if b.Ready() != nil {
			ready.Add(1)
		}
	case 5:
		b.SetRules(breaker.FailureRate(0.5, 10), breaker.SlowCallRate(time.Millisecond, 0.5, 10), breaker.CountWindow(20))
	case 6:
		b.SetRules(breaker.ConsecutiveFailures(3))
	case 7:
		b.SetRules(breaker.FailureCount(5), breaker.StuckCalls(time.Millisecond, 3), breaker.Window(time.Millisecond))
	}
	began := false
	fn := func(context.Context) error {
		began = true
		switch r.IntN(8) {
		case 0:
			runtime.Gosched()
		case 1:
			panic("boom")
		case 2:
			runtime.Goexit()
		case 3, 4, 5:
			return errDown
		}
		return nil
	}
	if r.IntN(3) > 0 {
		testkit.Run(func() { _ = b.Do(context.Background(), fn) })
	} else if p, err := b.Acquire(context.Background()); err == nil {
		began = true
		if r.IntN(4) == 0 {
			p.Cancel()
		} else {
			p.Done([]error{nil, errDown}[r.IntN(2)])
		}
	}
	if began {
		ran.Add(1)
	} else {
		refused.Add(1)
	}
}

func TestProbesNeverExceedTheirBound(t *testing.T) {
	eachProcs(t, func(t *testing.T) {
		const bound = 3
		b := breaker.New(breaker.HalfOpenProbes(bound))
		for range 300 {
			b.ForceOpen(nil)
			b.Resume()
			var admitted atomic.Int64
			var wg sync.WaitGroup
			for range 8 {
				wg.Go(func() {
					for range 5 {
						if p, err := b.Acquire(t.Context()); err == nil {
							admitted.Add(1)
							runtime.Gosched()
							defer p.Report(breaker.Failure, nil) // when all have tried
						}
					}
				})
			}
			wg.Wait()
			require.LessOrEqual(t, admitted.Load(), int64(bound))
			require.Positive(t, admitted.Load())
		}
	})
}

func TestAWindowUnderContentionLosesNoCall(t *testing.T) {
	eachProcs(t, func(t *testing.T) {
		b := breaker.New(breaker.FailureRate(1, 1<<30), breaker.Window(time.Hour), breaker.SlowCallRate(time.Hour, 1, 1<<30))
		plain := breaker.New(breaker.FailureRate(1, 1<<30), breaker.Window(time.Hour))
		const callers, calls = 8, 5000
		var wg sync.WaitGroup
		for range callers {
			wg.Go(func() {
				for i := range calls {
					fn := succeed
					if i%100 == 99 {
						fn = fail
					}
					_ = b.Do(t.Context(), fn)
					_ = plain.Do(t.Context(), fn)
				}
			})
		}
		wg.Wait()
		for _, b := range []*breaker.Breaker{b, plain} {
			assert.EqualValues(t, callers*calls, b.Stats().WindowCalls)
			assert.EqualValues(t, callers*calls/100, b.Stats().WindowFailures)
		}
	})
}

func TestASpreadWindowCountsAndForgetsLikeAnyOther(t *testing.T) {
	eachProcs(t, func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			b := breaker.New(breaker.FailureRate(1, 1<<30), breaker.Window(10*time.Second))
			play(t, b, "s")
			breaker.Spread(b)
			for second := range 30 {
				var wg sync.WaitGroup
				for range 4 {
					wg.Go(func() {
						for range 25 {
							_ = b.Do(t.Context(), succeed)
						}
					})
				}
				wg.Wait()
				want := 100 * min(second+1, 10)
				if second < 10 {
					want++ // the one of before
				}
				require.EqualValues(t, want, b.Stats().WindowCalls)
				time.Sleep(time.Second)
			}
			time.Sleep(10 * time.Second)
			assert.EqualValues(t, 0, b.Stats().WindowCalls)
		})
	})
}

func TestCallsOfManyGoroutinesThroughAnOutageInVirtualTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var c changes
		b := breaker.New(breaker.OpenFor(time.Second), breaker.HalfOpenProbes(2), breaker.RampUp(2*time.Second),
			breaker.OpenGrowth(8*time.Second), breaker.On(breaker.Events{StateChange: c.note}))
		start := time.Now()
		down := func() bool { s := time.Since(start); return s > 20*time.Second && s < 60*time.Second }
		var asked, askedInOutage atomic.Int64
		var wg sync.WaitGroup
		for g := range 50 {
			wg.Go(func() {
				time.Sleep(time.Duration(g) * time.Millisecond)
				for time.Since(start) < 100*time.Second {
					_ = b.Do(t.Context(), func(context.Context) error {
						asked.Add(1)
						time.Sleep(10 * time.Millisecond)
						if down() {
							askedInOutage.Add(1)
							return errDown
						}
						return nil
					})
					time.Sleep(90 * time.Millisecond)
				}
			})
		}
		wg.Wait()
		synctest.Wait()
		c.alternate(t)
		assert.Equal(t, breaker.Closed, b.State())
		assert.Less(t, askedInOutage.Load(), int64(150), "without a breaker it would be 20,000")
		assert.Greater(t, asked.Load(), int64(20_000))
		assert.Less(t, b.Stats().Openings, int64(12))
	})
}

func TestTheCountOfOpenKeysHoldsFromManyGoroutines(t *testing.T) {
	k := breaker.NewKeyed[int](breaker.ConsecutiveFailures(2), breaker.OpenFor(time.Millisecond), breaker.RampUp(time.Millisecond),
		breaker.MaxOpenShare(0.5), breaker.MaxKeys(12), breaker.IdleAfter(time.Second))
	var wg sync.WaitGroup
	for g := range uint64(8) {
		wg.Go(func() {
			r := rand.New(rand.NewPCG(g, 9))
			for range 3000 {
				b := k.Breaker(r.IntN(16))
				switch r.IntN(20) {
				case 0:
					b.ForceOpen(nil)
				case 1:
					b.Resume()
				case 2:
					b.Reset()
				case 3:
					b.Disable()
				case 4, 5, 6:
					_ = b.Do(context.Background(), succeed)
				case 7:
					breaker.Sweep(k)
				default:
					_ = b.Do(context.Background(), fail)
				}
			}
		})
	}
	wg.Wait()
	for key := range 16 {
		k.Breaker(key).Reset()
	}
	assert.LessOrEqual(t, k.Stats().Keys, 12)
	assert.Zero(t, k.Stats().NotClosed, "all are closed")
}
