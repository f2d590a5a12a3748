package pipeline_test

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"

	"github.com/weirkit/weir/pipeline"
)

// named is a layer that says what it is.
type named struct{ layer }

func (named) String() string { return "limiter(100/s)" }

func drawn() *pipeline.Pipeline[int, []int] {
	clean := pipeline.New[int]().Then(add(1)).Filter(even)
	parse := clean.Then(add(1), pipeline.Name("parse"), pipeline.Workers(4), pipeline.Unordered(), pipeline.Timeout(time.Second))
	send := parse.Then(add(1), pipeline.Buffer(8), pipeline.Guard(named{})).
		Tap(func(context.Context, int) error { return nil }, pipeline.Guard(layer(nil)))
	return pipeline.Batch(send, 100, pipeline.Every(50*time.Millisecond))
}

func TestStringShowsWhatIsFused(t *testing.T) {
	assert.Equal(t, "source -> (then 1, filter 2) -> parse [4 workers, unordered, timeout 1s] -> "+
		"(then 4 [buffer 8, guard limiter(100/s)]) -> (tap 5 [guard]) -> (batch 6 [100, every 50ms]) -> results", drawn().String())
	assert.Equal(t, "source -> results", pipeline.New[int]().String())
	assert.Equal(t, "source -> (take 1 [3], skip 2 [1]) -> results", pipeline.New[int]().Take(3).Skip(1).String())
	assert.Equal(t, "source -> then 1 [1 workers, window 9] -> then 2 [2 workers] -> results",
		pipeline.New[int]().Then(add(1), pipeline.Window(9)).Then(add(1), pipeline.Workers(2)).String())
}

func TestDotDrawsWhereItemsChangeGoroutines(t *testing.T) {
	assert.Equal(t, `digraph pipeline {
	rankdir=LR
	node [shape=box]
	source [shape=plaintext]
	results [shape=plaintext]
	s1 [label="then 1"]
	source -> s1
	s2 [label="filter 2"]
	s1 -> s2
	s3 [label="parse [4 workers, unordered, timeout 1s]"]
	s2 -> s3 [style=bold]
	s4 [label="then 4 [buffer 8, guard limiter(100/s)]"]
	s3 -> s4 [style=bold]
	s5 [label="tap 5 [guard]"]
	s4 -> s5 [style=bold]
	s6 [label="batch 6 [100, every 50ms]"]
	s5 -> s6 [style=bold]
	s6 -> results
}
`, drawn().Dot())
}
