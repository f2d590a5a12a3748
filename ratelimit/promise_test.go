package ratelimit_test

import (
	"context"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/weirkit/weir/ratelimit"
)

// line is the definition of the order in which tokens go to those who wait and to
// reservations that are not due: one entry after the other, each behind the one before,
// but that a reservation stays where it is. It counts in billionths of a token, of
// which rate come in a nanosecond.
type line struct {
	rate, burst int64
	v           int64 // what has come so far
	tat         int64 // v at which the bucket was full again without the entries
	entries     []*entry
	served      map[int]time.Duration // -1: it was too late
}

const token = 1e9

type entry struct {
	id       int
	n, start int64
	promised bool
	deadline time.Duration // from the beginning; 0: none
}

// place moves up each entry that can and returns where the next one would be. Nobody
// moves into the past.
func (m *line) place() int64 {
	pos := m.tat
	for _, e := range m.entries {
		if !e.promised {
			e.start = min(e.start, max(pos, m.v))
		}
		pos = e.start + e.n*token
	}
	return max(pos, m.v)
}

// wait returns how long it is until e has its tokens.
func (m *line) wait(e *entry) time.Duration {
	left := max(e.start+(e.n-m.burst)*token-m.v, 0)
	return time.Duration((left + m.rate - 1) / m.rate)
}

// serve gives tokens to all whose time it is.
func (m *line) serve(now time.Duration) {
	for m.place(); len(m.entries) > 0 && m.wait(m.entries[0]) == 0; m.place() {
		e := m.entries[0]
		m.entries, m.tat = m.entries[1:], e.start+e.n*token
		if !e.promised {
			m.served[e.id] = now
		}
	}
}

// sweep takes out who would be too late by now, one after the other.
func (m *line) sweep(now time.Duration) {
	m.place()
	for i := 0; i < len(m.entries); i++ {
		if e := m.entries[i]; e.deadline > 0 && m.wait(e) >= e.deadline-now {
			m.remove(e.id)
			m.served[e.id] = -1
			m.place()
			i--
		}
	}
}

func (m *line) remove(id int) {
	m.entries = slices.DeleteFunc(m.entries, func(e *entry) bool { return e.id == id })
}

// inLine is a limiter beside a line.
type inLine struct {
	r        *rand.Rand
	l        *ratelimit.Limiter
	m        *line
	begun    time.Time
	cancels  map[int]context.CancelFunc
	reserved map[int]*ratelimit.Reservation

	mu     sync.Mutex
	served map[int]time.Duration // guarded by mu
}

// TestWhoeverLeavesTheLineLeavesNothingBehind takes, waits, reserves and cancels in
// every order, while the rate changes: all behind who leaves move up as far as a
// reservation lets them, to the nanosecond, who would be too late leaves at once, and
// newcomers have what nobody stands on any more.
func TestWhoeverLeavesTheLineLeavesNothingBehind(t *testing.T) {
	seeds := []uint64{6177, 6519, 10_247, 11_455, 14_842, 16_044} // used promises before those that leave
	for seed := range uint64(600) {
		seeds = append(seeds, seed)
	}
	for _, seed := range seeds {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := rand.New(rand.NewPCG(seed, 12))
				burst := r.IntN(3) + 1
				s := &inLine{
					r: r, l: ratelimit.New(ratelimit.PerSecond(1), burst, ratelimit.InitialTokens(0)), begun: time.Now(),
					m:      &line{rate: 1, burst: int64(burst), tat: int64(burst) * token, served: map[int]time.Duration{}},
					served: map[int]time.Duration{}, cancels: map[int]context.CancelFunc{}, reserved: map[int]*ratelimit.Reservation{},
				}
				s.run(t)
			})
		})
	}
}

func (s *inLine) run(t *testing.T) {
	defer func() {
		for _, cancel := range s.cancels {
			cancel()
		}
		synctest.Wait()
	}()
	for id := range 60 {
		s.step(t, id)
		synctest.Wait()
		s.m.serve(s.now())
		want := float64(s.m.burst) - float64(s.m.place()-s.m.v)/token
		require.InDelta(t, want, s.l.Tokens(), 1e-9, "step %d", id)
		require.Equal(t, s.m.served, s.outcomes(), "step %d", id)
	}
	s.sleep(time.Minute)
	assert.Equal(t, s.m.served, s.outcomes())
}

func (s *inLine) outcomes() map[int]time.Duration {
	s.mu.Lock()
	defer s.mu.Unlock()
	return maps.Clone(s.served)
}

func (s *inLine) now() time.Duration { return time.Since(s.begun) }

// sleep lets d pass, and serves who is due meanwhile.
func (s *inLine) sleep(d time.Duration) {
	for end := s.now() + d; ; {
		next := end - s.now()
		if len(s.m.entries) > 0 {
			next = min(next, s.m.wait(s.m.entries[0]))
		}
		time.Sleep(next)
		s.m.v += int64(next) * s.m.rate
		synctest.Wait()
		s.m.serve(s.now())
		if s.now() == end {
			return
		}
	}
}

func (s *inLine) set(rate int64) {
	s.m.rate = rate
	s.l.SetRate(ratelimit.PerSecond(rate))
	s.m.sweep(s.now())
}

func (s *inLine) step(t *testing.T, id int) {
	t.Helper()
	m, l, r := s.m, s.l, s.r
	n := r.IntN(int(m.burst)) + 1
	have := int((m.burst*token - (m.place() - m.v)) / token)
	if len(m.entries) > 0 || m.place()-m.v > m.burst*token {
		have = 0
	}
	switch r.IntN(11) {
	case 0, 1:
		s.sleep(time.Duration(r.Int64N(15e8)))
	case 2, 3, 4:
		s.wait(t, id, n)
	case 5, 6:
		e := &entry{id: id, n: 1, start: m.place(), promised: true}
		res := l.Reserve(1)
		require.Equal(t, m.wait(e), res.Delay(), "step %d", id)
		m.entries = append(m.entries, e)
		s.reserved[id] = &res
	case 7, 8:
		if len(m.entries) == 0 {
			return
		}
		e := m.entries[len(m.entries)-1]
		if r.IntN(2) == 0 {
			e = m.entries[r.IntN(len(m.entries))]
		}
		m.remove(e.id)
		if e.promised {
			s.reserved[e.id].Cancel()
		} else {
			m.served[e.id] = -1
			s.cancels[e.id]()
		}
	case 9:
		if r.IntN(2) == 0 {
			s.set([]int64{1, 3, 7}[r.IntN(3)]) // whose units are the same, so that nothing is rounded
		}
	case 10:
		got := 0
		if r.IntN(2) == 0 {
			got = l.TakeUpTo(n)
			require.Equal(t, min(n, have), got, "step %d", id)
		} else if l.AllowN(n) {
			got = n
		}
		require.Equal(t, got == n, have >= n, "step %d", id)
		if got > 0 {
			m.tat = m.place() + int64(got)*token
		}
	}
}

// wait begins to wait, perhaps with a deadline.
func (s *inLine) wait(t *testing.T, id, n int) {
	t.Helper()
	e := &entry{id: id, n: int64(n), start: s.m.place()}
	ctx, cancel := context.WithCancel(t.Context())
	if s.r.IntN(3) == 0 {
		e.deadline = s.now() + time.Duration(s.r.Int64N(9e9))
		ctx, cancel = context.WithDeadline(t.Context(), s.begun.Add(e.deadline))
	}
	s.cancels[id] = cancel
	switch wait := s.m.wait(e); {
	case ctx.Err() != nil, e.deadline > 0 && wait > 0 && wait >= e.deadline-s.now():
		s.m.served[id] = -1
	default:
		s.m.entries = append(s.m.entries, e)
	}
	go func() {
		err := s.l.WaitN(ctx, n)
		s.mu.Lock()
		defer s.mu.Unlock()
		s.served[id] = s.now()
		if err != nil {
			s.served[id] = -1
		}
	}()
}
