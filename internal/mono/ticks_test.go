package mono_test

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"

	"github.com/weirkit/weir/internal/mono"
)

func TestDifferencesOfTicksAreTrueInTwoBubblesAndOutside(t *testing.T) {
	outside := func() {
		before := time.Now()
		from := mono.Ticks()
		between := time.Now()
		for time.Since(between) < time.Millisecond {
		}
		took := mono.Ticks() - from
		assert.GreaterOrEqual(t, took, int64(time.Millisecond))
		assert.LessOrEqual(t, took, int64(time.Since(before)))
	}
	inside := func(t *testing.T) {
		from := mono.Ticks()
		assert.Equal(t, from, mono.Ticks(), "no time passes while a bubble runs")
		time.Sleep(90 * time.Minute)
		assert.Equal(t, int64(90*time.Minute), mono.Ticks()-from)
		time.Sleep(time.Nanosecond)
		assert.Equal(t, int64(90*time.Minute+1), mono.Ticks()-from)
	}
	outside()
	synctest.Test(t, inside)
	outside()
	synctest.Test(t, inside)
	outside()
}
