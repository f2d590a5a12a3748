package fault_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/weirkit/weir/examples/harvest/internal/fault"
)

func faults(s fault.Schedule, n int) []fault.Fault {
	out := make([]fault.Fault, n)
	for i := range out {
		out[i] = s.At(int64(i + 1))
	}
	return out
}

func TestASeedFixesTheSchedule(t *testing.T) {
	harsh, err := fault.Named("harsh")
	require.NoError(t, err)
	one := faults(fault.NewSchedule(harsh, 1), 1000)
	assert.Equal(t, one, faults(fault.NewSchedule(harsh, 1), 1000))
	assert.NotEqual(t, one, faults(fault.NewSchedule(harsh, 2), 1000))
}

func TestTheOrderOfQuestionsDoesNotMatter(t *testing.T) {
	harsh, err := fault.Named("harsh")
	require.NoError(t, err)
	s := fault.NewSchedule(harsh, 7)
	forward := faults(s, 200)
	for n := len(forward); n > 0; n-- {
		assert.Equal(t, forward[n-1], s.At(int64(n)))
	}
}

func TestEveryFaultComesAsOftenAsTheProfileSays(t *testing.T) {
	for _, name := range []string{"default", "harsh"} {
		p, err := fault.Named(name)
		require.NoError(t, err)
		const n = 20_000
		count := map[fault.Kind]int{}
		for _, f := range faults(fault.NewSchedule(p, 3), n) {
			count[f.Kind]++
		}
		for kind, share := range map[fault.Kind]float64{
			fault.Slow: p.Slow, fault.Unavailable: p.Unavailable, fault.Internal: p.Internal,
			fault.DropBefore: p.DropBefore, fault.DropAfter: p.DropAfter,
		} {
			assert.Positive(t, share, "%s has no %s", name, kind)
			assert.InEpsilon(t, share*n, count[kind], 0.2, "%s: %s", name, kind)
		}
	}
}

func TestDelaysStayInTheirBounds(t *testing.T) {
	p, err := fault.Named("default")
	require.NoError(t, err)
	for _, f := range faults(fault.NewSchedule(p, 5), 5000) {
		switch f.Kind {
		case fault.Slow:
			assert.GreaterOrEqual(t, f.Delay, p.SlowMin)
			assert.Less(t, f.Delay, p.SlowMax)
		case fault.Unavailable:
			assert.Equal(t, time.Second, f.Delay)
		default:
			assert.Zero(t, f.Delay, "%s", f.Kind)
		}
	}
}

func TestProfiles(t *testing.T) {
	assert.Equal(t, []string{"default", "harsh", "none"}, fault.Names())
	none, err := fault.Named("none")
	require.NoError(t, err)
	for _, f := range faults(fault.NewSchedule(none, 1), 1000) {
		assert.Zero(t, f)
	}
	for _, name := range []string{"default", "harsh"} {
		p, err := fault.Named(name)
		require.NoError(t, err)
		require.NotEmpty(t, p.Outages, name)
		for _, o := range p.Outages {
			assert.Greater(t, o.For, time.Second, "%s: an outage lasts more than a second", name)
		}
	}
	_, err = fault.Named("Harsh")
	assert.EqualError(t, err, `"Harsh" is none of default, harsh, none`)
}
