package ratelimit_test

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"

	"github.com/weirkit/weir/ratelimit"
)

func TestLearnSaysWhatDoWouldHaveLearned(t *testing.T) {
	busy, broken := errors.New("429"), errors.New("boom")
	tests := []struct {
		name string
		err  error
	}{{"success", nil}, {"throttled", busy}, {"another error", broken}}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				rates := func(call func(a *ratelimit.Adaptive)) []ratelimit.Rate {
					a := ratelimit.NewAdaptive(ratelimit.PerSecond(10), ratelimit.PerSecond(1000), ratelimit.Settle(time.Millisecond),
						ratelimit.ThrottledBy(func(err error) (time.Duration, bool) { return 0, errors.Is(err, busy) }))
					var rates []ratelimit.Rate
					for range 20 {
						time.Sleep(time.Second)
						call(a)
						rates = append(rates, a.Rate())
					}
					for range 3 {
						time.Sleep(time.Second)
						a.Success()
					}
					return append(rates, a.Rate())
				}
				byDo := rates(func(a *ratelimit.Adaptive) {
					_ = a.Do(t.Context(), func(context.Context) error { return tt.err })
				})
				byHand := rates(func(a *ratelimit.Adaptive) {
					assert.NoError(t, a.Wait(t.Context()))
					a.Learn(tt.err)
				})
				assert.Equal(t, byDo, byHand)
			})
		})
	}
}
