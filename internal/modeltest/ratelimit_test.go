package modeltest_test

import (
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/anishathalye/porcupine"

	"github.com/weirkit/weir/ratelimit"
)

// limitOp takes tokens: all n of them, or up to n, or looks.
type limitOp struct {
	name string
	n    int
}

// limiterModel is a bucket that does not fill again, which is what a limiter of
// one token a day is for the time of a test.
var limiterModel = porcupine.Model{
	Init: func() any { return 40 },
	Step: func(state, input, output any) (bool, any) {
		tokens, in := state.(int), input.(limitOp)
		switch in.name {
		case "allow":
			if !output.(bool) {
				return tokens < in.n, tokens
			}
			return tokens >= in.n, tokens - in.n
		case "up to":
			got := output.(int)
			return got == min(tokens, in.n), tokens - got
		default:
			return output.(int) == tokens, tokens
		}
	},
	DescribeOperation: func(input, output any) string { return fmt.Sprintf("%+v -> %v", input, output) },
}

func TestLimiterIsLinearizable(t *testing.T) {
	check(t, limiterModel, nil, 5, func() func(*history, int, *rand.Rand) {
		l := ratelimit.New(ratelimit.PerDay(1), 40)
		return func(h *history, client int, rng *rand.Rand) {
			for range 8 {
				n := 1 + rng.IntN(4)
				switch rng.IntN(5) {
				case 0:
					h.do(client, limitOp{"up to", n}, func() any { return l.TakeUpTo(n) })
				case 1:
					h.do(client, limitOp{"look", 0}, func() any { return l.Take(0).Remaining })
				default:
					h.do(client, limitOp{"allow", n}, func() any { return l.AllowN(n) })
				}
			}
		}
	})
}
