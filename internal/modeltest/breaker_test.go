package modeltest_test

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/anishathalye/porcupine"

	"github.com/weirkit/weir/breaker"
)

// breakerState is a breaker that opens after three failures in a row and stays
// open for longer than the test.
type breakerState struct {
	failures int
	open     bool
}

type breakerOp struct {
	name string
	fail bool
}

var breakerModel = porcupine.Model{
	Init: func() any { return breakerState{} },
	Step: func(state, input, output any) (bool, any) {
		s, in := state.(breakerState), input.(breakerOp)
		switch in.name {
		case "acquire":
			return output.(bool) == !s.open, s
		case "done":
			switch {
			case s.open: // a late result changes nothing
			case in.fail:
				s.failures++
				s.open = s.failures == 3
			default:
				s.failures = 0
			}
			return true, s
		default:
			return output.(breaker.State) == breaker.Open == s.open, s
		}
	},
	DescribeOperation: func(input, output any) string { return fmt.Sprintf("%+v -> %v", input, output) },
}

func TestBreakerIsLinearizable(t *testing.T) {
	failed := errors.New("failed")
	check(t, breakerModel, nil, 5, func() func(*history, int, *rand.Rand) {
		b := breaker.New(breaker.ConsecutiveFailures(3), breaker.OpenFor(time.Hour))
		return func(h *history, client int, rng *rand.Rand) {
			for range 6 {
				var p breaker.Permit
				got := h.do(client, breakerOp{name: "acquire"}, func() any {
					var err error
					p, err = b.Acquire(t.Context())
					return err == nil
				})
				if rng.IntN(3) == 0 {
					h.do(client, breakerOp{name: "look"}, func() any { return b.State() })
				}
				if !got.(bool) {
					continue
				}
				var err error
				if rng.IntN(3) > 0 {
					err = failed
				}
				h.do(client, breakerOp{"done", err != nil}, func() any { p.Done(err); return nil })
			}
		}
	})
}
