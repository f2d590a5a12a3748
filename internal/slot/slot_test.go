package slot_test

import (
	"context"
	"errors"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/weirkit/weir/internal/slot"
)

type layer func(ctx context.Context, fn func(context.Context) error) error

func (l layer) Do(ctx context.Context, fn func(context.Context) error) error { return l(ctx, fn) }

// counter returns 1, 2, 3 ... from one call to the next.
func counter() func(context.Context) (int, error) {
	n := 0
	return func(context.Context) (int, error) { n++; return n, nil }
}

func TestOneRun(t *testing.T) {
	got, err := slot.Do(t.Context(), layer(func(ctx context.Context, fn func(context.Context) error) error {
		return fn(ctx)
	}), counter())
	assert.NoError(t, err)
	assert.Equal(t, 1, got)
}

func TestALayerThatRanNothingIsNotAZero(t *testing.T) {
	got, err := slot.Do(t.Context(), layer(func(context.Context, func(context.Context) error) error {
		return nil
	}), counter())
	assert.ErrorIs(t, err, slot.ErrNotRun)
	assert.Zero(t, got)
}

func TestNilAfterFailedRunsOnlyIsNotAZero(t *testing.T) {
	boom := errors.New("boom")
	_, err := slot.Do(t.Context(), layer(func(ctx context.Context, fn func(context.Context) error) error {
		assert.ErrorIs(t, fn(ctx), boom)
		return nil
	}), func(context.Context) (int, error) { return 7, boom })
	assert.ErrorIs(t, err, slot.ErrNotRun)
}

func TestAnErrorCarriesNoResult(t *testing.T) {
	boom := errors.New("boom")
	got, err := slot.Do(t.Context(), layer(func(ctx context.Context, fn func(context.Context) error) error {
		return errors.Join(fn(ctx), boom)
	}), counter())
	assert.ErrorIs(t, err, boom)
	assert.Zero(t, got)
}

func TestOfRunsInSequenceTheLastSuccessCounts(t *testing.T) {
	got, err := slot.Do(t.Context(), layer(func(ctx context.Context, fn func(context.Context) error) error {
		_ = fn(ctx)
		return fn(ctx)
	}), counter())
	assert.NoError(t, err)
	assert.Equal(t, 2, got)
}

func TestOfRunsAtOnceTheFirstSuccessCounts(t *testing.T) {
	begun, release := make(chan struct{}), make(chan struct{})
	type slow struct{}
	got, err := slot.Do(t.Context(), layer(func(ctx context.Context, fn func(context.Context) error) error {
		var wg sync.WaitGroup
		wg.Go(func() { assert.NoError(t, fn(context.WithValue(ctx, slow{}, true))) })
		<-begun
		err := fn(ctx) // begins after the slow run and ends before it
		close(release)
		wg.Wait()
		return err
	}), func(ctx context.Context) (string, error) {
		if ctx.Value(slow{}) == nil {
			return "first to succeed", nil
		}
		close(begun)
		<-release
		return "late", nil
	})
	assert.NoError(t, err)
	assert.Equal(t, "first to succeed", got)
}

func TestARunThatEndsAfterTheLayerChangesNothing(t *testing.T) {
	late := make(chan struct{})
	var wg sync.WaitGroup
	n := 0
	got, err := slot.Do(t.Context(), layer(func(ctx context.Context, fn func(context.Context) error) error {
		err := fn(ctx)
		wg.Go(func() { <-late; _ = fn(ctx) })
		return err
	}), func(context.Context) (int, error) { n++; return n, nil })
	close(late)
	wg.Wait()
	assert.NoError(t, err)
	assert.Equal(t, 1, got)
}
