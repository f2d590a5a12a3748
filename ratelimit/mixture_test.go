package ratelimit_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/weirkit/weir/ratelimit"
)

// TestAnyMixtureKeepsTheRateAndTheOrder does everything that a limiter can do in
// every order, with reservations between those who wait: what is used stays below
// burst and the integral of the rate, but for reservations that keep their times;
// those who wait are served in order; and nothing is left behind.
func TestAnyMixtureKeepsTheRateAndTheOrder(t *testing.T) {
	seeds := []uint64{866} // where a larger burst once revived a reservation
	for seed := range uint64(200) {
		seeds = append(seeds, seed)
	}
	for _, seed := range seeds {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				m := &mixture{r: rand.New(rand.NewPCG(seed, 8)), l: ratelimit.New(ratelimit.PerSecond(3), 6), rate: 3, served: map[int]time.Time{}}
				m.run(t)
			})
		})
	}
}

const mixtureBurst = 8 // no burst is larger

type mixture struct {
	r *rand.Rand
	l *ratelimit.Limiter

	mu           sync.Mutex // guards what follows
	rate, gained float64    // what the rate, and SetTokens, have gained so far
	since        time.Time
	uses         []mixtureUse
	arrived      int
	served       map[int]time.Time // when, by order of arrival
	cancels      []context.CancelFunc
	reservations []*ratelimit.Reservation
}

type mixtureUse struct {
	gained float64
	n      int
}

func (m *mixture) run(t *testing.T) {
	m.since = time.Now()
	for range 150 {
		m.step(t)
		synctest.Wait()
		m.check(t)
	}
	m.l.SetRate(ratelimit.PerSecond(1000))
	m.l.SetBurst(mixtureBurst)
	time.Sleep(time.Hour)
	synctest.Wait()
	assert.Zero(t, m.l.Waiting())
	assert.InDelta(t, mixtureBurst, m.l.Tokens(), 0)
	var last time.Time
	for id := range m.arrived {
		if at, ok := m.served[id]; ok {
			assert.False(t, at.Before(last), "number %d was overtaken", id)
			last = at
		}
	}
	for _, cancel := range m.cancels {
		cancel()
	}
}

// passLocked brings what the rate has gained up to now.
func (m *mixture) passLocked() {
	now := time.Now()
	m.gained += m.rate * now.Sub(m.since).Seconds()
	m.since = now
}

func (m *mixture) use(n int) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.passLocked()
	m.uses = append(m.uses, mixtureUse{m.gained, n})
}

// check looks at the windows that end with the last uses.
func (m *mixture) check(t *testing.T) {
	t.Helper()
	m.mu.Lock()
	defer m.mu.Unlock()
	total := 0
	for i := len(m.uses) - 1; i >= max(len(m.uses)-60, 0); i-- {
		total += m.uses[i].n
		got := m.uses[len(m.uses)-1].gained - m.uses[i].gained
		require.LessOrEqual(t, float64(total), mixtureBurst+got+1e-5)
	}
}

func (m *mixture) step(t *testing.T) {
	r, l := m.r, m.l
	n := r.IntN(5) + 1
	switch r.IntN(14) {
	case 0, 1, 2:
		time.Sleep(time.Duration(r.Int64N(2e9)))
	case 3, 4, 5:
		m.wait(t, n)
	case 6:
		if len(m.cancels) > 0 {
			m.cancels[r.IntN(len(m.cancels))]()
		}
	case 7, 8:
		if res := l.Reserve(n); res.OK() {
			if res.Delay() == 0 && r.IntN(2) == 0 {
				m.use(n)
			} else {
				m.reservations = append(m.reservations, &res)
			}
		}
	case 9, 10:
		if len(m.reservations) > 0 {
			m.reservations[r.IntN(len(m.reservations))].Cancel()
		}
	case 11:
		rate := []ratelimit.Rate{{}, ratelimit.PerSecond(3), ratelimit.PerMinute(7), ratelimit.PerSecond(50.3)}[r.IntN(4)]
		m.mu.Lock()
		m.passLocked()
		l.SetRate(rate)
		m.rate = rate.PerSecond()
		m.mu.Unlock()
	case 12:
		l.SetBurst(r.IntN(mixtureBurst) + 1)
	case 13:
		if r.IntN(2) == 0 {
			if l.AllowN(n) {
				m.use(n)
			}
		} else {
			to := r.Float64()*2*mixtureBurst - mixtureBurst
			m.mu.Lock()
			m.gained += 3 * mixtureBurst // more than there may be now
			m.mu.Unlock()
			l.SetTokens(to)
		}
	}
}

func (m *mixture) wait(t *testing.T, n int) {
	ctx, cancel := context.WithCancel(t.Context())
	if m.r.IntN(3) == 0 {
		ctx, cancel = context.WithTimeout(t.Context(), time.Duration(m.r.Int64N(5e9)))
	}
	m.cancels = append(m.cancels, cancel)
	id := m.arrived
	m.arrived++
	go func() {
		if m.l.WaitN(ctx, n) == nil {
			m.use(n)
			m.mu.Lock()
			m.served[id] = time.Now()
			m.mu.Unlock()
		}
	}()
}
