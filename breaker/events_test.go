package breaker_test

import (
	"context"
	"errors"
	"fmt"
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
)

// changes records changes of state.
type changes struct {
	mu   sync.Mutex
	list []breaker.StateChange
}

func (c *changes) note(s breaker.StateChange) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.list = append(c.list, s)
}

// alternate checks that each begins where the one before ended.
func (c *changes) alternate(t *testing.T) {
	t.Helper()
	c.mu.Lock()
	defer c.mu.Unlock()
	from, gen := breaker.Closed, uint64(0)
	for i, s := range c.list {
		require.Equal(t, from, s.From, "change %d", i)
		require.NotEqual(t, s.From, s.To, "change %d", i)
		require.Equal(t, gen+1, s.Generation, "change %d", i)
		from, gen = s.To, s.Generation
	}
}

func (c *changes) all() []breaker.StateChange {
	c.mu.Lock()
	defer c.mu.Unlock()
	return slices.Clone(c.list)
}

func TestChangesAreToldWithAllThatIsKnown(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		start := time.Now()
		var c changes
		b := breaker.New(breaker.ConsecutiveFailures(1), breaker.OpenFor(time.Second), breaker.On(breaker.Events{StateChange: c.note}))
		trip(t, b)
		time.Sleep(time.Second)
		play(t, b, "s")
		assert.Equal(t, []breaker.StateChange{
			{From: breaker.Closed, To: breaker.Open, Cause: errDown, At: start, Generation: 1},
			{From: breaker.Open, To: breaker.HalfOpen, Cause: errDown, At: start.Add(time.Second), Generation: 2},
			{From: breaker.HalfOpen, To: breaker.Closed, Cause: errDown, At: start.Add(time.Second), Generation: 3},
		}, c.all())
	})
}

func TestAHandlerMayCallBack(t *testing.T) {
	var b *breaker.Breaker
	var seen []string
	b = breaker.New(breaker.ConsecutiveFailures(1), breaker.Counted(), breaker.On(breaker.Events{
		StateChange: func(c breaker.StateChange) {
			seen = append(seen, fmt.Sprint(c.To, b.State(), b.Stats().State))
			if c.To == breaker.Open {
				b.Reset() // a change within: told after this one
			}
			_ = b.Do(context.Background(), succeed)
		},
		Rejected: func(*breaker.OpenError) { _ = b.Stats() },
		Outcome:  func(context.Context, breaker.Call) { _ = b.Ready() },
	}))
	assert.Error(t, b.Do(t.Context(), fail))
	assert.Equal(t, []string{"open open open", "closed closed closed"}, seen)
}

func TestAPanickingOrExitingHandlerStrandsNothing(t *testing.T) {
	for _, tt := range []struct {
		name string
		end  func()
	}{{"panic", func() { panic("boom") }}, {"exit", runtime.Goexit}} {
		t.Run(tt.name, func(t *testing.T) {
			var c changes
			var b *breaker.Breaker
			b = breaker.New(breaker.ConsecutiveFailures(1), breaker.Counted(), breaker.On(breaker.Events{StateChange: func(s breaker.StateChange) {
				c.note(s)
				if s.Generation == 1 { // three more wait behind this one
					b.Reset()
					b.ForceOpen(nil)
					b.Reset()
				}
				if s.Generation <= 2 {
					tt.end()
				}
			}}))
			end := testkit.Run(func() { _ = b.Do(context.Background(), fail) })
			assert.False(t, end.Returned, "it passes through")
			assert.Len(t, c.all(), 4, "all are told before it has passed")
			c.alternate(t)
			assert.EqualValues(t, 0, b.Stats().InFlight)
			play(t, b, "s")
			assert.Error(t, b.Do(t.Context(), fail))
			assert.Len(t, c.all(), 5, "and so are those that follow")
		})
	}
}

func TestAnExitingHandlerOnTheTimerStrandsNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var c changes
		b := breaker.New(breaker.ConsecutiveFailures(1), breaker.OpenFor(time.Second), breaker.On(breaker.Events{StateChange: func(s breaker.StateChange) {
			c.note(s)
			if s.To == breaker.HalfOpen {
				runtime.Goexit()
			}
		}}))
		for range 3 {
			trip(t, b)
			time.Sleep(time.Second)
			play(t, b, "s")
		}
		assert.Len(t, c.all(), 9)
		c.alternate(t)
	})
}

func TestASlowHandlerDelaysNoStateAndLosesTheOldest(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var c changes
		block := make(chan struct{})
		b := breaker.New(breaker.ConsecutiveFailures(1), breaker.On(breaker.Events{StateChange: func(s breaker.StateChange) {
			c.note(s)
			<-block
		}}))
		go func() { _ = b.Do(t.Context(), fail) }()
		synctest.Wait()
		assert.Equal(t, breaker.Open, b.State())
		for range 50 {
			b.Reset()
			b.ForceOpen(nil)
		}
		assert.Equal(t, breaker.Open, b.State())
		assert.EqualValues(t, 100-64, b.Stats().Dropped)
		close(block)
		synctest.Wait()
		assert.Len(t, c.all(), 1+64)
		assert.EqualValues(t, 101, c.all()[64].Generation, "the newest are kept")
	})
}

func TestChangesAreToldInOrderFromManyGoroutines(t *testing.T) {
	var c changes
	b := breaker.New(breaker.ConsecutiveFailures(1), breaker.On(breaker.Events{StateChange: c.note}))
	var wg sync.WaitGroup
	for i := range 8 {
		wg.Go(func() {
			for range 300 {
				switch i % 4 {
				case 0:
					_ = b.Do(t.Context(), fail)
				case 1:
					b.Reset()
				case 2:
					b.ForceOpen(nil)
				case 3:
					b.Resume()
				}
			}
		})
	}
	wg.Wait()
	s := b.Stats()
	assert.EqualValues(t, s.Generation, int64(len(c.all()))+s.Dropped)
	if s.Dropped == 0 { // else the machine was slow
		c.alternate(t)
	}
	list := c.all()
	for i := range list[1:] {
		require.Less(t, list[i].Generation, list[i+1].Generation)
	}
}

func TestEveryCallIsToldOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		type key struct{}
		ctx := context.WithValue(t.Context(), key{}, "mine")
		var calls []breaker.Call
		var rejected []*breaker.OpenError
		b := breaker.New(breaker.ConsecutiveFailures(2), breaker.OpenFor(time.Second), breaker.On(breaker.Events{
			Outcome: func(ctx context.Context, c breaker.Call) {
				assert.Equal(t, "mine", ctx.Value(key{}), "the context of the acquisition")
				calls = append(calls, c)
			},
			Rejected: func(e *breaker.OpenError) { rejected = append(rejected, e) },
		}))
		last := func() breaker.Call { return calls[len(calls)-1] }
		assert.NoError(t, b.Do(ctx, succeed))
		assert.Equal(t, breaker.Call{Outcome: breaker.Success}, last())
		late, err := b.Acquire(ctx)
		require.NoError(t, err)
		assert.Error(t, b.Do(ctx, func(context.Context) error { time.Sleep(time.Minute); return errDown }))
		assert.Equal(t, breaker.Call{Outcome: breaker.Failure, Err: errDown, Took: time.Minute}, last())
		testkit.Run(func() { _ = b.Do(ctx, func(context.Context) error { panic("boom") }) })
		assert.Equal(t, breaker.Call{Outcome: breaker.Failure, Err: breaker.ErrNoReturn}, last())
		late.Done(nil)
		assert.Equal(t, breaker.Call{Outcome: breaker.Success, Took: time.Minute, Late: true}, last())
		assert.ErrorIs(t, b.Do(ctx, succeed), breaker.ErrOpen)
		assert.ErrorIs(t, b.Ready(), breaker.ErrOpen)
		assert.Len(t, rejected, 2)
		time.Sleep(time.Second)
		p, err := b.Acquire(ctx)
		require.NoError(t, err)
		p.Cancel()
		assert.Equal(t, breaker.Call{Outcome: breaker.Ignored, Probe: true}, last())
		_, err = breaker.Do(ctx, b, func(context.Context) (int, error) { return 1, nil })
		assert.NoError(t, err)
		assert.Equal(t, breaker.Call{Outcome: breaker.Success, Probe: true}, last())
		assert.Len(t, calls, 6)
	})
}

func TestAPanicOfClassifyOrOfAnOutcomeHandlerLosesNothing(t *testing.T) {
	boom := errors.New("boom")
	t.Run("Classify", func(t *testing.T) {
		b := breaker.New(breaker.ConsecutiveFailures(1), breaker.Counted(), breaker.Initially(breaker.HalfOpen),
			breaker.Classify(func(context.Context, error) breaker.Outcome { panic(boom) }))
		end := testkit.Run(func() { _ = b.Do(context.Background(), succeed) })
		assert.Equal(t, boom, end.Value)
		s := b.Stats()
		assert.EqualValues(t, 1, s.Failures)
		assert.EqualValues(t, 0, s.InFlight)
		assert.Equal(t, breaker.Open, s.State)
	})
	t.Run("Outcome", func(t *testing.T) {
		b := breaker.New(breaker.ConsecutiveFailures(2), breaker.Counted(),
			breaker.On(breaker.Events{Outcome: func(context.Context, breaker.Call) { panic(boom) }}))
		for range 2 {
			end := testkit.Run(func() { _ = b.Do(context.Background(), fail) })
			assert.Equal(t, boom, end.Value)
		}
		s := b.Stats()
		assert.EqualValues(t, 2, s.Failures)
		assert.EqualValues(t, 0, s.InFlight)
		assert.Equal(t, breaker.Open, s.State)
	})
}
