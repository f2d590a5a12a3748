package semaphore_test

import (
	"context"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/weirkit/weir/semaphore"
)

func TestAPermitIsReleasedAtMostOnce(t *testing.T) {
	s := semaphore.New(5)
	require.True(t, s.TryAcquire(2))
	p, err := s.Permit(t.Context(), 3)
	require.NoError(t, err)
	assert.EqualValues(t, 3, p.N())
	assert.True(t, p.Held())
	p.Release()
	assert.False(t, p.Held())
	p.Release()
	p.Release()
	requireState(t, s, 2, 0)
	assert.EqualValues(t, 3, p.N(), "N tells what was acquired")
}

func TestAPermitReleasedByManyIsReleasedOnce(t *testing.T) {
	for range 200 {
		s := semaphore.New(4)
		require.True(t, s.TryAcquire(1))
		p, ok := s.TryPermit(3)
		require.True(t, ok)
		var wg sync.WaitGroup
		for i := range 4 {
			wg.Go(func() {
				if i == 0 {
					s.ReleaseAll()
				} else {
					p.Release()
				}
			})
		}
		wg.Wait()
		requireState(t, s, 1, 0)
	}
}

func TestAPermitThatCannotBeHad(t *testing.T) {
	s := semaphore.New(1, semaphore.MaxWaiters(0))
	require.True(t, s.TryAcquire(1))
	p, err := s.Permit(t.Context(), 1)
	assert.Equal(t, semaphore.ErrQueueFull, err)
	assert.Nil(t, p)
	p, ok := s.TryPermit(1)
	assert.False(t, ok)
	assert.Nil(t, p)
	assert.Zero(t, s.ReleaseAll())
	requireState(t, s, 1, 0)
}

func TestAPermitDoesNotDependOnTheContext(t *testing.T) {
	s := semaphore.New(1)
	ctx, cancel := context.WithCancel(t.Context())
	p, err := s.Permit(ctx, 1)
	require.NoError(t, err)
	cancel()
	assert.True(t, p.Held())
	requireState(t, s, 1, 0)
	p.Release()
	requireState(t, s, 0, 0)
}
