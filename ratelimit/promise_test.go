package ratelimit_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/weirkit/weir/ratelimit"
)

// line is the definition of the order in which tokens go to those who wait and to
// reservations that are not due: one entry after the other, each behind the one before,
// but that a reservation stays where it is. One token comes each second.
type line struct {
	burst   int64
	tat     int64 // ns at which the bucket was full again without the entries
	entries []*entry
	served  map[int]time.Duration
}

type entry struct {
	id       int
	n, start int64
	promised bool
}

func (m *line) place(now int64) int64 {
	pos := max(m.tat, now)
	for _, e := range m.entries {
		if !e.promised {
			e.start = pos
		}
		pos = e.start + e.n*1e9
	}
	return pos
}

func (m *line) due(e *entry) int64 { return e.start + e.n*1e9 - m.burst*1e9 }

// pass serves all that is due.
func (m *line) pass(now int64) {
	for m.place(now); len(m.entries) > 0 && m.due(m.entries[0]) <= now; {
		e := m.entries[0]
		m.entries, m.tat = m.entries[1:], e.start+e.n*1e9
		if !e.promised {
			m.served[e.id] = time.Duration(now)
		}
		m.place(now)
	}
}

// next returns when the next one is due.
func (m *line) next() (int64, bool) {
	if len(m.entries) == 0 {
		return 0, false
	}
	return m.due(m.entries[0]), true
}

func (m *line) remove(id int) {
	m.entries = slices.DeleteFunc(m.entries, func(e *entry) bool { return e.id == id })
}

// TestWhoeverLeavesTheLineLeavesNothingBehind cancels waits and reservations in every
// order: all behind move up as far as a reservation lets them, to the nanosecond, and
// newcomers have what nobody stands on any more.
func TestWhoeverLeavesTheLineLeavesNothingBehind(t *testing.T) {
	seeds := []uint64{6177, 6519, 10_247, 11_455, 14_842, 16_044} // used promises before those that leave
	for seed := range uint64(600) {
		seeds = append(seeds, seed)
	}
	for _, seed := range seeds {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) { leaveTheLine(t, rand.New(rand.NewPCG(seed, 12))) })
		})
	}
}

func leaveTheLine(t *testing.T, r *rand.Rand) {
	burst := r.IntN(3) + 1
	l := ratelimit.New(ratelimit.PerSecond(1), burst, ratelimit.InitialTokens(0))
	m := &line{burst: int64(burst), tat: int64(burst) * 1e9, served: map[int]time.Duration{}}
	start, served := time.Now(), map[int]time.Duration{}
	cancels, reserved := map[int]context.CancelFunc{}, map[int]*ratelimit.Reservation{}
	defer func() {
		for _, cancel := range cancels {
			cancel()
		}
		synctest.Wait()
	}()
	now := func() int64 { return int64(time.Since(start)) }
	sleep := func(d time.Duration) {
		for end := now() + int64(d); ; {
			at, ok := m.next()
			if !ok || at > end {
				time.Sleep(time.Duration(end - now()))
				break
			}
			time.Sleep(time.Duration(max(at-now(), 0)))
			m.pass(now())
		}
		synctest.Wait()
		m.pass(now())
	}
	for id := range 60 {
		switch r.IntN(7) {
		case 0:
			sleep(time.Duration(r.Int64N(15e8)))
		case 1, 2:
			n := r.IntN(burst) + 1
			m.entries = append(m.entries, &entry{id: id, n: int64(n)})
			ctx, cancel := context.WithCancel(t.Context())
			cancels[id] = cancel
			go func() {
				if l.WaitN(ctx, n) == nil {
					served[id] = time.Since(start)
				}
			}()
		case 3, 4:
			res := l.Reserve(1)
			e := &entry{id: id, n: 1, start: m.place(now()), promised: true}
			require.Equal(t, max(m.due(e)-now(), 0), int64(res.Delay()), "step %d", id)
			m.entries = append(m.entries, e)
			reserved[id] = &res
		case 5, 6:
			if len(m.entries) == 0 {
				continue
			}
			i := r.IntN(len(m.entries))
			if r.IntN(2) == 0 {
				i = len(m.entries) - 1
			}
			e := m.entries[i]
			m.remove(e.id)
			if e.promised {
				reserved[e.id].Cancel()
			} else {
				cancels[e.id]()
			}
		}
		synctest.Wait()
		m.pass(now())
		end := m.place(now())
		require.InDelta(t, float64(burst)-float64(end-now())/1e9, l.Tokens(), 1e-9, "step %d", id)
		require.Equal(t, m.served, served, "step %d", id)
	}
	sleep(time.Minute)
	assert.Equal(t, m.served, served)
}
