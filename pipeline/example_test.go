package pipeline_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"iter"
	"os/exec"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/weirkit/weir/pipeline"
)

func Example() {
	ctx := context.Background()
	clean := pipeline.New[string]().
		Then(pipeline.Lift(strings.TrimSpace)).
		Filter(func(_ context.Context, s string) (bool, error) { return s != "", nil })
	numbers := pipeline.Map(clean, func(_ context.Context, s string) (int, error) { return strconv.Atoi(s) },
		pipeline.Name("parse"), pipeline.Workers(4)) // four at once, results in order

	all, err := numbers.Collect(ctx, slices.Values([]string{" 1", "", "2 ", "3"}))
	fmt.Println(all, err)
	_, err = numbers.Collect(ctx, slices.Values([]string{"1", "two", "3"}))
	fmt.Println(err)
	// Output:
	// [1 2 3] <nil>
	// pipeline: stage parse, item 1: strconv.Atoi: parsing "two": invalid syntax
}

func ExamplePipeline_Execute() {
	square := pipeline.New[int]().Then(pipeline.Lift(func(n int) int { return n * n }))
	fmt.Println(square.Execute(context.Background(), 7))
	odd := square.Filter(func(_ context.Context, n int) (bool, error) { return n%2 == 1, nil })
	fmt.Println(odd.Execute(context.Background(), 6))
	// Output:
	// 49 <nil>
	// 0 pipeline: no item came out
}

func ExamplePipeline_Stream() {
	endless := func(yield func(int) bool) {
		for i := 1; yield(i); i++ {
		}
	}
	squares := pipeline.New[int]().Then(pipeline.Lift(func(n int) int { return n * n }), pipeline.Workers(3))
	for square, err := range squares.Stream(context.Background(), endless) {
		if err != nil || square > 30 {
			break // everything has stopped when the loop ends
		}
		fmt.Println(square)
	}
	// Output:
	// 1
	// 4
	// 9
	// 16
	// 25
}

func ExamplePipeline_Start() {
	run := pipeline.New[int]().
		Then(pipeline.Lift(func(n int) int { return n + 1 }), pipeline.Name("add"), pipeline.Workers(2)).
		Start(context.Background(), slices.Values([]int{1, 2, 3}))
	for n, err := range run.Results() {
		fmt.Println(n, err)
	}
	fmt.Println(run.Wait(), run.Stats().Stages[0].Out)
	// Output:
	// 2 <nil>
	// 3 <nil>
	// 4 <nil>
	// <nil> 3
}

func ExampleFlatMap() {
	words := pipeline.FlatMap(pipeline.New[string](), func(_ context.Context, line string) iter.Seq2[string, error] {
		return func(yield func(string, error) bool) {
			for w := range strings.FieldsSeq(line) {
				if !yield(w, nil) {
					return
				}
			}
		}
	})
	fmt.Println(words.Collect(context.Background(), slices.Values([]string{"to be or", "not", "", "to be"})))
	// Output: [to be or not to be] <nil>
}

func ExampleBatch() {
	batches := pipeline.Batch(pipeline.New[int](), 2)
	fmt.Println(batches.Collect(context.Background(), slices.Values([]int{1, 2, 3, 4, 5})))
	// Output: [[1 2] [3 4] [5]] <nil>
}

func ExampleOnError() {
	parse := pipeline.From(func(_ context.Context, s string) (int, error) { return strconv.Atoi(s) },
		pipeline.Name("parse"),
		pipeline.OnError(func(e *pipeline.StageError) pipeline.Action {
			fmt.Printf("skipped %q\n", e.Item)
			return pipeline.Skip
		}))
	fmt.Println(parse.Collect(context.Background(), slices.Values([]string{"1", "two", "3"})))
	// Output:
	// skipped "two"
	// [1 3] <nil>
}

func ExamplePipe3() {
	p := pipeline.Pipe3(
		pipeline.Lines(),
		pipeline.From(func(_ context.Context, s string) (int, error) { return strconv.Atoi(s) }, pipeline.Workers(4)),
		pipeline.From(pipeline.Lift(func(n int) string { return strings.Repeat("*", n) })),
	)
	fmt.Println(p)
	fmt.Println(p.Collect(context.Background(), pipeline.One[io.Reader](strings.NewReader("3\n1\n2\n"))))
	// Output:
	// source -> (lines 1) -> map 2 [4 workers] -> (map 3) -> results
	// [*** * **] <nil>
}

// A crawl of a paged API: pages are fetched one after the other, since each names
// the next, and their items are worked on four at once.
func Example_pagedCrawl() {
	pages := map[string][]string{"": {"a", "b", "next=2"}, "2": {"c", "next=3"}, "3": {"d"}}
	fetch := func(_ context.Context, cursor string) iter.Seq2[string, error] {
		return func(yield func(string, error) bool) {
			for more := true; more; {
				page, ok := pages[cursor]
				if !ok {
					yield("", errors.New("no page "+cursor))
					return
				}
				more = false
				for _, item := range page {
					if next, is := strings.CutPrefix(item, "next="); is {
						cursor, more = next, true
					} else if !yield(item, nil) {
						return
					}
				}
			}
		}
	}
	p := pipeline.FlatMap(pipeline.New[string](), fetch, pipeline.Buffer(10)).
		Then(pipeline.Lift(strings.ToUpper), pipeline.Workers(4))
	fmt.Println(p.Collect(context.Background(), pipeline.One("")))
	// Output: [A B C D] <nil>
}

// Log lines to counts: the lines that do not parse go to a dead letter.
func Example_logProcessing() {
	log := "200 /a\n500 /b\nbroken\n200 /a\n404 /c\n"
	type entry struct {
		status int
		path   string
	}
	parse := func(_ context.Context, line string) (e entry, err error) {
		_, err = fmt.Sscanf(line, "%d %s", &e.status, &e.path)
		return e, err
	}
	entries := pipeline.Map(pipeline.Lines(), parse, pipeline.Workers(2),
		pipeline.DeadLetter(func(_ context.Context, e *pipeline.StageError) error {
			fmt.Println("dead letter:", e.Item)
			return nil
		}))
	counts, err := pipeline.Reduce(context.Background(), entries, pipeline.One[io.Reader](strings.NewReader(log)), map[int]int{},
		func(_ context.Context, counts map[int]int, e entry) (map[int]int, error) {
			counts[e.status]++
			return counts, nil
		})
	fmt.Println(counts, err)
	// Output:
	// dead letter: broken
	// map[200:2 404:1 500:1] <nil>
}

// Extract, transform, load: rows are read, changed with four workers, and stored
// two at a time.
func Example_etl() {
	type row struct {
		name string
		age  int
	}
	rows := pipeline.Map(pipeline.Lines(), func(_ context.Context, line string) (r row, err error) {
		name, age, _ := strings.Cut(line, ",")
		r.name = strings.ToLower(name)
		r.age, err = strconv.Atoi(age)
		return r, err
	}, pipeline.Workers(4))
	var table [][]row
	err := pipeline.Batch(rows, 2).ForEach(context.Background(), pipeline.One[io.Reader](strings.NewReader("Ada,36\nAlan,41\nGrace,85\n")),
		func(_ context.Context, batch []row) error {
			table = append(table, batch)
			return nil
		})
	fmt.Println(table, err)
	// Output: [[{ada 36} {alan 41}] [{grace 85}]] <nil>
}

// wordCount counts the lines, words and bytes of a text, like wc.
func wordCount(ctx context.Context, text string) (lines, words, size int, err error) {
	type counts struct{ lines, words, size int }
	chunks := pipeline.Map(pipeline.Batch(pipeline.Lines(), 100), func(_ context.Context, lines []string) (c counts, _ error) {
		for _, l := range lines {
			c.lines++
			c.words += len(strings.Fields(l))
			c.size += len(l) + 1
		}
		return c, nil
	}, pipeline.Workers(4), pipeline.Unordered())
	total, err := pipeline.Reduce(ctx, chunks, pipeline.One[io.Reader](strings.NewReader(text)), counts{},
		func(_ context.Context, a, b counts) (counts, error) {
			return counts{a.lines + b.lines, a.words + b.words, a.size + b.size}, nil
		})
	return total.lines, total.words, total.size, err
}

func TestWordCountAgainstWc(t *testing.T) {
	var text strings.Builder
	for i := range 5000 {
		fmt.Fprintf(&text, "%s\n", strings.Repeat("word ", i%9))
	}
	lines, words, size, err := wordCount(t.Context(), text.String())
	require.NoError(t, err)
	wc, err := exec.LookPath("wc")
	if err != nil {
		t.Skip("there is no wc here")
	}
	cmd := exec.CommandContext(t.Context(), wc) //nolint:gosec // the wc of the machine
	cmd.Stdin = bytes.NewBufferString(text.String())
	out, err := cmd.Output()
	require.NoError(t, err)
	assert.Equal(t, []string{strconv.Itoa(lines), strconv.Itoa(words), strconv.Itoa(size)}, strings.Fields(string(out)))
}
