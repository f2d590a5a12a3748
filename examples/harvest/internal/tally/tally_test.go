package tally_test

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"

	"github.com/weirkit/weir/examples/harvest/internal/tally"
)

func TestPercentilesAreAtMostATwentiethTooHigh(t *testing.T) {
	var l tally.Latencies
	assert.Zero(t, l.Percentile(99), "nothing counted")
	for ms := range 1000 {
		l.Add(time.Duration(ms+1) * time.Millisecond)
	}
	for _, tt := range []struct {
		p    float64
		want time.Duration
	}{{50, 500 * time.Millisecond}, {95, 950 * time.Millisecond}, {99, 990 * time.Millisecond}, {100, time.Second}} {
		got := l.Percentile(tt.p)
		assert.GreaterOrEqual(t, got, tt.want, "p%v", tt.p)
		assert.LessOrEqual(t, got, tt.want*105/100, "p%v", tt.p)
	}
}

func TestLatenciesHoldAnyDuration(t *testing.T) {
	var l tally.Latencies
	l.Add(-time.Second)
	l.Add(0)
	assert.Equal(t, 10*time.Microsecond, l.Percentile(100))
	l.Add(1<<63 - 1)
	assert.Greater(t, l.Percentile(100), 24*time.Hour)
}

func TestTimeOpenRunsUntilTheBreakerCloses(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var ty tally.Tally
		ty.Breaker("open", false, true)
		time.Sleep(time.Second)
		assert.Equal(t, time.Second, ty.Counts().Open, "still open")
		ty.Breaker("half-open", false, false)
		time.Sleep(time.Second)
		ty.Breaker("open", false, true)
		time.Sleep(time.Second)
		ty.Breaker("closed", true, false)
		time.Sleep(time.Hour)
		c := ty.Counts()
		assert.Equal(t, 3*time.Second, c.Open)
		assert.Equal(t, int64(2), c.Openings)
		assert.Equal(t, "closed", c.Breaker)
	})
}

func TestTheRateIsOverTheTimeOfSending(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var ty tally.Tally
		assert.Zero(t, ty.Counts().Rate())
		time.Sleep(time.Hour) // parsing, say
		for range 10 {
			start := time.Now()
			time.Sleep(100 * time.Millisecond)
			ty.Attempt(start)
		}
		time.Sleep(time.Hour)
		c := ty.Counts()
		assert.Equal(t, int64(10), c.Attempts)
		assert.Equal(t, time.Second, c.Sending)
		assert.InDelta(t, 10, c.Rate(), 1e-9)
		assert.InEpsilon(t, 100*time.Millisecond, c.P50, 0.05)
	})
}
