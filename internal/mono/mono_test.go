package mono_test

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"

	"github.com/weirkit/weir/internal/mono"
)

func TestClockCountsVirtualTimeInsideABubble(t *testing.T) {
	for range 2 { // two bubbles in one process
		synctest.Test(t, func(t *testing.T) {
			c := mono.New()
			assert.Zero(t, c.Now())
			time.Sleep(90 * time.Minute)
			assert.Equal(t, int64(90*time.Minute), c.Now())
			assert.Equal(t, time.Now(), c.Time(c.Now()))
			assert.Equal(t, int64(time.Minute), c.At(c.Time(0).Add(time.Minute)))
		})
	}
}
