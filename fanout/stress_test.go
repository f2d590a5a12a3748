package fanout_test

import (
	"context"
	"math/rand/v2"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/weirkit/weir/fanout"
)

// sink keeps the compiler from dropping work.
var sink atomic.Int64

// uneven works for a time that depends on i: mostly none, sometimes long.
func uneven(i int) {
	switch {
	case i%97 == 0:
		sink.Store(int64(spin(20_000)))
	case i%13 == 0:
		runtime.Gosched()
	}
}

func TestStressCallsUnderChangingProcs(t *testing.T) {
	for _, procs := range []int{1, 4} {
		old := runtime.GOMAXPROCS(procs)
		var wg sync.WaitGroup
		for seed := range uint64(4) {
			wg.Go(func() {
				r := rand.New(rand.NewPCG(seed, uint64(procs))) //nolint:gosec // a seed
				for range 6 {
					n := r.IntN(3000)
					failAt := r.IntN(2*n + 1)
					var ran atomic.Int64
					out, err := fanout.Map(t.Context(), upTo(n), func(_ context.Context, i int) (int, error) {
						ran.Add(1)
						uneven(i)
						if i == failAt {
							return 0, errBoom
						}
						return i, nil
					})
					if failAt < n {
						assert.ErrorIs(t, err, errBoom)
						continue
					}
					assert.NoError(t, err)
					assert.True(t, slices.Equal(upTo(n), out))
					assert.EqualValues(t, n, ran.Load())
				}
			})
		}
		wg.Wait()
		runtime.GOMAXPROCS(old)
	}
}

func TestStressCancellationAtAnyMoment(t *testing.T) {
	for i := range 80 {
		ctx, cancel := context.WithCancel(t.Context())
		var g gauge
		var wg sync.WaitGroup
		wg.Go(func() {
			for range i * 30 {
				runtime.Gosched()
			}
			cancel()
		})
		var opts []fanout.Option
		if i%2 == 1 {
			opts = append(opts, fanout.Workers(1+i%7))
		}
		err := fanout.ForEach(ctx, upTo(5000), func(_ context.Context, i int) error {
			defer g.enter()()
			uneven(i)
			return nil
		}, opts...)
		g.quiet(t)
		if err != nil {
			require.Equal(t, context.Canceled, err)
		} else {
			require.EqualValues(t, 5000, g.begun.Load())
		}
		wg.Wait()
	}
}

func TestStressStreamsWhoseCrewChanges(t *testing.T) {
	crew := fanout.NewCrew(2)
	stop := make(chan struct{})
	var wg sync.WaitGroup
	wg.Go(func() {
		for i := 0; ; i++ {
			select {
			case <-stop:
				return
			default:
				crew.SetWorkers(1 + i%9)
				runtime.Gosched()
			}
		}
	})
	var streams sync.WaitGroup
	for k := range 3 {
		streams.Go(func() {
			for range 10 {
				n := 0
				for _, err := range fanout.StreamByKey(t.Context(), endless, func(i int) int { return i % (k + 1) }, func(_ context.Context, i int) (int, error) {
					uneven(i)
					return i, nil
				}, crew, fanout.Window(16)) {
					assert.NoError(t, err)
					if n++; n == 300 {
						break
					}
				}
			}
		})
	}
	streams.Wait()
	close(stop)
	wg.Wait()
}

func TestStressFirstAndRace(t *testing.T) {
	for i := range 300 {
		fns := make([]func(context.Context) (int, error), 1+i%5)
		for k := range fns {
			fns[k] = func(ctx context.Context) (int, error) {
				if k == i%len(fns) {
					return k, nil
				}
				select {
				case <-ctx.Done():
				case <-time.After(time.Duration(k) * time.Microsecond):
				}
				return 0, errBoom
			}
		}
		v, err := fanout.First(t.Context(), fns...)
		require.NoError(t, err)
		require.Equal(t, i%len(fns), v)
		v, err = fanout.Race(t.Context(), fns...)
		if err == nil {
			require.Equal(t, i%len(fns), v)
		} else {
			require.ErrorIs(t, err, errBoom)
		}
	}
}

func TestStressCallsNest(t *testing.T) {
	for _, opts := range [][]fanout.Option{nil, {fanout.Workers(3)}} {
		sums, err := fanout.Map(t.Context(), upTo(30), func(ctx context.Context, i int) (int, error) {
			parts, err := fanout.Map(ctx, upTo(i), func(ctx context.Context, k int) (int, error) {
				n := 0
				for v, err := range fanout.Stream(ctx, slices.Values(upTo(k%4)), func(_ context.Context, v int) (int, error) { return v, nil }, opts...) {
					if err != nil {
						return 0, err
					}
					n += v
				}
				return n + k, nil
			}, opts...)
			if err != nil || len(parts) == 0 {
				return 0, err
			}
			return fanout.Reduce(ctx, parts, func(_ context.Context, a, b int) (int, error) { return a + b, nil }, opts...)
		}, opts...)
		require.NoError(t, err)
		for i, sum := range sums {
			want := 0
			for k := range i {
				want += k + (k%4)*(k%4-1)/2
			}
			require.Equal(t, want, sum)
		}
	}
}

// Whoever has kept a context may ask it anything while the call ends. It then ends for
// good, and says that it has only once its channel is closed.
func TestStressAContextThatIsAskedWhileTheCallEnds(t *testing.T) {
	parent, cancel := context.WithCancel(t.Context())
	defer cancel()
	for i := range 4000 {
		ctx := parent
		if i%2 == 0 {
			ctx = context.Background()
		}
		var wg sync.WaitGroup
		err := fanout.ForEach(ctx, []int{0}, func(ctx context.Context, _ int) error {
			asked := make(chan struct{})
			wg.Go(func() {
				close(asked)
				<-ctx.Done()
				assert.Equal(t, context.Canceled, ctx.Err())
				assert.Equal(t, context.Canceled, context.Cause(ctx))
			})
			wg.Go(func() {
				if i%3 == 0 {
					_ = ctx.Done()
				}
				for ctx.Err() == nil {
					runtime.Gosched()
				}
				select {
				case <-ctx.Done():
				default:
					assert.Fail(t, "an error before the channel is closed")
				}
			})
			if i%5 > 0 {
				<-asked
			}
			return nil
		})
		require.NoError(t, err)
		wg.Wait()
	}
}
