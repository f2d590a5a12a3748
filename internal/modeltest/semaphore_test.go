package modeltest_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"runtime"
	"testing"
	"time"

	"github.com/anishathalye/porcupine"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/weirkit/weir/semaphore"
)

// semState is all that a semaphore is to those who do not wait.
type semState struct{ limit, held int64 }

// semModelState is semState and what acquisitions hold that are about to fail.
type semModelState struct {
	semState

	all bool // an operation for all has everything, also what the limit adds

	begun  uint32
	inVain [32]int64
}

// semOp is an operation: acquire, try, all, tryAll, release, limit or look.
type semOp struct {
	name string
	n    int64
	id   int // of an acquisition that failed
}

// semaphoreModel is the specification. With queues, a try may be refused though
// permits are free, because others wait for them; the model does not know who
// waits, so it accepts that. And an acquisition whose context ended while the
// permits were on their way to it has them for a moment, and gives them back
// before it returns its error: in the history that is two operations, "begin"
// and "end", both within its time.
func semaphoreModel(queues bool) porcupine.Model {
	m := porcupine.NondeterministicModel{
		Init: func() []any { return []any{semModelState{semState: semState{limit: 6}}} },
		Step: func(state, input, output any) []any {
			return semaphoreStep(queues, state.(semModelState), input.(semOp), output)
		},
		DescribeOperation: func(input, output any) string { return fmt.Sprintf("%+v -> %v", input, output) },
	}
	return m.ToModel()
}

// semaphoreStep returns the states that s may become.
func semaphoreStep(queues bool, s semModelState, in semOp, output any) []any {
	possible := true
	switch in.name {
	case "try":
		if !output.(bool) {
			possible = queues || s.held+in.n > s.limit || s.all
			break
		}
		s.held += in.n
		possible = s.held <= s.limit && !s.all
	case "acquire":
		s.held += in.n
		possible = s.held <= s.limit && !s.all
	case "all":
		possible = s.held == 0 && output.(int64) == s.limit
		s.held, s.all = output.(int64), true
	case "tryAll":
		if n := output.(int64); n > 0 {
			possible = s.held == 0 && n == s.limit
			s.held, s.all = n, true
		} else {
			possible = queues || s.held != 0
		}
	case "begin":
		return begin(s, in)
	case "end":
		possible = s.begun&(1<<in.id) != 0
		s.held -= s.inVain[in.id]
		s.all = s.all && s.inVain[in.id] == 0
		s.inVain[in.id] = 0
	case "over": // more than there is: it panics, and is seen by nobody
		possible = output.(bool)
	case "release":
		s.held -= in.n
		s.all = false
		possible = s.held >= 0
	case "limit":
		s.limit = in.n
	default:
		seen := s.semState
		if s.all {
			seen.held = max(seen.held, seen.limit)
		}
		possible = output.(semState) == seen
	}
	if !possible {
		return nil
	}
	return []any{s}
}

// begin returns what an acquisition in vain may have had: nothing, or what it
// wanted.
func begin(s semModelState, in semOp) []any {
	s.begun |= 1 << in.id
	nothing := s
	if in.n == 0 { // all
		in.n = s.limit
		if s.held != 0 {
			return []any{nothing}
		}
		s.all = true
	}
	if s.held+in.n > s.limit || nothing.all {
		return []any{nothing}
	}
	s.held += in.n
	s.inVain[in.id] = in.n
	return []any{nothing, s}
}

// splitInVain makes two operations of each acquisition that failed.
func splitInVain(ops []porcupine.Operation) []porcupine.Operation {
	var out []porcupine.Operation
	id := 0
	for _, op := range ops {
		in := op.Input.(semOp)
		if in.name == "acquire" && op.Output == any(false) || in.name == "all" && op.Output == any(int64(0)) {
			first, second := op, op
			first.Input, first.Output = semOp{"begin", in.n, id}, nil
			second.Input, second.Output = semOp{"end", in.n, id}, nil
			out = append(out, first, second)
			id++
			continue
		}
		out = append(out, op)
	}
	return out
}

func look(s *semaphore.Semaphore) any {
	st := s.Stats()
	return semState{st.Limit, st.Held}
}

func TestSemaphoreWithoutWaitingIsLinearizable(t *testing.T) {
	check(t, semaphoreModel(false), nil, 5, func() func(*history, int, *rand.Rand) {
		s := semaphore.New(6)
		return func(h *history, client int, rng *rand.Rand) {
			var mine int64
			for range 10 {
				n := 1 + rng.Int64N(3)
				switch rng.IntN(6) {
				case 0, 1:
					if h.do(client, semOp{name: "try", n: n}, func() any { return s.TryAcquire(n) }).(bool) {
						mine += n
					}
				case 2:
					mine += h.do(client, semOp{name: "tryAll", n: 0}, func() any { n, _ := s.TryAcquireAll(); return n }).(int64)
				case 3:
					n = 1 + rng.Int64N(8)
					h.do(client, semOp{name: "limit", n: n}, func() any { s.SetLimit(n); return nil })
				case 4:
					h.do(client, semOp{name: "look", n: 0}, func() any { return look(s) })
				default:
					if mine > 0 {
						n = 1 + rng.Int64N(mine)
						h.do(client, semOp{name: "release", n: n}, func() any { s.Release(n); return nil })
						mine -= n
					}
				}
			}
			if mine > 0 {
				h.do(client, semOp{name: "release", n: mine}, func() any { s.Release(mine); return nil })
			}
		}
	})
}

// TestAnOverReleaseIsLinearizable has one client release too much once, at some
// moment among the others' operations.
func TestAnOverReleaseIsLinearizable(t *testing.T) {
	check(t, semaphoreModel(true), splitInVain, 5, func() func(*history, int, *rand.Rand) {
		s := semaphore.New(6)
		return func(h *history, client int, rng *rand.Rand) {
			for i := range 5 {
				if client == 0 && i == 2 {
					h.do(client, semOp{name: "over", n: 20}, func() (panicked any) {
						defer func() { panicked = recover() != nil }()
						s.Release(20)
						return false
					})
				}
				acquireAndRelease(t.Context(), h, s, client, rng)
			}
		}
	})
}

func TestSemaphoreWithWaitingIsLinearizable(t *testing.T) {
	for name, opts := range map[string][]semaphore.Option{
		"default": nil,
		"fifo":    {semaphore.FIFO()},
		"lifo":    {semaphore.LIFO(), semaphore.MaxWaiters(2)},
		"aging":   {semaphore.Aging(time.Microsecond)},
		"shares":  {semaphore.Share(-1, 40)},
	} {
		t.Run(name, func(t *testing.T) {
			check(t, semaphoreModel(true), splitInVain, 5, func() func(*history, int, *rand.Rand) {
				s := semaphore.New(6, opts...)
				return func(h *history, client int, rng *rand.Rand) {
					for range 5 {
						acquireAndRelease(t.Context(), h, s, client, rng)
					}
				}
			})
		})
	}
}

// acquireAndRelease acquires in some way, perhaps in vain, and releases.
func acquireAndRelease(ctx context.Context, h *history, s *semaphore.Semaphore, client int, rng *rand.Rand) {
	ctx, cancel := context.WithTimeout(ctx, time.Duration(20+rng.IntN(500))*time.Microsecond)
	defer cancel()
	n := 1 + rng.Int64N(6)
	ok := false
	switch rng.IntN(5) {
	case 0:
		n = h.do(client, semOp{name: "all", n: 0}, func() any { n, _ := s.AcquireAll(ctx); return n }).(int64)
		ok = n > 0
	case 1:
		ok = h.do(client, semOp{name: "try", n: n}, func() any { return s.TryAcquire(n) }).(bool)
	case 2:
		limit := 1 + rng.Int64N(8)
		h.do(client, semOp{name: "limit", n: limit}, func() any { s.SetLimit(limit); return nil })
	default:
		prio := rng.IntN(3) - 1
		ok = h.do(client, semOp{name: "acquire", n: n}, func() any { return s.AcquirePriority(ctx, n, prio) == nil }).(bool)
	}
	if rng.IntN(2) == 0 {
		runtime.Gosched()
	}
	h.do(client, semOp{name: "look", n: 0}, func() any { return look(s) })
	if ok {
		h.do(client, semOp{name: "release", n: n}, func() any { s.Release(n); return nil })
	}
}

// TestSemaphoreAgainstRapid drives one semaphore and the plainest model of it
// through steps that rapid picks, and shrinks if they differ.
func TestSemaphoreAgainstRapid(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		limit := rapid.Int64Range(1, 10).Draw(t, "limit")
		s := semaphore.New(limit)
		var plain, lent int64
		all := false // what was taken with TryAcquireAll is held
		var permits []*semaphore.Permit
		released := map[*semaphore.Permit]bool{}
		t.Repeat(map[string]func(*rapid.T){
			"TryAcquire": func(t *rapid.T) {
				n := rapid.Int64Range(0, 12).Draw(t, "n")
				fits := n == 0 || plain+lent+n <= limit && !all
				require.Equal(t, fits, s.TryAcquire(n))
				if fits {
					plain += n
				}
			},
			"TryPermit": func(t *rapid.T) {
				n := rapid.Int64Range(0, 4).Draw(t, "n")
				p, ok := s.TryPermit(n)
				require.Equal(t, n == 0 || plain+lent+n <= limit && !all, ok)
				if ok {
					lent += n
					permits = append(permits, p)
				}
			},
			"Permit.Release": func(t *rapid.T) {
				if len(permits) == 0 {
					t.Skip("none")
				}
				p := rapid.SampledFrom(permits).Draw(t, "permit")
				p.Release()
				if !released[p] {
					released[p] = true
					lent -= p.N()
				}
			},
			"Release": func(t *rapid.T) {
				n := rapid.Int64Range(0, 12).Draw(t, "n")
				if n > plain+lent {
					require.Panics(t, func() { s.Release(n) })
				} else if n <= plain {
					s.Release(n)
					plain -= n
					all = all && n == 0
				}
			},
			"ReleaseAll": func(t *rapid.T) {
				require.Equal(t, lent, s.ReleaseAll())
				lent = 0
				for _, p := range permits {
					released[p] = true
				}
			},
			"SetLimit": func(t *rapid.T) {
				limit = rapid.Int64Range(1, 10).Draw(t, "limit")
				s.SetLimit(limit)
			},
			"TryAcquireAll": func(t *rapid.T) {
				n, ok := s.TryAcquireAll()
				require.Equal(t, plain+lent == 0, ok)
				plain += n
				all = all || ok
			},
			"": func(t *rapid.T) {
				held := plain + lent
				if all {
					held = max(held, limit)
				}
				st := s.Stats()
				require.Equal(t, []int64{limit, held, max(limit-held, 0)}, []int64{st.Limit, st.Held, st.Available})
				for _, p := range permits {
					require.Equal(t, !released[p], p.Held())
				}
			},
		})
	})
}
