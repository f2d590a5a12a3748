package semaphore_test

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"

	"github.com/weirkit/weir/semaphore"
)

// clients keeps a server as busy as a allows: each calls again as soon as it has
// an answer. It returns a function that waits for them once ctx is done.
func clients(ctx context.Context, n int, a *semaphore.Adaptive, s *server) (wait func()) {
	var wg sync.WaitGroup
	for range n {
		wg.Go(func() {
			for ctx.Err() == nil {
				_ = a.Do(ctx, s.call)
			}
		})
	}
	return wg.Wait
}

// track samples the limit ten times a second: its mean in proportion to the
// knee, and the part of the samples that are within 30 % of it.
func track(a *semaphore.Adaptive, knee int, d time.Duration) (mean, within float64) {
	n := 0.0
	for end := time.Now().Add(d); time.Now().Before(end); n++ {
		l := float64(a.Limit()) / float64(knee)
		mean += l
		if l >= 0.7 && l <= 1.3 {
			within++
		}
		time.Sleep(100 * time.Millisecond)
	}
	return mean / n, within / n
}

// algorithms are the two ways to find a limit.
var algorithms = []struct {
	name string
	opt  semaphore.Option
}{
	{"gradient", semaphore.Gradient()},
	{"aimd", semaphore.AIMD(0.9)},
}

// simulated returns the algorithms that a simulation is run with: the race
// detector finds nothing more in a second one, and takes its time.
func simulated() []struct {
	name string
	opt  semaphore.Option
} {
	if raceEnabled {
		return algorithms[:1]
	}
	return algorithms
}

// TestAdaptiveFindsTheKneeAndFollowsIt is the promise of Adaptive on a server
// whose knee is known: found within 30 seconds, held within 30 %, followed when
// it moves and when only the latency moves.
func TestAdaptiveFindsTheKneeAndFollowsIt(t *testing.T) {
	knees := []int{10, 40}
	if raceEnabled {
		knees = knees[:1]
	}
	for _, alg := range simulated() {
		for _, knee := range knees {
			for seed := range seeds(3) {
				t.Run(fmt.Sprintf("%s/knee=%d/seed=%d", alg.name, knee, seed), func(t *testing.T) {
					synctest.Test(t, func(t *testing.T) { findAndFollow(t, seed, knee, alg.opt) })
				})
			}
		}
	}
}

// seeds is how many random servers a simulation is repeated with.
func seeds(n uint64) uint64 {
	if raceEnabled || testing.Short() {
		return 1
	}
	return n
}

// findAndFollow is one run of TestAdaptiveFindsTheKneeAndFollowsIt.
func findAndFollow(t *testing.T, seed uint64, knee int, algorithm semaphore.Option) {
	t.Helper()

	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	const service = 50 * time.Millisecond
	s := newSeeded(seed, knee, service)
	a := semaphore.NewAdaptive(1, 1000, algorithm)
	wait := clients(ctx, 6*knee, a, s)

	time.Sleep(30 * time.Second)
	mean, within := track(a, knee, 60*time.Second)
	t.Logf("limit/knee %.2f, %.0f %% of the time within 30 %%, baseline %v", mean, 100*within, a.Stats().Baseline)
	assert.InDelta(t, 1, mean, 0.3)
	assert.GreaterOrEqual(t, within, 0.8)

	for _, move := range []struct {
		name    string
		knee    int
		service time.Duration
	}{
		{"the knee doubles", 2 * knee, service},
		{"and falls to a quarter", knee / 2, service},
		{"every call takes three times as long", knee / 2, 3 * service},
		{"and as long as before", knee / 2, service},
	} {
		s.set(move.knee, move.service)
		time.Sleep(40 * time.Second)
		mean, _ := track(a, move.knee, 10*time.Second)
		t.Logf("%s: limit/knee %.2f", move.name, mean)
		assert.InDelta(t, 1, mean, 0.6, move.name)
	}
	cancel()
	wait()
}

// TestAdaptiveDoesNotDriftWhileIdle is the fault of limits that grow with every
// fast answer, used or not.
func TestAdaptiveDoesNotDriftWhileIdle(t *testing.T) {
	for _, alg := range simulated() {
		t.Run(alg.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				ctx, cancel := context.WithCancel(t.Context())
				s := newServer(20, 50*time.Millisecond)
				a := semaphore.NewAdaptive(1, 1000, alg.opt)
				wait := clients(ctx, 100, a, s)
				time.Sleep(30 * time.Second)
				cancel()
				wait()
				found := a.Limit()

				ctx, cancel = context.WithCancel(t.Context())
				wait = clients(ctx, 2, a, s) // for a while hardly anybody calls
				time.Sleep(20 * time.Minute)
				cancel()
				wait()
				assert.InEpsilon(t, found, a.Limit(), 0.3)
			})
		})
	}
}

// TestAdaptiveIsNotPoisonedByALongIncident keeps a server slow for two minutes
// with an overload that is not ours. A baseline that follows what it sees would
// take that for normal and let the limit grow without end.
func TestAdaptiveIsNotPoisonedByALongIncident(t *testing.T) {
	for i, alg := range slices.Repeat(simulated(), int(seeds(3))) {
		t.Run(alg.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				ctx, cancel := context.WithCancel(t.Context())
				s := newSeeded(uint64(i), 20, 50*time.Millisecond)
				a := semaphore.NewAdaptive(1, 1000, alg.opt)
				wait := clients(ctx, 200, a, s)
				time.Sleep(30 * time.Second)

				others, stop := context.WithCancel(t.Context())
				var wg sync.WaitGroup
				for range 60 { // three times what the server can take, without a limit
					wg.Go(func() {
						for s.call(others) == nil {
						}
					})
				}
				highest := int64(0)
				for range 120 {
					time.Sleep(time.Second)
					highest = max(highest, a.Limit())
				}
				assert.Less(t, highest, int64(100), "during the incident")
				stop()
				wg.Wait()
				time.Sleep(30 * time.Second)
				mean, _ := track(a, 20, 10*time.Second)
				assert.InDelta(t, 1, mean, 0.4, "after it")
				cancel()
				wait()
			})
		})
	}
}

// TestMaxBaselineBoundsWhatPassesForNormal has a backend that becomes slow for
// good: without the bound that is the new normal, with it the limit stays low.
func TestMaxBaselineBoundsWhatPassesForNormal(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		limitWith := func(opts ...semaphore.Option) int64 {
			ctx, cancel := context.WithCancel(t.Context())
			s := newServer(20, 20*time.Millisecond)
			a := semaphore.NewAdaptive(2, 1000, opts...)
			wait := clients(ctx, 100, a, s)
			time.Sleep(30 * time.Second)
			s.set(20, 200*time.Millisecond)
			time.Sleep(90 * time.Second)
			cancel()
			wait()
			return a.Limit()
		}
		assert.Greater(t, limitWith(), int64(10))
		assert.Less(t, limitWith(semaphore.MaxBaseline(50*time.Millisecond)), int64(6))
	})
}

// TestDroppedCallsLowerTheLimitOnce has a backend that refuses what is beyond
// its capacity at once: only the outcome tells, the latency never rises.
func TestDroppedCallsLowerTheLimitAndDoNotFreezeIt(t *testing.T) {
	for _, alg := range simulated() {
		t.Run(alg.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				ctx, cancel := context.WithCancel(t.Context())
				gate := semaphore.New(20)
				a := semaphore.NewAdaptive(1, 1000, alg.opt, semaphore.Outcomes(func(err error) semaphore.Outcome {
					if err != nil {
						return semaphore.Dropped
					}
					return semaphore.Success
				}))
				var wg sync.WaitGroup
				for range 100 {
					wg.Go(func() {
						for ctx.Err() == nil {
							_ = a.Do(ctx, func(context.Context) error {
								if !gate.TryAcquire(1) {
									time.Sleep(time.Millisecond)
									return context.DeadlineExceeded
								}
								time.Sleep(50 * time.Millisecond)
								gate.Release(1)
								return nil
							})
						}
					})
				}
				time.Sleep(30 * time.Second)
				mean, _ := track(a, 20, 30*time.Second)
				assert.InDelta(t, 1, mean, 0.35)
				gate.SetLimit(60) // it takes more again
				time.Sleep(60 * time.Second)
				mean, _ = track(a, 60, 30*time.Second)
				assert.InDelta(t, 1, mean, 0.35, "a stream of refusals does not freeze it")
				cancel()
				wg.Wait()
			})
		})
	}
}

// TestAdaptiveTellsASlowBackendFromAQueue has every call take three times as
// long for good, with the same knee. The first cuts show that the latency does
// not fall with the limit; without that insight they would go on to the bottom.
func TestAdaptiveTellsASlowBackendFromAQueue(t *testing.T) {
	for i, alg := range slices.Repeat(simulated(), int(seeds(3))) {
		t.Run(alg.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				ctx, cancel := context.WithCancel(t.Context())
				const knee = 40
				s := newSeeded(uint64(i), knee, 50*time.Millisecond)
				a := semaphore.NewAdaptive(1, 1000, alg.opt)
				wait := clients(ctx, 6*knee, a, s)
				time.Sleep(30 * time.Second)
				s.set(knee, 150*time.Millisecond)
				lowest := a.Limit()
				for range 300 {
					time.Sleep(100 * time.Millisecond)
					lowest = min(lowest, a.Limit())
				}
				assert.GreaterOrEqual(t, lowest, int64(knee/5))
				mean, _ := track(a, knee, 10*time.Second)
				t.Logf("lowest %d, limit/knee %.2f after 30 s", lowest, mean)
				assert.InDelta(t, 1, mean, 0.4)
				cancel()
				wait()
			})
		})
	}
}
