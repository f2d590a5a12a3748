package generator_test

import (
	"context"
	"errors"
	"fmt"

	"github.com/weirkit/weir/generator"
)

func fibonacci(_ context.Context, yield func(int) bool) error {
	for a, b := 0, 1; yield(a); a, b = b, a+b {
	}
	return nil
}

func ExampleNew() {
	g := generator.New(context.Background(), fibonacci)
	for n := range g.All() {
		if n > 20 {
			break // ends the producer, too
		}
		fmt.Print(n, " ")
	}
	fmt.Println(g.Err())
	// Output: 0 1 1 2 3 5 8 13 <nil>
}

func ExampleGenerator_Next() {
	g := generator.New(context.Background(), fibonacci)
	defer g.Close()
	a, _ := g.Next()
	b, _ := g.Next()
	more, err := g.CollectN(5)
	fmt.Println(a, b, more, err)
	// Output: 0 1 [1 2 3 5 8] <nil>
}

func ExampleGenerator_Err() {
	g := generator.New(context.Background(), func(_ context.Context, yield func(string) bool) error {
		yield("first")
		return errors.New("the second is missing")
	})
	for v := range g.All() {
		fmt.Println(v)
	}
	fmt.Println(g.Err())
	// Output:
	// first
	// the second is missing
}

func ExampleBuffer() {
	// Up to 64 values are made ahead, by a goroutine that ends with the loop.
	g := generator.New(context.Background(), fibonacci, generator.Buffer(64))
	for batch := range g.Batches(4) {
		fmt.Println(batch)
		if batch[3] > 10 {
			break
		}
	}
	// Output:
	// [0 1 1 2]
	// [3 5 8 13]
}

func ExampleMap() {
	even := generator.Filter(generator.Range(0, 100), func(n int) bool { return n%2 == 0 })
	squares := generator.Map(even, func(n int) int { return n * n })
	for n := range generator.Take(squares, 4) {
		fmt.Println(n)
	}
	// Output:
	// 0
	// 4
	// 16
	// 36
}

func ExampleChunk() {
	for c := range generator.Chunk(generator.Range(1, 6), 2) {
		fmt.Println(c)
	}
	// Output:
	// [1 2]
	// [3 4]
	// [5]
}
