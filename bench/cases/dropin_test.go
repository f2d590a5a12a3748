package cases_test

import (
	"fmt"
	"math"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	xrate "golang.org/x/time/rate"

	"github.com/weirkit/weir/ratelimit/rate"
)

// dropIn runs one schedule on the original and on ours.
type dropIn struct {
	r      *rand.Rand
	theirs *xrate.Limiter
	ours   *rate.Limiter
	now    time.Time
	held   []both // not due, nothing was granted since
	gone   int    // were cancelled since the last one
}

type both struct {
	theirs *xrate.Reservation
	ours   *rate.Reservation
}

// TestTheDropInDecidesAsTheOriginal: with times that do not go back, limits and bursts
// that change, and reservations that are cancelled from the last one on, the two never
// differ, but by what a float64 rounds.
func TestTheDropInDecidesAsTheOriginal(t *testing.T) {
	for seed := range uint64(500) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			r := rand.New(rand.NewPCG(seed, 11))
			d := &dropIn{r: r, now: time.Date(2009+r.IntN(40), 11, 10, 23, 0, 0, 0, time.UTC)}
			limit, burst := d.limit(), r.IntN(9)
			d.theirs, d.ours = xrate.NewLimiter(xrate.Limit(limit), burst), rate.NewLimiter(rate.Limit(limit), burst)
			for step := 0; step < 120 && d.step(t, step); step++ {
				// A nanosecond, at the fastest a thousandth, is rounded down there and up here.
				require.InDelta(t, d.theirs.TokensAt(d.now), d.ours.TokensAt(d.now), 0.01, "step %d", step)
			}
		})
	}
}

func (d *dropIn) limit() float64 {
	limits := []float64{0, 0.1, 1, 3, 7.3, 1000.0 / 7, 1e6, 1 / 86400.0, float64(rate.Inf)}
	return limits[d.r.IntN(len(limits))]
}

// span returns how long a token takes, in nanoseconds.
func (d *dropIn) span() float64 {
	if l := d.theirs.Limit(); l > 0 && l < xrate.Inf {
		return 1e9 / float64(l)
	}
	return 1e9
}

// step does one thing to both, and reports false where it is too close to call.
func (d *dropIn) step(t *testing.T, step int) bool {
	t.Helper()
	n, tokens := 1+d.r.IntN(4), d.theirs.TokensAt(d.now)
	if math.Abs(tokens-float64(n)) < 0.01 && tokens != math.Trunc(tokens) {
		return false
	}
	if tokens >= 0 && d.r.IntN(5) == 0 {
		n = 0 // while tokens are owed the original refuses it
	}
	switch d.r.IntN(10) {
	case 0, 1, 2:
		d.now = d.now.Add(time.Duration(d.r.ExpFloat64() * d.span() * 2))
	case 3, 4, 5:
		ok := d.theirs.AllowN(d.now, n)
		require.Equal(t, ok, d.ours.AllowN(d.now, n), "step %d: AllowN(%d)", step, n)
		if ok {
			d.held = nil
		}
	case 6, 7:
		if d.theirs.Limit() == 0 && tokens < float64(n) {
			return false // the original reserves for in 292 years
		}
		b := both{d.theirs.ReserveN(d.now, n), d.ours.ReserveN(d.now, n)}
		require.Equal(t, b.theirs.OK(), b.ours.OK(), "step %d: ReserveN(%d)", step, n)
		theirs, ours := b.theirs.DelayFrom(d.now), b.ours.DelayFrom(d.now)
		require.InDelta(t, theirs, ours, 12+0.01*d.span(), "step %d: DelayFrom", step)
		if theirs == 0 || n == 0 {
			d.held = nil
		} else {
			d.held, d.gone = append(d.held, b), 0
		}
	case 8:
		if last := len(d.held) - 1; last >= 0 {
			d.held[last].theirs.CancelAt(d.now)
			d.held[last].ours.CancelAt(d.now)
			d.held = d.held[:last]
			if d.gone++; d.gone == 2 { // of the third the original is not sure, for a nanosecond that it rounds
				d.held = nil
			}
		}
	case 9:
		if d.r.IntN(2) == 0 {
			limit := d.limit()
			d.theirs.SetLimitAt(d.now, xrate.Limit(limit))
			d.ours.SetLimitAt(d.now, rate.Limit(limit))
			d.now = d.now.Add(1) // without a limit the original is full from then on, ours at once
		} else {
			burst := d.r.IntN(9)
			d.theirs.SetBurstAt(d.now, burst)
			d.ours.SetBurstAt(d.now, burst)
			d.now = d.now.Add(1) // the same
		}
		d.held = nil
		require.Equal(t, d.theirs.Burst(), d.ours.Burst())
		require.InDelta(t, float64(d.theirs.Limit()), float64(d.ours.Limit()), 0)
	}
	return true
}
