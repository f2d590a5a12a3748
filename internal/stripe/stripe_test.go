package stripe_test

import (
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/weirkit/weir/internal/stripe"
)

func TestCounterLosesNothing(t *testing.T) {
	c := stripe.New()
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			for range 10_000 {
				c.Add(3)
				c.Add(-1)
			}
		})
	}
	wg.Wait()
	assert.Equal(t, int64(8*10_000*2), c.Load())
}

func TestAddAllocatesNothing(t *testing.T) {
	c := stripe.New()
	assert.Zero(t, testing.AllocsPerRun(100, func() { c.Add(1) }))
}

func BenchmarkAdd(b *testing.B) {
	c := stripe.New()
	b.Run("serial", func(b *testing.B) {
		for b.Loop() {
			c.Add(1)
		}
	})
	b.Run("parallel", func(b *testing.B) {
		b.RunParallel(func(pb *testing.PB) {
			for pb.Next() {
				c.Add(1)
			}
		})
	})
}
