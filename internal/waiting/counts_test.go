package waiting_test

import (
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"

	"github.com/weirkit/weir/internal/waiting"
)

func TestCountsAddUpWhoeverWrites(t *testing.T) {
	var c waiting.Counts
	var all sync.WaitGroup
	for g := range 8 {
		all.Go(func() {
			for i := range 1000 {
				c.Waited(time.Duration(g*1000 + i))
				c.Rejected.Add(1)
				c.Cancelled.Add(2)
			}
		})
	}
	all.Wait()
	assert.EqualValues(t, 8000, c.Waits())
	assert.EqualValues(t, 8000*7999/2, c.Total())
	assert.EqualValues(t, 7999, c.Longest())
	assert.EqualValues(t, 8000, c.Rejected.Load())
	assert.EqualValues(t, 16000, c.Cancelled.Load())
}
