package pipeline_test

import (
	"context"
	"slices"
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/weirkit/weir/pipeline"
)

func TestExecuteAllocatesNothing(t *testing.T) {
	p := pipeline.Map(threeStages(pipeline.Workers(4)).Filter(even).Tap(func(context.Context, int) error { return nil }),
		pipeline.Lift(func(v int) float64 { return float64(v) }))
	ctx := t.Context()
	assert.Zero(t, testing.AllocsPerRun(100, func() {
		if v, err := p.Execute(ctx, 1); v != 4 || err != nil {
			t.Error(v, err)
		}
	}))
}

func TestAStreamAllocatesNothingPerItem(t *testing.T) {
	in := upTo(10_000)
	for _, s := range shapes() {
		p := (&probe{}).build(s)
		assert.Less(t, testing.AllocsPerRun(3, func() {
			for _, err := range p.Stream(t.Context(), slices.Values(in)) {
				if err != nil {
					t.Error(err)
				}
			}
		}), 500.0, s.name)
	}
}
