package pipeline_test

import (
	"context"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/weirkit/weir/pipeline"
)

// orders is the pipeline that docs/pipelines.md draws.
func orders() *pipeline.Pipeline[string, []int] {
	lines := pipeline.New[string]().
		Apply(strings.TrimSpace).
		Filter(func(_ context.Context, s string) (bool, error) { return s != "", nil })
	parsed := pipeline.Map(lines, func(_ context.Context, s string) (int, error) { return strconv.Atoi(s) },
		pipeline.Name("parse"), pipeline.Buffer(64))
	priced := parsed.Then(func(_ context.Context, id int) (int, error) { return id * 3, nil },
		pipeline.Name("price"), pipeline.Workers(8), pipeline.Timeout(time.Second))
	return pipeline.Batch(priced, 100, pipeline.Every(50*time.Millisecond))
}

func ExamplePipeline_String() {
	fmt.Println(orders())
	// Output:
	// source -> (apply 1, filter 2, parse [buffer 64]) -> price [8 workers, timeout 1s] -> (batch 5 [100, every 50ms]) -> results
}

func ExamplePipeline_Dot() {
	fmt.Print(orders().Dot())
	// Output:
	// digraph pipeline {
	// 	rankdir=LR
	// 	node [shape=box]
	// 	source [shape=plaintext]
	// 	results [shape=plaintext]
	// 	s1 [label="apply 1"]
	// 	source -> s1
	// 	s2 [label="filter 2"]
	// 	s1 -> s2
	// 	s3 [label="parse [buffer 64]"]
	// 	s2 -> s3
	// 	s4 [label="price [8 workers, timeout 1s]"]
	// 	s3 -> s4 [style=bold]
	// 	s5 [label="batch 5 [100, every 50ms]"]
	// 	s4 -> s5 [style=bold]
	// 	s5 -> results
	// }
}

// A job of a hundred files is stopped in the middle and goes on behind what it
// has done.
func ExampleRun_Checkpoint() {
	ctx := context.Background()
	files := func(yield func(int) bool) {
		for i := range 100 {
			if !yield(i) {
				return
			}
		}
	}
	p := pipeline.New[int]().Then(func(_ context.Context, file int) (int, error) { return file, nil }, pipeline.Workers(4))
	from := int64(0)
	for from < 100 {
		run := p.Start(ctx, files, pipeline.Checkpoints(from))
		n := 0
		for _, err := range run.Results() {
			if err != nil {
				fmt.Println(err)
				return
			}
			if n++; n > 40 {
				break // as a kill would
			}
		}
		fmt.Println("from", from, "to", run.Checkpoint())
		from = run.Checkpoint()
	}
	// Output:
	// from 0 to 40
	// from 40 to 80
	// from 80 to 100
}
