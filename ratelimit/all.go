package ratelimit

import (
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
)

// Multi is several limits at once, such as ten a second and a thousand a day: a
// request takes its tokens from all of them or from none. Make it with [All]; it
// must not be copied, and it is safe for concurrent use.
//
// Waiters of one Multi are served strictly in the order in which they came, and
// nobody who asks the Multi overtakes them. They hold no tokens of one limit while
// they wait for another: a token that is used later than it was granted would
// break the limit it came from. So a limiter that is also used directly, or by
// another Multi, is not kept for those who wait here. For the same reason Reserve
// promises nothing for later.
//
// When one of the limits is changed, by SetRate, SetBurst, SetTokens or Observe,
// those who wait are repriced: who would now wait beyond its deadline or [MaxWait]
// fails at once and frees its place.
//
// A request that is denied writes nothing, unless another takes tokens at the
// same moment: then what was taken already is given back.
type Multi struct {
	limits []*Limiter

	line   line
	stands atomic.Pointer[stand] // of the head of the line; nil: nowhere

	following sync.Mutex
	waits     int // callers that may be in the line; guarded by following
}

// stand is where the head of the queue waits: its tokens are taken there already.
type stand struct {
	at *Limiter
	n  int64
}

// All returns the conjunction of the limits. They stay usable by themselves, and
// their rates can be changed. It panics if there is none, if one is nil or if one
// is there twice.
func All(limits ...*Limiter) *Multi {
	if len(limits) == 0 {
		panic("ratelimit: All needs at least one limiter, got none")
	}
	for i, l := range limits {
		if l == nil {
			panic(fmt.Sprintf("ratelimit: the limiters of All must not be nil, number %d is", i))
		}
		if slices.Contains(limits[:i], l) {
			panic(fmt.Sprintf("ratelimit: the limiters of All must be different, number %d is there twice", i))
		}
	}
	return &Multi{limits: slices.Clone(limits)}
}

// Limits returns the limiters, in the order in which they were given to All.
func (m *Multi) Limits() []*Limiter { return slices.Clone(m.limits) }

// Waiting returns the number of callers in the queue.
func (m *Multi) Waiting() int { return m.line.waiting() }

// Allow is [Limiter.Allow] on all limits at once.
func (m *Multi) Allow() bool { return m.AllowN(1) }

// AllowN is [Limiter.AllowN] on all limits at once.
func (m *Multi) AllowN(n int) bool {
	checkN(n)
	return m.take(int64(n), m.line.ahead.Load(), nil, nil).OK
}

// Take is [Limiter.Take] on all limits at once. Binding tells which of them the
// decision is about: the one to wait for longest, or else the one with the fewest
// tokens left.
func (m *Multi) Take(n int) Decision {
	checkN(n)
	return m.take(int64(n), m.line.ahead.Load(), nil, nil)
}

// take takes n tokens of each limit but skip, after those that ahead ask for. It
// looks first: most denials are found without taking anything. What it took is added
// to kept, if that is not nil.
func (m *Multi) take(n, ahead int64, skip *Limiter, kept *MultiReservation) Decision {
	if d := m.look(n, ahead, nil); n == 0 || ahead > 0 || !d.OK && skip == nil {
		d.OK = n == 0
		if n == 0 {
			d.RetryAfter = 0
		}
		return d
	}
	var room [4]Reservation
	taken := room[:0]
	for i, l := range m.limits {
		if l == skip {
			continue
		}
		is := l.issueNow()
		g := l.grantNow(n)
		if !g.ok {
			for j := range taken {
				taken[j].Cancel()
			}
			d := l.decision(g, n)
			d.Binding = i
			return d
		}
		taken = append(taken, l.reservation(g, n, is))
	}
	for _, l := range m.limits {
		if l.tally != nil {
			l.tally.add(true, n)
		}
	}
	if kept != nil {
		kept.ok, kept.parts = true, append(kept.parts, taken...)
	}
	d := m.look(0, 0, nil)
	d.OK, d.RetryAfter = true, 0
	return d
}

// look returns the decision about n tokens after those that ahead ask for, by all
// limits but skip, and takes nothing.
func (m *Multi) look(n, ahead int64, skip *Limiter) Decision {
	mustBeMade(len(m.limits) > 0, "Multi", "All")
	all := Decision{OK: true}
	head := m.stands.Load()
	first, none := true, true // none: no limit has bound so far
	for i, l := range m.limits {
		if l == skip {
			continue
		}
		before := ahead
		if ahead > 0 && head != nil && head.at == l {
			before = max(ahead-head.n, 0)
		}
		g := l.peekNow()
		d := l.look(g, n, before)
		d.Binding = i
		binds := g.c.inc > 0
		if first || none && binds {
			all, first, none = d, false, !binds
			continue
		}
		if !binds { // it has as many tokens as anybody asks for
			continue
		}
		reset := max(all.ResetAfter, d.ResetAfter)
		if d.RetryAfter > all.RetryAfter || d.RetryAfter == all.RetryAfter && d.Remaining < all.Remaining {
			d.OK = d.OK && all.OK
			all = d
		}
		all.OK = all.OK && d.OK
		all.ResetAfter = reset
	}
	return all
}

// look returns what Take would say about n tokens after ahead others are taken from
// the bucket as it is.
func (l *Limiter) look(g grant, n, ahead int64) Decision {
	switch c := g.c; {
	case n == 0 || c.inc == 0:
	case n > c.burst && !l.cfg.debt, ahead+n > maxRoom-c.burst, mulDivUp(ahead, c.inc, 1) > maxNow:
		d := l.decision(grant{false, c, g.tat, g.now, g.read}, n)
		d.RetryAfter = Never
		return d
	default:
		due := max(g.tat, g.now) + c.cost(ahead) + c.need(n) - c.tol
		d := l.decision(g, 0)
		d.OK, d.RetryAfter = due <= g.now, l.until(g, due)
		return d
	}
	return l.decision(g, n)
}
