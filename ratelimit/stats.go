package ratelimit

import (
	"time"

	"github.com/weirkit/weir/internal/stripe"
)

// Stats is a snapshot. Rate, Burst, Tokens and Waiting are of one moment; the
// counts are each right and may be of moments a little apart.
type Stats struct {
	Rate  Rate
	Burst int
	// Tokens is what is in the bucket, negative while tokens are owed to those
	// who wait or hold a reservation.
	Tokens float64
	// Waiting is the number of callers in the queue.
	Waiting int
	// Granted counts requests that were granted, GrantedTokens their tokens, and
	// Denied those of Allow, Take, TakeUpTo and Reserve that were not; all are -1
	// without the option Counted.
	Granted, GrantedTokens, Denied int64
	// Waits counts callers that stood in the queue and have left it.
	Waits int64
	// Rejected counts waits refused with one of this package's errors.
	Rejected int64
	// Cancelled counts waits that their context ended. A wait whose context was
	// done beforehand changes nothing, so it is not counted.
	Cancelled int64
	// WaitTotal and WaitMax are the time spent in the queue, however the wait
	// ended: by all together and by the one that waited longest.
	WaitTotal, WaitMax time.Duration
}

// tally counts decisions. Grants of a single token, which most are, have a counter
// of their own, so that one addition counts both them and their tokens.
type tally struct{ ones, others, tokens, denied *stripe.Counter }

func newTally() *tally { return &tally{stripe.New(), stripe.New(), stripe.New(), stripe.New()} }

func (t *tally) add(ok bool, n int64) {
	switch {
	case !ok:
		t.denied.Add(1)
	case n == 1:
		t.ones.Add(1)
	default:
		t.others.Add(1)
		t.tokens.Add(n)
	}
}

// granted counts a grant.
func (l *Limiter) granted(n int64) {
	if l.tally != nil {
		l.tally.add(true, n)
	}
}

// Stats returns a snapshot.
func (l *Limiter) Stats() Stats {
	l.state()
	l.mu.Lock()
	g, waiting := l.peekNow(), l.queue.Len()
	l.mu.Unlock()

	s := Stats{
		Rate:    g.c.rate,
		Burst:   int(g.c.burst),
		Tokens:  g.tokens(),
		Waiting: waiting,

		Granted:       -1,
		GrantedTokens: -1,
		Denied:        -1,

		Waits:     l.counts.Waits(),
		Rejected:  l.counts.Rejected.Load(),
		Cancelled: l.counts.Cancelled.Load(),
		WaitTotal: l.counts.Total(),
		WaitMax:   l.counts.Longest(),
	}
	if l.tally != nil {
		ones := l.tally.ones.Load()
		s.Granted, s.GrantedTokens, s.Denied = ones+l.tally.others.Load(), ones+l.tally.tokens.Load(), l.tally.denied.Load()
	}
	return s
}
