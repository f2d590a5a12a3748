package semaphore_test

import (
	"context"
	"runtime"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/weirkit/weir/internal/testkit"
	"github.com/weirkit/weir/semaphore"
)

// stallCtx is a context whose Err blocks once it is armed. A waiter asks for
// the error of its context when it is woken, before it competes, so a test can
// hold it exactly there: woken and under way.
type stallCtx struct {
	context.Context
	armed atomic.Bool
	gate  chan struct{}
}

func newStall(ctx context.Context) *stallCtx {
	return &stallCtx{Context: ctx, gate: make(chan struct{})}
}

func (c *stallCtx) Err() error {
	if c.armed.Load() {
		<-c.gate
	}
	return c.Context.Err()
}

// waiterOf starts an acquisition in a goroutine of its own, waits until it
// blocks, and returns the channel that gets its result.
func waiterOf(t *testing.T, acquire func() error) <-chan error {
	t.Helper()
	done := make(chan error, 1)
	go func() { done <- acquire() }()
	synctest.Wait()
	return done
}

// requireBlocked fails if a result is there once everybody has settled.
func requireBlocked(t *testing.T, done <-chan error) {
	t.Helper()
	synctest.Wait()
	select {
	case err := <-done:
		require.Fail(t, "must wait", "got %v", err)
	default:
	}
}

// requireDone returns the result that must be there once everybody has settled.
func requireDone(t *testing.T, done <-chan error) error {
	t.Helper()
	synctest.Wait()
	select {
	case err := <-done:
		return err
	default:
		require.Fail(t, "must not wait any longer")
		return nil
	}
}

// A woken waiter holds back the wake-ups of others: whoever takes it out of the
// queue owes one to those behind.
func TestAWokenWaiterThatIsTakenOutPassesItsWakeUpOn(t *testing.T) {
	tests := []struct {
		name string
		opts []semaphore.Option
		// out takes the stalled waiter out of the queue.
		out func(ctx context.Context, s *semaphore.Semaphore, cancel func()) error
		// want is what the stalled waiter gets.
		want error
	}{
		{
			name: "displaced by a newcomer under LIFO",
			opts: []semaphore.Option{semaphore.LIFO(), semaphore.MaxWaiters(2)},
			out: func(ctx context.Context, s *semaphore.Semaphore, _ func()) error {
				return s.AcquirePriority(ctx, 5, 0)
			},
			want: semaphore.ErrQueueFull,
		},
		{
			name: "cancelled",
			out: func(_ context.Context, _ *semaphore.Semaphore, cancel func()) error {
				cancel()
				return nil
			},
			want: context.Canceled,
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := semaphore.New(5, tt.opts...)
				require.True(t, s.TryAcquire(5))

				ctx, cancel := context.WithCancel(t.Context())
				stalled := newStall(ctx)
				first := waiterOf(t, func() error { return s.Acquire(stalled, 1) })
				stalled.armed.Store(true)
				s.Release(1) // wakes it
				synctest.Wait()

				second := waiterOf(t, func() error { return s.AcquirePriority(t.Context(), 2, 1) })
				s.Release(1) // 2 are free; the woken one is under way, so this wakes nobody
				requireBlocked(t, second)

				done := make(chan struct{})
				go func() { defer close(done); _ = tt.out(t.Context(), s, cancel) }()
				synctest.Wait()
				if tt.want == context.Canceled { //nolint:errorlint // a marker
					close(stalled.gate)
				}
				assert.NoError(t, requireDone(t, second), "its two permits are free")
				if tt.want != context.Canceled { //nolint:errorlint // a marker
					close(stalled.gate)
				}
				assert.ErrorIs(t, requireDone(t, first), tt.want)
				s.Close()
				cancel()
				<-done
			})
		})
	}
}

func TestPriorityDoesNotStartANewRoundOfOvertaking(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := semaphore.New(2)
		require.True(t, s.TryAcquire(1))
		head := waiterOf(t, func() error { return s.Acquire(t.Context(), 2) })

		overtakes := 0
		for range 50 {
			if s.TryAcquire(1) {
				overtakes++
				s.Release(1)
			}
			require.NoError(t, s.AcquirePriority(t.Context(), 1, 5), "goes first by right")
			s.Release(1)
		}
		assert.Equal(t, 16, overtakes, "newcomers of the waiter's own priority")
		requireBlocked(t, head)
		s.Release(1)
		require.NoError(t, requireDone(t, head))
	})
}

// silentCtx is done from a moment on, but does not say so on its channel: a
// select that finds both channels ready picks either, and here it picked the
// other one.
type silentCtx struct {
	context.Context
	since time.Time
}

func (c silentCtx) Err() error {
	if time.Until(c.since) <= 0 {
		return context.Canceled
	}
	return nil
}

func TestADoneContextWinsOverMaxWait(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := semaphore.New(1, semaphore.MaxWait(time.Second))
		require.True(t, s.TryAcquire(1))
		ctx := silentCtx{t.Context(), time.Now().Add(time.Second)}
		assert.Equal(t, context.Canceled, s.Acquire(ctx, 1))
		assert.Zero(t, s.Waiting())
	})
}

func TestWeightedTakesSizesAboveMaxLimit(t *testing.T) {
	const size = 1<<63 - 1 // the readers-and-writer idiom
	w := semaphore.NewWeighted(size)
	require.True(t, w.TryAcquire(1), "a reader")
	assert.False(t, w.TryAcquire(size), "the writer waits for readers")
	w.Release(1)
	require.True(t, w.TryAcquire(size), "the writer")
	assert.False(t, w.TryAcquire(1))
	w.Release(size)
	assert.True(t, w.TryAcquire(1))
}

// A waiter that left while its permit was on the way goes back to the pool, and
// nothing of that may wake the one who uses it next.
func TestAUsedWaiterIsAsGoodAsNew(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := semaphore.New(1, semaphore.FIFO())
		require.True(t, s.TryAcquire(1))
		for range 50 {
			ctx, cancel := context.WithCancel(t.Context())
			waiter := waiterOf(t, func() error { return s.Acquire(ctx, 1) })
			cancel()
			s.Release(1) // at once: it is granted, and finds its context done
			require.Error(t, requireDone(t, waiter))
			require.True(t, s.TryAcquire(1))
		}
		asked := func(s *semaphore.Semaphore) int64 {
			var n atomic.Int64
			ctx, cancel := context.WithCancel(t.Context())
			waiter := waiterOf(t, func() error { return s.Acquire(countCtx{ctx, &n}, 1) })
			defer func() { cancel(); <-waiter }()
			return n.Load()
		}
		fresh := semaphore.New(1)
		require.True(t, fresh.TryAcquire(1))
		assert.Equal(t, asked(fresh), asked(s), "it was woken for nothing")
	})
}

// Events run after the permits were had: a callback that does not return must
// not take them with it.
func TestACallbackThatEndsTheCallerLosesNoPermit(t *testing.T) {
	for name, end := range map[string]func(){"panic": func() { panic("boom") }, "Goexit": runtime.Goexit} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := semaphore.New(3, semaphore.On(semaphore.Events{
					LongWait: func(semaphore.Event) { end() },
					Rejected: func(semaphore.Event) { end() },
				}))
				testkit.Run(func() { _ = s.Acquire(context.Background(), 4) })
				for _, acquire := range []func(){
					func() { _ = s.Acquire(context.Background(), 2) },
					func() { _ = s.AcquirePriority(context.Background(), 1, 1) },
					func() { _, _ = s.AcquireAll(context.Background()) },
				} {
					require.True(t, s.TryAcquire(3))
					done := make(chan testkit.End, 1)
					go func() { done <- testkit.Run(acquire) }()
					synctest.Wait()
					time.Sleep(time.Second)
					s.Release(3)
					require.False(t, (<-done).Returned)
					requireState(t, s, 0, 0)
				}
			})
		})
	}
}

// The permit and the end of MaxWait at the same instant: who was served by then
// keeps it, as it was in time.
func TestAPermitThatCameInTimeIsKept(t *testing.T) {
	inTime := 0
	for range 300 {
		synctest.Test(t, func(t *testing.T) {
			s := semaphore.New(1, semaphore.FIFO(), semaphore.MaxWait(time.Second))
			require.True(t, s.TryAcquire(1))
			waiter := waiterOf(t, func() error { return s.Acquire(t.Context(), 1) })
			time.Sleep(time.Second)
			s.Release(1)
			st := s.Stats()
			err := requireDone(t, waiter)
			if st.Held == 1 { // handed over before the waiter left
				inTime++
				require.NoError(t, err)
				s.Release(1)
			}
			requireState(t, s, 0, 0)
		})
	}
	t.Logf("in time: %d of 300", inTime)
}

// Who is under way has no claim: it competes only if it is still the head.
func TestAWokenWaiterDoesNotGoBeforeAHigherPriorityThatCame(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := semaphore.New(2)
		require.True(t, s.TryAcquire(2))
		ctx := newStall(t.Context())
		first := waiterOf(t, func() error { return s.Acquire(ctx, 1) })
		ctx.armed.Store(true)
		s.Release(1)
		synctest.Wait()
		high := waiterOf(t, func() error { return s.AcquirePriority(t.Context(), 2, 5) })
		close(ctx.gate)
		requireBlocked(t, first)
		requireState(t, s, 1, 2)
		s.Release(1)
		require.NoError(t, requireDone(t, high))
		s.Release(2)
		require.NoError(t, requireDone(t, first))
	})
}
