package retry

import (
	"sync/atomic"

	"github.com/weirkit/weir/internal/stripe"
)

// Stats is a snapshot of counts since the policy was made. Each is right, and
// they may be of moments a little apart.
type Stats struct {
	// Calls counts the calls that began; -1 without the option [Counted].
	Calls int64
	// Retries counts the attempts after the first of each call.
	Retries int64
	// Recovered counts the calls that succeeded after a retry.
	Recovered int64
	// GaveUp counts the calls that failed for good.
	GaveUp int64
	// OverBudget counts those of them that ended because the budget was spent.
	OverBudget int64
	// Hedges counts the second runs that a hedging policy started, and HedgesWon
	// those that succeeded first.
	Hedges, HedgesWon int64
}

// counts are written by calls that failed, never on a fast path.
type counts struct {
	calls              *stripe.Counter // nil without Counted
	retries, recovered atomic.Int64
	gaveUp, overBudget atomic.Int64
	hedges, hedgesWon  atomic.Int64
}

// Stats returns a snapshot.
func (p *Policy) Stats() Stats {
	calls := int64(-1)
	if p.counts.calls != nil {
		calls = p.counts.calls.Load()
	}
	return Stats{
		Calls:      calls,
		Retries:    p.counts.retries.Load(),
		Recovered:  p.counts.recovered.Load(),
		GaveUp:     p.counts.gaveUp.Load(),
		OverBudget: p.counts.overBudget.Load(),
		Hedges:     p.counts.hedges.Load(),
		HedgesWon:  p.counts.hedgesWon.Load(),
	}
}
