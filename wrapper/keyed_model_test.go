package wrapper_test

import (
	"context"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/weirkit/weir/wrapper"
)

// keyedModel says the same as Keyed in a plain way: which wrapper a key has, and
// which are forgotten.
type keyedModel struct {
	maxKeys   int
	idleAfter time.Duration
	keys      map[int]*modelKey
	idle      []int // the one that went unused for longest first
	made      map[int]int
}

type modelKey struct {
	calls int
	since time.Time
	made  int // which wrapper of the key it is
}

// enter returns which wrapper of the key a call gets, 0 for none.
func (m *keyedModel) enter(key int) int {
	e := m.keys[key]
	if e == nil {
		m.made[key]++ // also where there turns out to be no room
		m.expire()
		switch {
		case len(m.keys) < m.maxKeys:
		case len(m.idle) > 0:
			delete(m.keys, m.idle[0])
			m.idle = m.idle[1:]
		default:
			return 0
		}
		e = &modelKey{made: m.made[key]}
		m.keys[key] = e
	}
	m.idle = slices.DeleteFunc(m.idle, func(k int) bool { return k == key })
	e.calls++
	return e.made
}

func (m *keyedModel) leave(key int) {
	e := m.keys[key]
	if e.calls--; e.calls == 0 {
		e.since = time.Now()
		m.idle = append(m.idle, key)
		m.expire()
	}
}

func (m *keyedModel) expire() {
	for len(m.idle) > 0 && time.Since(m.keys[m.idle[0]].since) >= m.idleAfter {
		delete(m.keys, m.idle[0])
		m.idle = m.idle[1:]
	}
}

// madeKey is the context key for which wrapper of its key a call runs in.
type madeKey struct{}

func TestKeyedDoesWhatItsModelDoes(t *testing.T) {
	for seed := range uint64(300) {
		synctest.Test(t, func(t *testing.T) {
			rnd := rand.New(rand.NewPCG(seed, 5))
			m := &keyedModel{maxKeys: 1 + rnd.IntN(5), idleAfter: time.Minute, keys: map[int]*modelKey{}, made: map[int]int{}}
			made := map[int]int{}
			k := wrapper.NewKeyed(func(key int) []wrapper.Layer {
				made[key]++
				serial := made[key]
				return []wrapper.Layer{wrapper.Func(func(ctx context.Context, next func(context.Context) error) error {
					return next(context.WithValue(ctx, madeKey{}, serial))
				})}
			}, wrapper.MaxKeys(m.maxKeys), wrapper.IdleAfter(m.idleAfter))
			type long struct {
				key int
				end chan struct{}
			}
			var running []long
			var wg sync.WaitGroup
			for step := range 60 {
				key := rnd.IntN(7)
				switch rnd.IntN(5) {
				case 0, 1: // a call that ends at once
					want, got := m.enter(key), 0
					err := k.Do(t.Context(), key, func(ctx context.Context) error { got = ctx.Value(madeKey{}).(int); return nil })
					if want > 0 {
						m.leave(key)
						require.NoError(t, err, "seed %d step %d", seed, step)
					} else {
						require.ErrorIs(t, err, wrapper.ErrTooManyKeys, "seed %d step %d", seed, step)
					}
					require.Equal(t, want, got, "seed %d step %d: which wrapper of key %d", seed, step, key)
				case 2: // one that goes on
					if m.enter(key) == 0 {
						require.ErrorIs(t, k.Do(t.Context(), key, nothing), wrapper.ErrTooManyKeys, "seed %d step %d", seed, step)
						continue
					}
					l := long{key, make(chan struct{})}
					running = append(running, l)
					wg.Go(func() { _ = k.Do(t.Context(), key, func(context.Context) error { <-l.end; return nil }) })
				case 3: // and is over
					if len(running) > 0 {
						i := rnd.IntN(len(running))
						close(running[i].end)
						synctest.Wait()
						m.leave(running[i].key)
						running = slices.Delete(running, i, i+1)
					}
				case 4:
					time.Sleep(time.Duration(rnd.IntN(50)) * time.Second)
				}
				synctest.Wait()
				require.Equal(t, len(m.keys), k.Len(), "seed %d step %d", seed, step)
				require.LessOrEqual(t, k.Len(), m.maxKeys, "seed %d step %d", seed, step)
			}
			for _, l := range running {
				close(l.end)
			}
			require.NoError(t, k.Close(), "seed %d", seed)
			wg.Wait()
		})
	}
}
