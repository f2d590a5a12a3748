package pipeline_test

import (
	"context"
	"fmt"
	"io"
	"strings"

	"github.com/weirkit/weir/pipeline"
)

// The source of Lines is one of readers: a single one goes in by One.
func ExampleLines() {
	r := strings.NewReader("to be\nor not\n")
	lines, err := pipeline.Lines().Collect(context.Background(), pipeline.One[io.Reader](r))
	fmt.Printf("%q %v\n", lines, err)
	// Output: ["to be" "or not"] <nil>
}

func ExampleReceive() {
	ch := make(chan int, 3)
	ch <- 1
	ch <- 2
	close(ch)
	items, err := pipeline.Receive[int]().Collect(context.Background(), pipeline.One[<-chan int](ch))
	fmt.Println(items, err)
	// Output: [1 2] <nil>
}
