package cases

import (
	"context"
	"fmt"
	"hash/maphash"
	"slices"
	"sync/atomic"
	"time"

	"github.com/failsafe-go/failsafe-go/ratelimiter"
	"github.com/sethvargo/go-limiter/memorystore"
	uber "go.uber.org/ratelimit"
	xrate "golang.org/x/time/rate"

	"github.com/weirkit/weir/bench/internal/harness"
	"github.com/weirkit/weir/ratelimit"
	"github.com/weirkit/weir/ratelimit/rate"
)

// A bucket that no benchmark empties: the rate is far above what one machine
// asks for, so every row measures the granted path.
const (
	plentyRate  = 1_000_000_000
	plentyBurst = 1 << 30
)

func ratelimits() []harness.Case {
	return slices.Concat(granted(), refused(), furtherLimiters())
}

func ours() func() bool {
	return ratelimit.New(ratelimit.PerSecond(plentyRate), plentyBurst).Allow
}

func xtime() func() bool {
	return xrate.NewLimiter(plentyRate, plentyBurst).Allow
}

func failsafeBursty() func() bool {
	return ratelimiter.NewBursty[any](plentyBurst, time.Second).TryAcquirePermit
}

func uberTake() func() bool {
	l := uber.New(plentyRate, uber.WithSlack(1000))
	return func() bool { return !l.Take().IsZero() }
}

func granted() []harness.Case {
	return []harness.Case{
		{Package: "ratelimit", Name: "Allow, tokens there", Rows: []harness.Row{
			{Name: "weir", Bench: serial(ours)},
			{Name: "weir, ratelimit/rate", Bench: serial(dropIn)},
			{Name: "x/time/rate", Bench: serial(xtime)},
			{Name: "failsafe-go bursty", Bench: serial(failsafeBursty)},
			{Name: "uber/ratelimit (Take)", Bench: serial(uberTake)},
			{Name: "sethvargo/go-limiter (one key)", Bench: serial(setOneKey)},
			{Name: "floor: time.Since and one CAS", Bench: serial(clockAndSwap)},
		}},
		{Package: "ratelimit", Name: "Allow from every processor, 8 goroutines each", Rows: []harness.Row{
			{Name: "weir", Bench: parallel(8, ours)},
			{Name: "x/time/rate", Bench: parallel(8, xtime)},
			{Name: "failsafe-go bursty", Bench: parallel(8, failsafeBursty)},
			{Name: "uber/ratelimit (Take)", Bench: parallel(8, uberTake)},
			{Name: "floor: time.Since and one CAS", Bench: parallel(8, clockAndSwap)},
		}},
	}
}

func refused() []harness.Case {
	return []harness.Case{
		{Package: "ratelimit", Name: "Allow, denied", Rows: []harness.Row{
			{Name: "weir", Bench: serial(denied)},
			{Name: "x/time/rate", Bench: serial(xtimeDenied)},
			{Name: "failsafe-go smooth", Bench: serial(failsafeDenied)},
			{Name: "floor: time.Since", Bench: serial(clock)},
		}},
		{Package: "ratelimit", Name: "Allow, denied, from every processor, 8 goroutines each", Rows: []harness.Row{
			{Name: "weir", Bench: parallel(8, denied)},
			{Name: "x/time/rate", Bench: parallel(8, xtimeDenied)},
			{Name: "failsafe-go smooth", Bench: parallel(8, failsafeDenied)},
			{Name: "floor: time.Since", Bench: parallel(8, clock)},
		}},
	}
}

func furtherLimiters() []harness.Case {
	return []harness.Case{
		{Package: "ratelimit", Name: "Wait, tokens there", Rows: []harness.Row{
			{Name: "weir", Bench: serial(wait)},
			{Name: "weir, ratelimit/rate", Bench: serial(dropInWait)},
			{Name: "x/time/rate", Bench: serial(xtimeWait)},
			{Name: "failsafe-go bursty", Bench: serial(failsafeWait)},
			{Name: "floor: time.Since and one CAS", Bench: serial(clockAndSwap)},
		}},
		{Package: "ratelimit", Name: "Allow in batches of 64, tokens there", Rows: []harness.Row{
			{Name: "weir Batch", Bench: serial(batch)},
			{Name: "weir", Bench: serial(ours)},
			{Name: "x/time/rate", Bench: serial(xtime)},
		}},
		{Package: "ratelimit", Name: "Allow for one of 100,000 string keys", Rows: []harness.Row{
			{Name: "weir Keyed", Bench: serial(keyed)},
			{Name: "sethvargo/go-limiter", Bench: serial(setKeyed)},
			{Name: "floor: a clock and a map", Bench: serial(mapAndClock)},
			{Name: "floor: a clock and a hash", Bench: serial(hashAndClock)},
		}},
		{Package: "ratelimit", Name: "the same from every processor, 8 goroutines each", Rows: []harness.Row{
			{Name: "weir Keyed", Bench: parallel(8, keyed)},
			{Name: "sethvargo/go-limiter", Bench: parallel(8, setKeyed)},
		}},
	}
}

// clock and clockAndSwap are what no limiter can go below that looks at the time for
// each decision, and notes a grant where every other goroutine sees it.
func clock() func() bool {
	base := time.Now()
	return func() bool { return time.Since(base) > 0 }
}

func clockAndSwap() func() bool {
	base := time.Now()
	l := new(struct {
		_     [64]byte
		state atomic.Int64
		_     [64]byte
	})
	return func() bool {
		now := int64(time.Since(base))
		for {
			if old := l.state.Load(); l.state.CompareAndSwap(old, max(old, now)+1) {
				return true
			}
		}
	}
}

func batch() func() bool {
	return ratelimit.NewBatch(ratelimit.PerSecond(plentyRate), plentyBurst, 64).Allow
}

// keys are as many as a busy service has clients.
var keys = func() []string {
	keys := make([]string, 100_000)
	for i := range keys {
		keys[i] = fmt.Sprintf("client-%06d", i)
	}
	return keys
}()

// walk calls f with one key after the other, far apart in memory. It may be
// called from several goroutines.
func walk(f func(key string) bool) func() bool {
	var n atomic.Uint64
	return func() bool {
		i := n.Add(1) * 0x9e3779b97f4a7c15 >> 32
		return f(keys[i%uint64(len(keys))])
	}
}

func keyed() func() bool {
	k := ratelimit.NewKeyed[string](ratelimit.PerSecond(1000), 1_000_000, ratelimit.MaxKeys(1_000_000))
	for _, key := range keys {
		k.Allow(key)
	}
	return walk(k.Allow)
}

func setKeyed() func() bool {
	s, err := memorystore.New(&memorystore.Config{Tokens: plentyBurst, Interval: time.Second})
	if err != nil {
		panic(err)
	}
	ctx := context.Background()
	take := func(key string) bool {
		_, _, _, ok, err := s.Take(ctx, key)
		return ok && err == nil
	}
	for _, key := range keys {
		take(key)
	}
	return walk(take)
}

// mapAndClock is what a limiter that keeps its keys in a map cannot do without.
func mapAndClock() func() bool {
	m := map[string]int{}
	for i, key := range keys {
		m[key] = i
	}
	base := time.Now()
	return walk(func(key string) bool {
		now := time.Since(base)
		_, ok := m[key]
		return ok && now >= 0
	})
}

// hashAndClock touches the key, and reads the clock, and no table.
func hashAndClock() func() bool {
	seed, base := maphash.MakeSeed(), time.Now()
	return walk(func(key string) bool {
		now := time.Since(base)
		return maphash.Comparable(seed, key) > 0 && now >= 0
	})
}

func setOneKey() func() bool {
	s, err := memorystore.New(&memorystore.Config{Tokens: plentyBurst, Interval: time.Second})
	if err != nil {
		panic(err)
	}
	ctx := context.Background()
	return func() bool {
		_, _, _, ok, err := s.Take(ctx, "key")
		return ok && err == nil
	}
}

func denied() func() bool {
	l := ratelimit.New(ratelimit.PerHour(1), 1)
	l.Allow()
	return func() bool { return !l.Allow() }
}

func xtimeDenied() func() bool {
	l := xrate.NewLimiter(xrate.Every(time.Hour), 1)
	l.Allow()
	return func() bool { return !l.Allow() }
}

func failsafeDenied() func() bool {
	l := ratelimiter.NewSmooth[any](1, time.Hour)
	l.TryAcquirePermit()
	return func() bool { return !l.TryAcquirePermit() }
}

func wait() func() bool {
	l := ratelimit.New(ratelimit.PerSecond(plentyRate), plentyBurst)
	ctx, cancel := context.WithCancel(context.Background())
	_ = cancel
	return func() bool { return l.Wait(ctx) == nil }
}

func dropIn() func() bool { return rate.NewLimiter(plentyRate, plentyBurst).Allow }

func dropInWait() func() bool {
	l := rate.NewLimiter(plentyRate, plentyBurst)
	ctx, cancel := context.WithCancel(context.Background())
	_ = cancel
	return func() bool { return l.Wait(ctx) == nil }
}

func xtimeWait() func() bool {
	l := xrate.NewLimiter(plentyRate, plentyBurst)
	ctx, cancel := context.WithCancel(context.Background())
	_ = cancel
	return func() bool { return l.Wait(ctx) == nil }
}

func failsafeWait() func() bool {
	l := ratelimiter.NewBursty[any](plentyBurst, time.Second)
	ctx, cancel := context.WithCancel(context.Background())
	_ = cancel
	return func() bool { return l.AcquirePermit(ctx) == nil }
}
