package breaker_test

import (
	"context"
	"fmt"
	"math"
	"math/rand/v2"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/weirkit/weir/breaker"
)

func TestEachKeyHasABreakerOfItsOwn(t *testing.T) {
	k := breaker.NewKeyed[string](breaker.ConsecutiveFailures(2))
	for range 2 {
		assert.Equal(t, errDown, k.Do(t.Context(), "a", fail))
	}
	assert.ErrorIs(t, k.Do(t.Context(), "a", succeed), breaker.ErrOpen)
	assert.NoError(t, k.Do(t.Context(), "b", succeed))
	v, err := breaker.Do(t.Context(), k.Breaker("b"), func(context.Context) (int, error) { return 7, nil })
	assert.NoError(t, err)
	assert.Equal(t, 7, v)
	assert.Same(t, k.Breaker("a"), k.Breaker("a"))
	assert.Equal(t, breaker.KeyedStats{Keys: 2, NotClosed: 1}, k.Stats())
}

func TestIdleKeysAreForgottenButNotOpenOnes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		k := breaker.NewKeyed[int](breaker.ConsecutiveFailures(1), breaker.OpenFor(time.Hour), breaker.IdleAfter(time.Minute))
		for key := range 100 {
			assert.NoError(t, k.Do(t.Context(), key, succeed))
		}
		assert.Error(t, k.Do(t.Context(), 0, fail))
		k.Breaker(1).ForceClosed()
		for range 5 {
			time.Sleep(time.Minute - time.Second)
			assert.NoError(t, k.Do(t.Context(), 2, succeed))
		}
		assert.Equal(t, breaker.KeyedStats{Keys: 3, NotClosed: 1, Evicted: 97}, k.Stats(), "the open, the forced and the used one")
		assert.ErrorIs(t, k.Do(t.Context(), 0, succeed), breaker.ErrOpen)
		k.Breaker(1).Resume()
		time.Sleep(time.Hour)
		assert.NoError(t, k.Do(t.Context(), 0, succeed))
		time.Sleep(time.Hour)
		assert.Equal(t, breaker.KeyedStats{Evicted: 100}, k.Stats())
		assert.NoError(t, k.Do(t.Context(), 3, succeed))
		time.Sleep(time.Hour)
		assert.Equal(t, breaker.KeyedStats{Evicted: 101}, k.Stats(), "sweeping begins again")
	})
}

func TestAKeyIsKeptForTheIdleTimeAtLeast(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		k := breaker.NewKeyed[int](breaker.IdleAfter(time.Minute))
		k.Breaker(1)
		time.Sleep(59 * time.Second)
		k.Breaker(2)
		time.Sleep(59 * time.Second)
		assert.Equal(t, 2, k.Stats().Keys, "the second was used 59 seconds ago")
		time.Sleep(time.Minute)
		assert.Equal(t, 0, k.Stats().Keys)
	})
}

func TestACallThatOutlivesItsKeyTakesNoShare(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		k := breaker.NewKeyed[int](breaker.ConsecutiveFailures(1), breaker.IdleAfter(time.Minute), breaker.MaxOpenShare(0.5))
		p := acquire(t, k.Breaker(1))
		time.Sleep(time.Hour)
		assert.EqualValues(t, 1, k.Stats().Evicted)
		p.Done(errDown)
		assert.Equal(t, 0, k.Stats().NotClosed)
		assert.Error(t, k.Do(t.Context(), 2, fail))
		assert.Equal(t, breaker.Open, k.Breaker(2).State(), "there is room for one")
	})
}

func TestTheCountOfOpenKeysIsThatOfTheirBreakers(t *testing.T) {
	for seed := range uint64(50) {
		synctest.Test(t, func(t *testing.T) {
			r := rand.New(rand.NewPCG(seed, 3))
			k := breaker.NewKeyed[int](breaker.ConsecutiveFailures(1), breaker.OpenFor(time.Second), breaker.RampUp(time.Second),
				breaker.IdleAfter(3*time.Second), breaker.MaxOpenShare(0.4), breaker.MaxKeys(8))
			seen := map[int]*breaker.Breaker{}
			for range 300 {
				key := r.IntN(12)
				b := k.Breaker(key)
				seen[key] = b
				switch r.IntN(12) {
				case 0:
					b.Reset()
				case 1:
					b.ForceOpen(nil)
				case 2:
					b.Resume()
				case 3:
					time.Sleep(time.Duration(r.IntN(2000)) * time.Millisecond)
				case 4, 5, 6:
					_ = b.Do(t.Context(), succeed)
				default:
					_ = b.Do(t.Context(), fail)
				}
				open := map[*breaker.Breaker]bool{}
				for key, b := range seen {
					if b.State() != breaker.Closed && b == k.Breaker(key) {
						open[b] = true
					}
				}
				if rest := k.Breaker(99); rest == k.Breaker(98) {
					delete(open, rest) // of the keys without room
				}
				require.Equal(t, len(open), k.Stats().NotClosed, "seed %d", seed)
			}
		})
	}
}

func TestKeysAreBounded(t *testing.T) {
	k := breaker.NewKeyed[int](breaker.ConsecutiveFailures(1), breaker.OpenFor(time.Hour), breaker.MaxKeys(50))
	assert.Error(t, k.Do(t.Context(), -1, fail))
	for key := range 20_000 {
		require.NoError(t, k.Do(t.Context(), key, succeed))
	}
	s := k.Stats()
	assert.LessOrEqual(t, s.Keys, 50)
	assert.EqualValues(t, 20_001-s.Keys, s.Evicted)
	assert.ErrorIs(t, k.Do(t.Context(), -1, succeed), breaker.ErrOpen, "a flood of keys does not free an open one")
}

func TestAKeyWithoutRoomSharesTheRest(t *testing.T) {
	k := breaker.NewKeyed[int](breaker.ConsecutiveFailures(3), breaker.OpenFor(time.Hour), breaker.MaxKeys(10))
	for key := range 10 {
		for range 3 {
			assert.Equal(t, errDown, k.Do(t.Context(), key, fail))
		}
	}
	assert.NoError(t, k.Do(t.Context(), 10, succeed))
	assert.Same(t, k.Breaker(10), k.Breaker(11))
	assert.Equal(t, breaker.KeyedStats{Keys: 10, NotClosed: 10, Overflow: 3}, k.Stats())
}

func TestOnlyAShareOfTheKeysMayBeOpen(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		k := breaker.NewKeyed[int](breaker.ConsecutiveFailures(1), breaker.OpenFor(time.Second), breaker.MaxOpenShare(0.3))
		for key := range 10 {
			assert.NoError(t, k.Do(t.Context(), key, succeed))
		}
		for range 5 {
			for key := range 10 {
				_ = k.Do(t.Context(), key, fail)
			}
		}
		assert.Equal(t, 3, k.Stats().NotClosed)
		assert.Equal(t, breaker.Closed, k.Breaker(9).State())
		assert.EqualValues(t, 1, k.Breaker(9).Stats().Suppressed)
		time.Sleep(time.Second)
		assert.Error(t, k.Do(t.Context(), 9, fail))
		assert.Equal(t, breaker.Closed, k.Breaker(9).State(), "half-open is not closed: no room")
		assert.Error(t, k.Do(t.Context(), 0, fail))
		assert.Equal(t, breaker.Open, k.Breaker(0).State(), "a failed probe keeps its place")
		assert.NoError(t, k.Do(t.Context(), 1, succeed))
		assert.Error(t, k.Do(t.Context(), 9, fail))
		assert.Equal(t, breaker.Open, k.Breaker(9).State(), "now there is room")
		k.Breaker(5).ForceOpen(nil)
		assert.Equal(t, 4, k.Stats().NotClosed, "who is forced open asks for none")
		k.Breaker(5).Reset()
		assert.Equal(t, 3, k.Stats().NotClosed)
	})
}

func TestOneKeyMayAlwaysOpen(t *testing.T) {
	k := breaker.NewKeyed[string](breaker.ConsecutiveFailures(1), breaker.MaxOpenShare(0.1))
	assert.Error(t, k.Do(t.Context(), "only", fail))
	assert.Equal(t, breaker.Open, k.Breaker("only").State())
}

func TestTheShareHoldsFromManyGoroutines(t *testing.T) {
	k := breaker.NewKeyed[int](breaker.ConsecutiveFailures(1), breaker.OpenFor(time.Hour), breaker.MaxOpenShare(0.25))
	for key := range 40 {
		k.Breaker(key)
	}
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			for key := range 40 {
				_ = k.Do(t.Context(), key, fail)
			}
		})
	}
	wg.Wait()
	open := 0
	for key := range 40 {
		if k.Breaker(key).State() == breaker.Open {
			open++
		}
	}
	assert.Equal(t, 10, open)
	assert.Equal(t, 10, k.Stats().NotClosed)
}

func TestKeysFromManyGoroutinesStayWithinTheBound(t *testing.T) {
	k := breaker.NewKeyed[string](breaker.ConsecutiveFailures(1), breaker.MaxKeys(100))
	var wg sync.WaitGroup
	for g := range 8 {
		wg.Go(func() {
			for i := range 2000 {
				_ = k.Do(t.Context(), fmt.Sprint((i*7+g)%300), succeed)
				if n := k.Stats().Keys; n > 100 {
					t.Errorf("%d keys", n)
					return
				}
			}
		})
	}
	wg.Wait()
}

func TestALookupOfAKnownKeyAllocatesNothing(t *testing.T) {
	k := breaker.NewKeyed[string]()
	ctx := context.Background()
	zero(t, "keyed", func() { _ = k.Do(ctx, "api.example.com", succeed) })
}

func TestAKeyThatEqualsNothingSharesTheRest(t *testing.T) {
	k := breaker.NewKeyed[float64](breaker.ConsecutiveFailures(1), breaker.MaxKeys(4))
	for range 100 {
		assert.NoError(t, k.Do(t.Context(), math.NaN(), succeed))
	}
	assert.Same(t, k.Breaker(math.NaN()), k.Breaker(math.NaN()))
	assert.Equal(t, breaker.KeyedStats{Overflow: 102}, k.Stats(), "a map would hold it for ever")
}

func TestBreakersThatBeginOpenAreCountedOnce(t *testing.T) {
	k := breaker.NewKeyed[int](breaker.Initially(breaker.Open))
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			for key := range 1000 {
				k.Breaker(key)
			}
		})
	}
	wg.Wait()
	assert.Equal(t, breaker.KeyedStats{Keys: 1000, NotClosed: 1000}, k.Stats())
}

func TestAKeyThatRampsUpIsNotForgotten(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		k := breaker.NewKeyed[int](breaker.ConsecutiveFailures(1), breaker.OpenFor(time.Second), breaker.RampUp(time.Hour), breaker.MaxKeys(1))
		b := k.Breaker(0)
		play(t, b, "f")
		time.Sleep(time.Second)
		play(t, b, "s")
		assert.NoError(t, k.Do(t.Context(), 1, succeed))
		assert.Equal(t, breaker.KeyedStats{Keys: 1, Overflow: 1}, k.Stats())
		assert.ErrorIs(t, k.Do(t.Context(), 0, succeed), breaker.ErrOpen, "a new breaker would admit all")
	})
}

func TestANewKeyOfAFullKeyedEvictsOneOtherHoweverManyAskForIt(t *testing.T) {
	const keys, askers = 64, 32
	for round := range 50 {
		k := breaker.NewKeyed[int](breaker.MaxKeys(keys))
		for key := range keys {
			k.Breaker(key)
		}
		var wg sync.WaitGroup
		start := make(chan struct{})
		got := make([]*breaker.Breaker, askers)
		for i := range askers {
			wg.Go(func() {
				<-start
				got[i] = k.Breaker(-1 - round)
			})
		}
		close(start)
		wg.Wait()
		for i := range askers {
			assert.Same(t, got[0], got[i])
		}
		assert.Equal(t, breaker.KeyedStats{Keys: keys, Evicted: 1}, k.Stats())
	}
}
