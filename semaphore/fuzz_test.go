package semaphore_test

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/weirkit/weir/semaphore"
)

// FuzzAdaptive feeds an Adaptive any latencies and outcomes: the limit stays
// within its bounds, what the statistics say is possible, and every permit
// comes back.
func FuzzAdaptive(f *testing.F) {
	f.Add([]byte{1, 20, 3, 10, 10, 10, 0, 5, 200, 255, 9, 0, 1})
	f.Add([]byte{5, 5, 1, 0, 0, 0, 0})
	f.Add([]byte{0, 255, 0, 100, 100, 101, 102, 3, 3, 3})
	f.Fuzz(func(t *testing.T, data []byte) {
		if len(data) < 3 {
			return
		}
		synctest.Test(t, func(t *testing.T) {
			lowest := 1 + int64(data[0]%8)
			highest := lowest + int64(data[1])
			opts := []semaphore.Option{semaphore.MaxBaseline(time.Second)}
			if data[2]&1 != 0 {
				opts = append(opts, semaphore.AIMD(0.5))
			}
			a := semaphore.NewAdaptive(lowest, highest, opts...)
			for _, b := range data[3:] {
				// One byte is a round: as many calls at once as fit, all of them as
				// long and with the outcome that it says, thirty times.
				for range 30 {
					var calls []*semaphore.Call
					for c, ok := a.TryAcquire(); ok; c, ok = a.TryAcquire() {
						calls = append(calls, c)
					}
					time.Sleep(time.Duration(b/3) * time.Duration(b/3) * time.Millisecond / 4)
					for _, c := range calls {
						c.End(semaphore.Outcome(b % 3))
					}
					st := a.Stats()
					require.GreaterOrEqual(t, st.Limit, lowest)
					require.LessOrEqual(t, st.Limit, highest)
					require.LessOrEqual(t, st.Baseline, time.Second)
					require.GreaterOrEqual(t, st.Baseline, time.Duration(0))
					require.Zero(t, st.Held)
				}
			}
		})
	})
}

// FuzzKeyed runs operations on a few keys beside a map.
func FuzzKeyed(f *testing.F) {
	f.Add([]byte{2, 0, 1, 4, 8, 1, 9, 2, 3, 3})
	f.Fuzz(func(t *testing.T, data []byte) {
		if len(data) < 2 {
			return
		}
		limit := 1 + int64(data[0]%4)
		const maxKeys = 3
		k := semaphore.NewKeyed[byte](limit, semaphore.MaxKeys(maxKeys))
		held := map[byte]int64{}
		for ops := data[1:]; len(ops) >= 2; ops = ops[2:] {
			key, n := ops[0]%6, 1+int64(ops[1]%5)
			switch ops[0] / 6 % 4 {
			case 0, 1:
				_, exists := held[key]
				want := held[key]+n <= limit && (exists || len(held) < maxKeys)
				require.Equal(t, want, k.TryAcquire(key, n))
				if want {
					held[key] += n
				}
			case 2:
				if n > held[key] {
					require.Panics(t, func() { k.Release(key, n) })
					break
				}
				k.Release(key, n)
				if held[key] -= n; held[key] == 0 {
					delete(held, key)
				}
			default:
				limit = 1 + int64(ops[1]%4)
				k.SetLimit(limit)
			}
			require.Equal(t, len(held), k.Len())
			for key := range byte(6) {
				require.Equal(t, held[key], k.Held(key))
			}
		}
	})
}
