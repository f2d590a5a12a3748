package ratelimit

import (
	"fmt"
	"math"
	"time"

	"github.com/weirkit/weir/internal/waiting"
)

// SetRate changes the rate from now on. What was gained until now stays, to the
// token; no grant is lost or made twice. Those who wait are repriced, both ways:
// who would now wait beyond its deadline or MaxWait fails at once and frees its
// slot. A [Reservation] keeps the time that it was promised.
//
// Only where somebody waits who has a deadline or a MaxWait are all looked at, at some
// tens of nanoseconds each, and grants go on meanwhile. Otherwise the cost does not
// depend on how many wait. The same holds for the other setters.
func (l *Limiter) SetRate(r Rate) { l.set(l.now(), func(c *cell) (Rate, int64) { return r, c.burst }) }

// SetBurst changes the size of the bucket. The tokens in it stay, as far as they
// fit. Those who wait keep their times, but who asks for more than the new burst
// fails with [ErrExceedsBurst]. It panics if burst is not between 1 and
// [MaxBurst].
func (l *Limiter) SetBurst(burst int) {
	checkBurst(burst)
	l.set(l.now(), func(c *cell) (Rate, int64) { return c.rate, int64(burst) })
}

func (l *Limiter) set(t int64, change func(*cell) (Rate, int64)) {
	var ready waiting.Chain
	l.state()
	l.mu.Lock()
	c := l.cell.Load()
	r, burst := change(c)
	if r != c.rate || burst != c.burst {
		shrinks := burst < c.burst
		c = l.publishLocked(t, t, r, burst, 0)
		t = max(t, c.origin)
		if shrinks || l.queue.limited > 0 {
			l.sweepLocked(c, t, &ready)
		}
		l.serveLocked(c, c.now(t), &ready)
		l.callLocked(&ready)
	}
	l.mu.Unlock()
	ready.Send()
	l.watch.changed()
}

// sweepLocked fails those in the queue who will not have their tokens in time,
// or never. Each frees its slot before those behind it are looked at.
func (l *Limiter) sweepLocked(c *cell, t int64, ready *waiting.Chain) {
	q, now, reading := &l.queue, c.now(t), l.reading(t)
	pos := q.start
	for w := q.Front(); w != nil; {
		behind := q.Next(w)
		pos += w.lead
		when := l.reading(c.time(pos + c.need(w.n) - c.tol))
		err := w.bound.late(w.n, delay(when, reading), reading)
		if w.n > c.burst && !l.cfg.debt {
			err = ErrExceedsBurst
		}
		if err != nil { // its slot passes to the one behind
			pos -= w.lead
			l.failLocked(w, c, now, err, ready)
		} else {
			pos += c.cost(w.n)
		}
		w = behind
	}
}

// SetTokens sets the tokens in the bucket, as far as they fit: to empty it, to
// fill it, or to take over the state of another. A negative number is a debt.
// Those who wait come after it. It panics if tokens is NaN or below -[MaxBurst].
func (l *Limiter) SetTokens(tokens float64) { l.setTokens(l.now(), tokens) }

func (l *Limiter) setTokens(t int64, tokens float64) {
	if !(tokens >= -MaxBurst) { // NaN fails too
		panic(fmt.Sprintf("ratelimit: tokens must be a number of at least %d, got %v", int64(-MaxBurst), tokens))
	}
	l.level(t, func(c *cell, _, now int64) int64 { return now + c.missing(tokens) })
}

// missing returns what a bucket with that many tokens lacks of a full one, in
// units, rounded up: at most frozen, which is more than any cell has room for.
func (c *cell) missing(tokens float64) int64 {
	whole := math.Floor(tokens)
	if whole >= float64(c.burst) {
		return 0
	}
	return mulDivUp(c.burst-int64(whole), c.inc, 1) - int64((tokens-whole)*float64(c.inc))
}

// Observe follows what a server says of its own limit, for example in its
// RateLimit header: remaining operations until it resets after reset. It only
// takes tokens away, because others may use the server too and answers may come
// out of order: those in the bucket are at most remaining, and if that is 0, none
// is there before the reset. A reset of 0 is unknown. From a limiter that is [Unlimited]
// nothing can be taken, so there it changes nothing: give it a rate that is above all
// that the server bears. It panics if remaining is negative.
func (l *Limiter) Observe(remaining int, reset time.Duration) {
	if remaining < 0 {
		panic(fmt.Sprintf("ratelimit: remaining must be at least 0, got %d", remaining))
	}
	t := l.now()
	l.level(t, func(c *cell, level, now int64) int64 {
		if c.tokens(level, now) <= int64(remaining) {
			return level // a fraction is no token yet
		}
		return now + c.missing(float64(remaining))
	})
	if remaining == 0 && reset > 0 {
		l.hold(t, l.time(l.reading(t)+int64(min(reset, maxReset))))
	}
}

// maxReset bounds how long Observe believes that a server wants to be left alone.
const maxReset = 365 * day

// hold sees to it that no token is there before the time end, and one at end. It
// stops time until just before, and sets the bucket to what makes that so.
func (l *Limiter) hold(t, end int64) {
	l.mu.Lock()
	c := l.freshLocked(t)
	level := max(c.tat.Load(), c.now(t))
	if l.queue.Len() > 0 {
		level = l.queue.start
	}
	held := c.mul == 0 || c.time(level+c.inc-c.tol) >= end
	if !held {
		l.publishLocked(t, end-1, c.rate, c.burst, 0)
	}
	l.mu.Unlock()
	if !held {
		l.level(t, func(c *cell, _, _ int64) int64 { return c.tol - c.inc + max(c.now(end), 1) })
	}
}

// level moves the arrival time that those who wait come after, and them with it,
// to what f returns for it.
func (l *Limiter) level(t int64, f func(c *cell, level, now int64) int64) {
	var ready waiting.Chain
	l.state()
	l.mu.Lock()
	if c := l.freshLocked(t); c.inc > 0 {
		l.serveLocked(c, c.now(t), &ready)
		c = l.levelLocked(t, f)
		if l.queue.limited > 0 {
			l.sweepLocked(c, t, &ready)
		}
		l.serveLocked(c, c.now(t), &ready)
		l.callLocked(&ready)
	}
	l.mu.Unlock()
	ready.Send()
	l.watch.changed()
}

// levelLocked does the moving, in a cell that has room for it as far as there can
// be one.
func (l *Limiter) levelLocked(t int64, f func(c *cell, level, now int64) int64) *cell {
	for q := &l.queue; ; {
		c := l.cell.Load()
		now, tat := c.now(t), c.tat.Load()
		end := max(tat, now)
		level := end
		if q.Len() > 0 {
			level = q.start
		}
		d := f(c, level, now) - level
		if room := now + c.room*c.inc - end; d > room {
			if c.room < maxRoom {
				l.publishLocked(t, t, c.rate, c.burst, c.room)
				continue
			}
			d = room
		}
		if c.tat.CompareAndSwap(tat, end+d) {
			q.shift(d, c, now)
			q.fell(end + d)
			return c
		}
	}
}
