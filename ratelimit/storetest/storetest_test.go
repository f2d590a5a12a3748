package storetest_test

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/weirkit/weir/ratelimit"
	"github.com/weirkit/weir/ratelimit/storetest"
)

func newStore(_ *testing.T, r ratelimit.Rate, burst int) ratelimit.Store {
	return ratelimit.NewStore(ratelimit.NewKeyed[string](r, burst))
}

func TestTheStoreInThisProcessConforms(t *testing.T) {
	t.Parallel()
	storetest.Run(t, newStore, storetest.Precision(5*time.Millisecond))
}

func TestThePrecisionCanBeNone(t *testing.T) {
	for range 3 {
		synctest.Test(t, func(t *testing.T) {
			s := newStore(t, ratelimit.PerSecond(10), 1)
			_, _ = s.Take(t.Context(), "k", 1)
			d, _ := s.Take(t.Context(), "k", 1)
			if d.RetryAfter != 100*time.Millisecond {
				t.Error(d)
			}
		})
	}
}
