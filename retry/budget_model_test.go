package retry_test

import (
	"context"
	"math"
	"math/rand/v2"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/weirkit/weir/retry"
)

// call is a call or a retry of the property test, by its time.
type call struct {
	at    time.Duration
	retry bool
}

// TestRetriesNeverExceedTheBudget drives a budget with bursts, silences and
// outages, and checks the bound of its documentation for every stretch of time
// that begins with a retry and ends with one.
func TestRetriesNeverExceedTheBudget(t *testing.T) {
	for seed := range uint64(40) {
		rng := rand.New(rand.NewPCG(seed, 1))
		ratio, floor := float64(rng.IntN(200))/100, rng.IntN(4)
		if ratio == 0 && floor == 0 {
			continue
		}
		synctest.Test(t, func(t *testing.T) {
			begin := time.Now()
			var log []call
			p := constant(0, retry.MaxRetries(3), retry.Spend(retry.NewBudget(ratio, floor)))
			for range 300 {
				fails := rng.IntN(3) > 0
				_ = p.Do(t.Context(), func(ctx context.Context) error {
					log = append(log, call{time.Since(begin), retry.Attempt(ctx) > 1})
					if fails {
						return errBoom
					}
					return nil
				})
				time.Sleep([]time.Duration{0, 0, ms, 100 * ms, 900 * ms, time.Second, 11 * time.Second}[rng.IntN(7)])
			}
			checkBound(t, log, ratio, floor)
		})
	}
}

func checkBound(t *testing.T, log []call, ratio float64, floor int) {
	t.Helper()
	for from := range log {
		if !log[from].retry {
			continue
		}
		calls, retries := 0, 0
		for _, c := range log[:from] {
			if !c.retry && c.at > log[from].at-10*time.Second {
				calls++
			}
		}
		for _, c := range log[from:] {
			if !c.retry {
				calls++
				continue
			}
			retries++
			seconds := int((c.at-log[from].at)/time.Second) + 1
			if most := ratio*float64(calls) + float64(floor*seconds); float64(retries) > most+1e-6 {
				t.Fatalf("%d retries from %v to %v, %d calls, ratio %v, at least %d a second: at most %v", retries, log[from].at, c.at, calls, ratio, floor, most)
			}
		}
	}
}

// A budget gives what it promises, too.
func TestABudgetIsWhatTheModelSays(t *testing.T) {
	rng := rand.New(rand.NewPCG(3, 4))
	data := make([]byte, 300)
	for range 40 {
		for i := range data {
			data[i] = byte(rng.Uint32())
		}
		if checkBudget(t, data); t.Failed() {
			return
		}
	}
}

func FuzzBudget(f *testing.F) {
	f.Add([]byte{10, 3, 0, 0, 0, 6, 0, 7, 0, 0})
	f.Add([]byte{150, 0, 0, 4, 0, 4, 0, 5, 5, 5, 0, 6})
	f.Fuzz(checkBudget)
}

// checkBudget makes a failing call that retries as often as it may after each
// pause that data names.
func checkBudget(t *testing.T, data []byte) {
	t.Helper()
	if len(data) < 2 || len(data) > 1000 {
		return
	}
	pauses := []time.Duration{0, 0, 0, ms, 100 * ms, 900 * ms, time.Second, 9 * time.Second, 11 * time.Second}
	m := budgetModel{percent: 1 + int(data[0]), floor: int(data[1]) % 4}
	synctest.Test(t, func(t *testing.T) {
		p := constant(0, retry.MaxRetries(math.MaxInt), retry.Spend(retry.NewBudget(float64(m.percent)/100, m.floor)))
		begin := time.Now()
		for i, b := range data[2:] {
			now := time.Since(begin)
			m.calls = append(m.calls, now)
			want := 0
			for m.allows(now) {
				want++
			}
			require.Equal(t, want, outage(t, p, 1), "call %d at %v", i, now)
			time.Sleep(pauses[int(b)%len(pauses)])
		}
	})
}

// budgetModel remembers everything.
type budgetModel struct {
	percent, floor            int
	calls, byRatio, byMinimum []time.Duration
}

func (m *budgetModel) allows(now time.Duration) bool {
	inWindow := func(log []time.Duration) (n int) {
		for _, at := range log {
			if at/time.Second > now/time.Second-10 {
				n++
			}
		}
		return n
	}
	if (inWindow(m.byRatio)+1)*100 <= inWindow(m.calls)*m.percent {
		m.byRatio = append(m.byRatio, now)
		return true
	}
	n := 0
	for _, at := range m.byMinimum {
		if at > now-time.Second {
			n++
		}
	}
	if n < m.floor {
		m.byMinimum = append(m.byMinimum, now)
		return true
	}
	return false
}
