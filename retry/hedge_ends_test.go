package retry_test

import (
	"fmt"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/weirkit/weir/internal/testkit"
	"github.com/weirkit/weir/retry"
)

// Trap 14: the panic of a loser in a goroutine kills the process.
func TestTrap14APanicOrGoexitOfEitherRunReachesTheCaller(t *testing.T) {
	second := time.Second
	tests := []struct {
		name  string
		runs  []run
		took  time.Duration
		exits bool
		first bool
	}{
		{"the first panics, alone", []run{{takes: second, ends: panics}}, second, false, true},
		{"the first panics", []run{{takes: 3 * second, ends: panics}, {takes: time.Hour, ends: ok}}, 3 * second, false, true},
		{"the second panics", []run{{takes: time.Hour, ends: ok}, {takes: second, ends: panics}}, 3 * second, false, false},
		{"a losing second panics", []run{{takes: 3 * second, ends: ok}, {takes: 5 * second, deaf: true, ends: panics}}, 7 * second, false, false},
		{"a losing first panics", []run{{takes: 9 * second, deaf: true, ends: panics}, {takes: second, ends: ok}}, 9 * second, false, true},
		{"both panic", []run{{takes: 3 * second, ends: panics}, {takes: 5 * second, deaf: true, ends: panics}}, 7 * second, false, true},
		{"the first exits", []run{{takes: 3 * second, ends: exits}, {takes: time.Hour, ends: ok}}, 3 * second, true, true},
		{"the second exits", []run{{takes: time.Hour, ends: ok}, {takes: second, ends: exits}}, 3 * second, true, false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				p := constant(0, retry.Hedge(2*second))
				var running, started atomic.Int32
				begin := time.Now()
				end := testkit.Run(func() { _ = p.Do(t.Context(), works(&running, &started, tt.runs...)) })
				assert.Equal(t, tt.took, time.Since(begin))
				assert.Zero(t, running.Load(), "the other run was awaited")
				switch {
				case tt.exits:
					assert.True(t, end.Exited)
				case tt.first:
					assert.Equal(t, "boom", end.Value, "untouched")
				default:
					require.True(t, end.Panicked)
					pe, ok := end.Value.(*retry.PanicError)
					require.True(t, ok)
					assert.Equal(t, "boom", pe.Value)
					assert.Contains(t, string(pe.Stack), "hedge_test.go", "the stack where it happened")
				}
			})
		})
	}
}

// TestEveryPairOfEnds cuts a hedged attempt at every pair of ends, in every
// order, with runs that listen to their context and runs that do not.
func TestEveryPairOfEnds(t *testing.T) {
	ends := []func() error{ok, fails, panics, exits}
	for i := range 4 * 4 * 3 * 4 {
		first, second, order, deaf := i%4, i/4%4, i/16%3, i/48
		runs := []run{
			{takes: 4 * time.Second, ends: ends[first], deaf: deaf&1 != 0},
			{takes: time.Duration(order+1) * time.Second, ends: ends[second], deaf: deaf&2 != 0}, // begins after 2 s
		}
		synctest.Test(t, func(t *testing.T) {
			var running, started atomic.Int32
			var err error
			begin := time.Now()
			end := testkit.Run(func() {
				err = constant(0, retry.MaxRetries(0), retry.Hedge(2*time.Second)).Do(t.Context(), works(&running, &started, runs...))
			})
			name := fmt.Sprintf("first %d, second %d, order %d, deaf %d", first, second, order, deaf)
			require.Zero(t, running.Load(), name)
			require.Equal(t, int32(2), started.Load(), name)
			require.LessOrEqual(t, time.Since(begin), 5*time.Second, name)
			checkEnds(t, name, first, second, order, deaf, end, err)
		})
	}
}

// checkEnds says how a pair of runs must end: 0 succeeds, 1 fails, 2 panics, 3
// exits.
func checkEnds(t *testing.T, name string, first, second, order, deaf int, end testkit.End, err error) {
	t.Helper()
	// A run is cut off if it listens and the other ended the attempt before it;
	// of two at one moment either may be.
	decides := func(kind int) bool { return kind != 1 }
	firstCut := order == 0 && decides(second) && deaf&1 == 0
	secondCut := order == 2 && decides(first) && deaf&2 == 0
	if order == 1 && decides(first) && decides(second) {
		return // what holds for every order was checked
	}
	firstEnds, secondEnds := !firstCut, !secondCut
	switch {
	case firstEnds && first == 2:
		assert.Equal(t, "boom", end.Value, name)
	case firstEnds && first == 3:
		assert.True(t, end.Exited, name)
	case secondEnds && second == 2:
		_, isPanic := end.Value.(*retry.PanicError)
		assert.True(t, isPanic, name)
	case secondEnds && second == 3:
		assert.True(t, end.Exited, name)
	case first == 0 && firstEnds || second == 0 && secondEnds:
		assert.True(t, end.Returned, name)
		assert.NoError(t, err, name)
	default:
		assert.True(t, end.Returned, name)
		assert.ErrorIs(t, err, errBoom, name)
	}
}
