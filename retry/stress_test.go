package retry_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/weirkit/weir/internal/testkit"
	"github.com/weirkit/weir/retry"
)

// TestStress drives one policy with everything on from many goroutines, with
// work that succeeds, fails, is slow, panics and exits, and callers that cancel.
// What must hold: nothing of a call runs after it, each body is closed once or
// returned, the counts add up and the budget is kept.
func TestStress(t *testing.T) {
	for _, procs := range []int{1, 2, 4} {
		t.Run(fmt.Sprintf("procs=%d", procs), func(t *testing.T) {
			defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(procs))
			s := &stress{}
			const ratio, floor = 0.3, 20
			p := retry.New(retry.MaxRetries(4), retry.Backoff(retry.FullJitter(retry.Exponential(10*time.Microsecond, 200*time.Microsecond))),
				retry.Spend(retry.NewBudget(ratio, floor)), retry.HedgeQuantile(0.8, 100*time.Microsecond),
				retry.AttemptTimeout(2*ms), retry.Counted())
			begin := time.Now()
			const workers, each = 8, 150
			var wg sync.WaitGroup
			for w := range workers {
				rng := rand.New(rand.NewPCG(uint64(w), uint64(procs)))
				wg.Go(func() {
					for range each {
						testkit.Run(func() { s.call(t, p, rng) })
					}
				})
			}
			wg.Wait()

			assert.Zero(t, s.open.Load(), "every body was returned or closed, and once")
			st := p.Stats()
			assert.Equal(t, workers*each-s.idle.Load(), st.Calls)
			assert.Equal(t, s.failed.Load(), st.GaveUp)
			assert.Equal(t, s.succeeded.Load()+s.failed.Load()+s.passed.Load(), st.Calls)
			seconds := int64(time.Since(begin)/time.Second) + 1
			most := int64(ratio*workers*each) + floor*seconds
			assert.LessOrEqual(t, st.Retries+st.Hedges, most)
			t.Logf("%+v, %d succeeded, %d failed, %d panics and exits", st, s.succeeded.Load(), s.failed.Load(), s.passed.Load())
		})
	}
}

type stress struct {
	open                      atomic.Int64 // bodies
	idle                      atomic.Int64 // calls that did not begin
	succeeded, failed, passed atomic.Int64
}

// call makes one call and checks it.
func (s *stress) call(t *testing.T, p *retry.Policy, rng *rand.Rand) {
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	if rng.IntN(8) == 0 {
		stop := time.AfterFunc(time.Duration(rng.IntN(500))*time.Microsecond, cancel)
		defer stop.Stop()
	}
	var running atomic.Int32
	returned := false
	defer func() {
		assert.Zero(t, running.Load(), "nothing runs on")
		if !returned {
			s.passed.Add(1)
		}
	}()
	seed := rng.Uint64()
	var runs atomic.Uint64
	got, err := retry.Do(ctx, p, func(ctx context.Context) (*body, error) {
		running.Add(1)
		defer running.Add(-1)
		return s.work(ctx, rand.New(rand.NewPCG(seed, runs.Add(1))))
	}, retry.Discard(func(b *body) {
		if b.n--; b.n != 0 {
			t.Error("a body was closed twice")
		}
		s.open.Add(-1)
	}))
	returned = true
	switch {
	case runs.Load() == 0:
		assert.Equal(t, context.Canceled, err)
		s.idle.Add(1)
		return
	case err != nil:
		assert.Nil(t, got)
		s.failed.Add(1)
		return
	}
	assert.Equal(t, 1, got.n)
	s.open.Add(-1)
	s.succeeded.Add(1)
}

func (s *stress) work(ctx context.Context, rng *rand.Rand) (*body, error) {
	switch rng.IntN(12) {
	case 0:
		panic("boom")
	case 1:
		runtime.Goexit()
	case 2, 3, 4:
		return nil, errBoom
	case 5:
		return nil, retry.Permanent(errBoom)
	case 6:
		return nil, refusal{after: 10 * time.Microsecond}
	case 7:
		<-ctx.Done()
		return nil, ctx.Err()
	case 8, 9:
		select {
		case <-time.After(time.Duration(rng.IntN(1000)) * time.Microsecond):
		case <-ctx.Done():
			if rng.IntN(2) == 0 {
				return nil, context.Cause(ctx)
			}
		}
	}
	s.open.Add(1)
	if rng.IntN(4) == 0 {
		return &body{1}, errors.New("503")
	}
	return &body{1}, nil
}

// TestTheEventNamesTheRunWhoseResultIsReturned has both runs of an attempt
// succeed at the same moment, over and over.
func TestTheEventNamesTheRunWhoseResultIsReturned(t *testing.T) {
	var won bool
	p := constant(0, retry.Hedge(1), retry.Spend(retry.NewBudget(1, 1_000_000)),
		retry.On(retry.Events{Hedged: func(h retry.Hedged) { won = h.Won }}))
	wrong := 0
	for range 3000 {
		won = false
		var here atomic.Int32
		got, err := retry.Do(t.Context(), p, func(ctx context.Context) (int, error) {
			second := 0
			if onTimer() {
				second = 1
			}
			here.Add(1)
			for here.Load() < 2 && ctx.Err() == nil { // both are to end at once
				runtime.Gosched()
			}
			return second, nil
		})
		require.NoError(t, err)
		if won != (got == 1) {
			wrong++
		}
	}
	assert.Zero(t, wrong)
	assert.EqualValues(t, 3000, p.Stats().Hedges)
}

// onTimer reports whether a timer started this goroutine, as it does for the
// second run.
func onTimer() bool {
	var pcs [32]uintptr
	frames := runtime.CallersFrames(pcs[:runtime.Callers(1, pcs[:])])
	for {
		f, more := frames.Next()
		if strings.HasSuffix(f.Function, ".runSecond") {
			return true
		}
		if !more {
			return false
		}
	}
}
