package semaphore_test

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"

	"github.com/weirkit/weir/semaphore"
)

func TestAnEntryGivesItsPermitBackHoweverItEnds(t *testing.T) {
	errCall := errors.New("the call failed")
	tests := []struct {
		name string
		end  func(semaphore.Entry)
	}{
		{"a success", func(e semaphore.Entry) { e.Done(nil) }},
		{"a failure", func(e semaphore.Entry) { e.Done(errCall) }},
		{"a call that was never made", semaphore.Entry.Cancel},
		{"Outcomes panics", func(e semaphore.Entry) { assert.Panics(t, func() { e.Done(context.Canceled) }) }},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var judged []error
			a := semaphore.NewAdaptive(1, 1, semaphore.Outcomes(func(err error) semaphore.Outcome {
				judged = append(judged, err)
				if errors.Is(err, context.Canceled) {
					panic("judge")
				}
				return semaphore.Success
			}))
			e, err := a.Enter(t.Context(), 0)
			assert.NoError(t, err)
			assert.EqualValues(t, 1, a.Held())
			tt.end(e)
			assert.Zero(t, a.Held())
			if tt.name == "a call that was never made" {
				assert.Empty(t, judged, "it says nothing")
			} else {
				assert.Len(t, judged, 1)
			}
		})
	}
}

func TestAnEntryWaitsByPriority(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := semaphore.NewAdaptive(1, 1)
		e, err := a.Enter(t.Context(), 5)
		assert.NoError(t, err)
		var order []int
		for _, priority := range []int{0, -1, 7} {
			go func() {
				e, err := a.Enter(t.Context(), priority)
				assert.NoError(t, err)
				order = append(order, priority)
				e.Done(nil)
			}()
			synctest.Wait()
		}
		time.Sleep(time.Millisecond)
		e.Done(nil)
		synctest.Wait()
		assert.Equal(t, []int{7, 0, -1}, order)
	})
}

func TestAnEntryIsRefusedAsAnAcquireIsAndAllocatesNothing(t *testing.T) {
	a := semaphore.NewAdaptive(1, 1)
	ctx, cancel := context.WithCancel(t.Context())
	assert.InDelta(t, 0, testing.AllocsPerRun(100, func() {
		e, _ := a.Enter(ctx, 0)
		e.Done(nil)
	}), 0.01)
	cancel()
	_, err := a.Enter(ctx, 0)
	assert.ErrorIs(t, err, context.Canceled)
	a.Close()
	_, err = a.Enter(t.Context(), 0)
	assert.ErrorIs(t, err, semaphore.ErrClosed)
	assert.Zero(t, a.Held())
}
