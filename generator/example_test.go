package generator_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

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

func ExamplePages() {
	// A paged API: a page has items and the token of the next one.
	fetch := func(_ context.Context, token string) (items []string, next string, err error) {
		switch token {
		case "":
			return []string{"ann", "bob"}, "page2", nil
		case "page2":
			return []string{"cid"}, "", nil
		}
		return nil, "", errors.New("no such page")
	}
	users := generator.Pages(context.Background(), "", fetch)
	for user := range users.All() {
		fmt.Println(user)
	}
	fmt.Println(users.Err())
	// Output:
	// ann
	// bob
	// cid
	// <nil>
}

func ExampleFromFunc() {
	lines := bufio.NewReader(strings.NewReader("one\ntwo\n"))
	g := generator.FromFunc(context.Background(), func(context.Context) (string, error) {
		return lines.ReadString('\n')
	})
	for line := range g.All() {
		fmt.Printf("%q\n", line)
	}
	// Output:
	// "one\n"
	// "two\n"
}

func ExampleGenerator_Peek() {
	// Runs of equal values, without taking the first of the next run.
	g := generator.From(context.Background(), slices.Values([]int{1, 1, 1, 4, 4, 9}))
	defer g.Close()
	for v, ok := g.Next(); ok; v, ok = g.Next() {
		n := 1
		for next, ok := g.Peek(); ok && next == v; next, ok = g.Peek() {
			g.Next()
			n++
		}
		fmt.Println(n, "times", v)
	}
	// Output:
	// 3 times 1
	// 2 times 4
	// 1 times 9
}

func ExamplePeekable() {
	for v, peek := range generator.Peekable(generator.Range(1, 4)) {
		if next, ok := peek(); ok {
			fmt.Println(v, "before", next)
		} else {
			fmt.Println(v, "is the last")
		}
	}
	// Output:
	// 1 before 2
	// 2 before 3
	// 3 is the last
}

func ExampleMerge() {
	sum := 0
	for v := range generator.Merge(generator.Range(0, 10), generator.Range(10, 20)) {
		sum += v // the order of the two is that of their coming
	}
	fmt.Println(sum)
	// Output: 190
}

func ExampleZip() {
	for n, word := range generator.Zip(generator.Iterate(1, func(n int) int { return 2 * n }), slices.Values([]string{"a", "b", "c"})) {
		fmt.Println(n, word)
	}
	// Output:
	// 1 a
	// 2 b
	// 4 c
}

func ExampleGenerator_Stream() {
	g := generator.New(context.Background(), func(_ context.Context, yield func(int) bool) error {
		yield(1)
		return errors.New("broken")
	})
	for v, err := range g.Stream() {
		if err != nil {
			fmt.Println("failed:", err)
			break
		}
		fmt.Println(v)
	}
	// Output:
	// 1
	// failed: broken
}
