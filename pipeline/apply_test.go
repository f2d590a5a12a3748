package pipeline_test

import (
	"context"
	"fmt"
	"runtime"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/weirkit/weir/internal/testkit"
	"github.com/weirkit/weir/pipeline"
)

// TestApplyIsThenOfLift cuts a run of Apply stages and one of Then stages at each
// item and place, in each way, and asserts that both end alike.
func TestApplyIsThenOfLift(t *testing.T) {
	type end struct {
		items []int
		calls int
		err   string
		how   testkit.End
	}
	run := func(stages int, opts []pipeline.Option, apply bool, cancelable bool, cut func(place, v int, cancel func())) (e end) {
		ctx, cancel := context.Background(), func() {}
		if cancelable {
			ctx, cancel = context.WithCancel(t.Context())
		}
		defer cancel()
		p := pipeline.New[int]()
		if opts != nil {
			p = p.Tap(func(context.Context, int) error { return nil }, opts...)
		}
		for s := range stages {
			f := func(v int) int {
				e.calls++
				cut(s, v%100, cancel)
				return v + 100
			}
			if apply {
				p = p.Apply(f)
			} else {
				p = p.Then(pipeline.Lift(f))
			}
		}
		e.how = testkit.Run(func() {
			for v, err := range p.Stream(ctx, numbers(5)) {
				if err != nil {
					e.err, _, _ = strings.Cut(err.Error(), "\n")
					continue
				}
				e.items = append(e.items, v)
				cut(-1, v%100, cancel)
			}
		})
		return e
	}
	for stages := 1; stages <= 5; stages++ {
		for _, opts := range [][]pipeline.Option{nil, {pipeline.Buffer(1)}} {
			for place := -1; place < stages; place++ {
				for how := range 4 {
					for item := range 5 {
						cut := func(at, v int, cancel func()) {
							if at != place || v != item {
								return
							}
							switch how {
							case 1:
								cancel()
							case 2:
								panic(errBoom)
							case 3:
								runtime.Goexit()
							}
						}
						name := fmt.Sprint(stages, opts != nil, place, how, item)
						for _, cancelable := range []bool{false, true} {
							a, b := run(stages, opts, true, cancelable, cut), run(stages, opts, false, cancelable, cut)
							require.Equal(t, b, a, name)
						}
					}
				}
			}
		}
	}
}

func TestApply(t *testing.T) {
	p := threeStages().Apply(plusOne, pipeline.Workers(3)).Apply(plusOne, pipeline.Buffer(2)).Apply(plusOne)
	got, err := p.Collect(t.Context(), numbers(3))
	require.NoError(t, err)
	assert.Equal(t, []int{6, 7, 8}, got)
	one, err := p.Execute(t.Context(), 1)
	require.NoError(t, err)
	assert.Equal(t, 7, one)
	for n := range 6 {
		p := pipeline.New[int]()
		for range n {
			p = p.Apply(plusOne)
		}
		got, err := p.Collect(t.Context(), numbers(2))
		require.NoError(t, err)
		assert.Equal(t, []int{n, n + 1}, got)
		for v, err := range p.Stream(t.Context(), numbers(9)) {
			require.NoError(t, err)
			assert.Equal(t, n, v)
			break
		}
		mixed, err := p.Then(add(1)).Apply(plusOne).Filter(even).Apply(plusOne).Collect(t.Context(), numbers(2))
		require.NoError(t, err)
		assert.Len(t, mixed, 1)
	}
	assert.PanicsWithValue(t, "pipeline: Apply needs a function, got nil", func() { pipeline.New[int]().Apply(nil) })
	assert.PanicsWithValue(t, "pipeline: a apply stage does not take the option OnError",
		func() { pipeline.New[int]().Apply(plusOne, pipeline.OnError(skip)) })
}
