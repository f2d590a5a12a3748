package ratelimit_test

import (
	"context"
	"fmt"
	"math"
	"math/rand/v2"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/weirkit/weir/ratelimit"
)

func TestAHundredYearsAtMixedRates(t *testing.T) {
	bubble(t, func(t *testing.T) {
		rates := []ratelimit.Rate{
			ratelimit.PerDay(1), ratelimit.PerSecond(1e7), ratelimit.PerSecond(999_983), ratelimit.PerSecond(0.3),
			ratelimit.PerMinute(7), {}, ratelimit.PerSecond(123_456.789), ratelimit.PerHour(1.5),
		}
		r := rand.New(rand.NewPCG(7, 7))
		const burst = 1000
		l := ratelimit.New(rates[0], burst)
		tokens, rate := float64(burst), rates[0]
		start := time.Now()
		for time.Since(start) < 100*365*24*time.Hour {
			if r.IntN(3) == 0 {
				rate = rates[r.IntN(len(rates))]
				l.SetRate(rate)
			}
			pause := time.Duration(math.Exp(r.Float64() * math.Log(200*24*3600e9))) // 1 ns to 200 days
			time.Sleep(pause)
			tokens = min(burst, tokens+rate.PerSecond()*pause.Seconds())
			n := r.IntN(burst / 2)
			if l.AllowN(n) {
				require.GreaterOrEqual(t, tokens*(1+1e-6)+1e-6, float64(n))
				tokens -= float64(n)
			} else {
				require.Less(t, tokens*(1-1e-6)-1e-6, float64(n))
			}
			require.InDelta(t, tokens, l.Tokens(), burst*1e-6)
			tokens = l.Tokens() // what was rounded does not add up in the model
		}
	})
}

// TestWhatIsAdmittedStaysBelowTheIntegralOfTheRate changes the rate while callers
// wait, leave and take.
func TestWhatIsAdmittedStaysBelowTheIntegralOfTheRate(t *testing.T) {
	for seed := range uint64(8) {
		bubble(t, func(t *testing.T) { integral(t, seed) })
	}
}

func integral(t *testing.T, seed uint64) {
	const burst = 5
	l := ratelimit.New(ratelimit.PerSecond(10), burst)
	ctx, stop := context.WithCancel(t.Context())
	type use struct {
		gained float64 // by the rate until then
		n      int
	}
	var mu sync.Mutex
	var uses []use
	rate, gained, since := 10.0, 0.0, time.Now()
	act := func(n int) {
		mu.Lock()
		defer mu.Unlock()
		uses = append(uses, use{gained + rate*time.Since(since).Seconds(), n})
	}
	for g := range 6 {
		go func() {
			r := rand.New(rand.NewPCG(seed, uint64(g)))
			for ctx.Err() == nil {
				n := r.IntN(burst) + 1
				switch r.IntN(3) {
				case 0:
					mu.Lock() // a grant and its note are one moment of one rate
					if l.AllowN(n) {
						uses = append(uses, use{gained + rate*time.Since(since).Seconds(), n})
					}
					mu.Unlock()
				default:
					wait, cancel := context.WithTimeout(ctx, time.Duration(r.Int64N(5e9)))
					if r.IntN(2) == 0 {
						time.AfterFunc(time.Duration(r.Int64N(2e9)), cancel)
					}
					if l.WaitN(wait, n) == nil {
						act(n)
					}
					cancel()
				}
				time.Sleep(time.Duration(r.Int64N(3e8)))
			}
		}()
	}
	r := rand.New(rand.NewPCG(seed, 99))
	for range 100 {
		// Off the moments at which waiters are served: who is served at the moment of
		// a change may be noted on either side of it.
		time.Sleep(time.Duration(r.Int64N(6e8)) + 7)
		synctest.Wait()
		mu.Lock()
		gained, since = gained+rate*time.Since(since).Seconds(), time.Now()
		rate = []float64{0, 0.5, 3, 10, 100}[r.IntN(5)]
		l.SetRate(ratelimit.PerSecond(rate))
		mu.Unlock()
		synctest.Wait()
	}
	stop()
	synctest.Wait()
	time.Sleep(10 * time.Second)
	synctest.Wait()
	for i := range uses {
		total := 0
		for _, u := range uses[i:min(i+300, len(uses))] {
			total += u.n
			require.LessOrEqual(t, float64(total), burst+u.gained-uses[i].gained+1e-5)
		}
	}
	assert.Greater(t, len(uses), 50)
	assert.Zero(t, l.Waiting())
}

func TestNoGrantIsLostOrMadeTwiceWhileEverythingChanges(t *testing.T) {
	for _, procs := range []int{1, 2, 8} {
		t.Run(fmt.Sprintf("procs=%d", procs), func(t *testing.T) {
			defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(procs))
			assert.EqualValues(t, 30_000, churn(t, 30_000, false))
		})
		t.Run(fmt.Sprintf("procs=%d, with cancellations", procs), func(t *testing.T) {
			defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(procs))
			// A Cancel that races another gives back the part that it can be sure of.
			granted := churn(t, 30_000, true)
			assert.LessOrEqual(t, granted, int64(30_000))
			assert.GreaterOrEqual(t, granted, int64(29_990))
		})
	}
}

// churn takes the given tokens, while rate and burst change and nothing is gained,
// and returns how many it got.
func churn(t *testing.T, tokens int, cancels bool) int64 {
	t.Helper()
	slow := ratelimit.PerDay(0.01)
	l := ratelimit.New(slow, tokens)
	var granted atomic.Int64
	var wg sync.WaitGroup
	stop := make(chan struct{})
	var setters sync.WaitGroup
	setters.Go(func() {
		for i := 0; ; i++ {
			select {
			case <-stop:
				return
			default:
			}
			switch i % 3 {
			case 0:
				l.SetRate(ratelimit.Rate{})
			case 1:
				l.SetBurst(tokens + i%1000)
			case 2:
				l.SetRate(slow)
			}
			runtime.Gosched()
		}
	})
	for g := range 4 {
		wg.Go(func() {
			r := rand.New(rand.NewPCG(uint64(g), 1))
			for range 8000 {
				switch r.IntN(4) {
				case 0:
					granted.Add(int64(l.TakeUpTo(2)))
				case 1:
					if !cancels {
						granted.Add(int64(l.TakeUpTo(1)))
					} else if res := l.Reserve(1); res.OK() && res.Delay() == 0 && !res.Cancel() {
						granted.Add(1) // there was nothing to give back
					}
				default:
					if l.Allow() {
						granted.Add(1)
					}
				}
			}
		})
	}
	wg.Wait()
	close(stop)
	setters.Wait()
	l.SetRate(ratelimit.Rate{})
	for l.Allow() {
		granted.Add(1)
	}
	return granted.Load()
}

func TestACancelStormLosesNoToken(t *testing.T) {
	bubble(t, func(t *testing.T) {
		l := ratelimit.New(ratelimit.PerSecond(10), 1)
		l.Allow()
		r := rand.New(rand.NewPCG(3, 3))
		start := time.Now()
		var served atomic.Int32
		var wg sync.WaitGroup
		for i := range 1000 {
			ctx, cancel := context.WithCancel(t.Context())
			if i%10 != 0 {
				time.AfterFunc(time.Duration(r.Int64N(50e6)), cancel)
			}
			wg.Go(func() {
				defer cancel()
				if l.Wait(ctx) == nil {
					served.Add(1)
				}
			})
		}
		wg.Wait()
		assert.EqualValues(t, 100, served.Load())
		assert.Equal(t, 10*time.Second, time.Since(start))
		assert.InDelta(t, 0, l.Tokens(), 1e-9)
	})
}

func TestRacingCancelsLoseNoToken(t *testing.T) { // P27
	l := ratelimit.New(ratelimit.PerSecond(200_000), 10)
	start := time.Now()
	var served atomic.Int64
	var wg sync.WaitGroup
	for g := range 16 {
		wg.Go(func() {
			r := rand.New(rand.NewPCG(uint64(g), 4))
			for range 400 {
				ctx, cancel := context.WithCancel(t.Context())
				wg.Go(cancel)
				n := r.IntN(5) + 1
				if l.WaitN(ctx, n) == nil {
					served.Add(int64(n))
				}
			}
		})
	}
	wg.Wait()
	assert.LessOrEqual(t, float64(served.Load()), 10+time.Since(start).Seconds()*200_000)
	assert.Zero(t, l.Waiting())
	l.SetRate(ratelimit.Rate{})
	l.SetTokens(10)
	assert.Equal(t, 10, drain(l), "nothing is owed to those who left")
}

func TestManyWaitersAtOnce(t *testing.T) {
	bubble(t, func(t *testing.T) {
		const n = 20_000 // BenchmarkWaiters has a million
		l := ratelimit.New(ratelimit.PerSecond(1000), 1)
		l.Allow()
		start := time.Now()
		var wg sync.WaitGroup
		var served atomic.Int32
		for range n {
			wg.Go(func() {
				if l.Wait(t.Context()) == nil {
					served.Add(1)
				}
			})
		}
		synctest.Wait()
		require.Equal(t, n, l.Waiting())
		l.SetRate(ratelimit.PerDay(1)) // 54 years of queue
		l.SetRate(ratelimit.PerSecond(10_000))
		wg.Wait()
		assert.EqualValues(t, n, served.Load())
		assert.InDelta(t, 2*time.Second, time.Since(start), float64(time.Millisecond))
	})
}

func BenchmarkWaiters(b *testing.B) {
	for _, n := range []int{1000, 1_000_000} {
		b.Run(fmt.Sprintf("n=%d", n), func(b *testing.B) {
			for b.Loop() {
				before := heap()
				l := ratelimit.New(ratelimit.PerHour(1), 1)
				l.Allow()
				var wg sync.WaitGroup
				ctx, cancel := context.WithCancel(b.Context())
				for range n {
					wg.Go(func() { _ = l.Wait(ctx) })
				}
				for l.Waiting() < n {
					runtime.Gosched()
				}
				b.ReportMetric(float64(heap()-before)/float64(n), "heap-B/waiter")
				cancel()
				wg.Wait()
			}
		})
	}
}
