package fanout_test

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/weirkit/weir/fanout"
)

// download stands for a download.
func download(_ context.Context, page string) (int, error) {
	if page == "missing" {
		return 0, errors.New("no such page")
	}
	return len(page), nil
}

func ExampleMap() {
	ctx := context.Background()

	// Results are in the order of the items. Say how many may wait at once.
	sizes, err := fanout.Map(ctx, []string{"home", "about", "contact"}, download, fanout.Workers(3))
	fmt.Println(sizes, err)

	// The first error stops it, and says which item it was of.
	sizes, err = fanout.Map(ctx, []string{"home", "missing", "contact"}, download, fanout.Workers(3))
	fmt.Println(sizes, err)
	// Output:
	// [4 5 7] <nil>
	// [] fanout: item 1: no such page
}

func ExampleForEach() {
	ctx := context.Background()
	pages := []string{"missing", "home", "missing"}

	err := fanout.ForEach(ctx, pages, func(ctx context.Context, page string) error {
		_, err := download(ctx, page)
		return err
	}, fanout.CollectErrors()) // go on, and tell all

	if batch, ok := errors.AsType[*fanout.BatchError](err); ok {
		for _, failed := range batch.Failures {
			fmt.Println("item", failed.Index, "failed:", failed.Err)
		}
	}
	// Output:
	// item 0 failed: no such page
	// item 2 failed: no such page
}

func ExampleFilter() {
	short, err := fanout.Filter(context.Background(), []string{"home", "about", "faq"}, func(_ context.Context, page string) (bool, error) {
		return len(page) < 5, nil
	})
	fmt.Println(short, err)
	// Output: [home faq] <nil>
}

func ExampleFilterMap() {
	loud, err := fanout.FilterMap(context.Background(), []string{"home", "", "faq"}, func(_ context.Context, page string) (string, bool, error) {
		return strings.ToUpper(page), page != "", nil
	})
	fmt.Println(loud, err)
	// Output: [HOME FAQ] <nil>
}

func ExampleUpdate() {
	pages := []string{"home", "about"}
	err := fanout.Update(context.Background(), pages, func(_ context.Context, page *string) error {
		*page += ".html"
		return nil
	})
	fmt.Println(pages, err)
	// Output: [home.html about.html] <nil>
}

func ExampleSettle() {
	for i, r := range fanout.Settle(context.Background(), []string{"home", "missing"}, download) {
		if r.State == fanout.Done {
			fmt.Println(i, "has", r.Value, "bytes")
		} else {
			fmt.Println(i, r.State, "-", r.Err)
		}
	}
	// Output:
	// 0 has 4 bytes
	// 1 failed - no such page
}

func ExampleReduce() {
	words := []string{"so", "it", "stays", "in", "order"}
	text, err := fanout.Reduce(context.Background(), words, func(_ context.Context, a, b string) (string, error) {
		return a + " " + b, nil
	})
	fmt.Println(text, err)
	// Output: so it stays in order <nil>
}

func ExampleMapValues() {
	pages := map[string]string{"en": "home", "de": "start"}
	sizes, err := fanout.MapValues(context.Background(), pages, func(ctx context.Context, _, page string) (int, error) {
		return download(ctx, page)
	})
	fmt.Println(sizes, err)
	// Output: map[de:5 en:4] <nil>
}

func ExampleStream() {
	// More pages than there will ever be memory for.
	pages := func(yield func(string) bool) {
		for page := "p"; yield(page); page += "p" {
		}
	}
	for n, err := range fanout.Stream(context.Background(), pages, download, fanout.Workers(4)) {
		if err != nil {
			fmt.Println(err)
			return
		}
		fmt.Println(n)
		if n == 3 {
			break // stops and joins every worker
		}
	}
	// Output:
	// 1
	// 2
	// 3
}

func ExampleStreamByKey() {
	type order struct {
		customer string
		item     string
	}
	orders := slices.Values([]order{{"ada", "tea"}, {"alan", "mug"}, {"ada", "milk"}, {"alan", "pen"}})

	carts := map[string]*[]string{"ada": {}, "alan": {}}
	for _, err := range fanout.StreamByKey(context.Background(), orders, func(o order) string { return o.customer },
		func(_ context.Context, o order) (struct{}, error) {
			cart := carts[o.customer] // no lock: the orders of a customer come one after the other
			*cart = append(*cart, o.item)
			return struct{}{}, nil
		}, fanout.Workers(8)) {
		if err != nil {
			fmt.Println(err)
		}
	}
	for _, customer := range slices.Sorted(maps.Keys(carts)) {
		fmt.Println(customer, *carts[customer])
	}
	// Output:
	// ada [tea milk]
	// alan [mug pen]
}

func ExampleChan() {
	pages, sizes := make(chan string), make(chan int)
	go func() {
		defer close(pages)
		for _, page := range []string{"home", "about"} {
			pages <- page
		}
	}()
	go func() {
		defer close(sizes)
		if err := fanout.Chan(context.Background(), pages, sizes, download); err != nil {
			fmt.Println(err)
		}
	}()
	for n := range sizes {
		fmt.Println(n)
	}
	// Output:
	// 4
	// 5
}

func ExampleAll2() {
	name, visits, err := fanout.All2(context.Background(),
		func(context.Context) (string, error) { return "gopher", nil },
		func(context.Context) (int, error) { return 7, nil })
	fmt.Println(name, visits, err)
	// Output: gopher 7 <nil>
}

func ExampleFirst() {
	quickest, err := fanout.First(context.Background(),
		func(context.Context) (string, error) { return "", errors.New("mirror 1 is down") },
		func(ctx context.Context) (string, error) {
			select {
			case <-time.After(time.Hour):
				return "mirror 2", nil
			case <-ctx.Done(): // it has lost: First waits for it to end
				return "", ctx.Err()
			}
		},
		func(context.Context) (string, error) { return "mirror 3", nil })
	fmt.Println(quickest, err)
	// Output: mirror 3 <nil>
}

func ExampleGroup() {
	g := fanout.NewGroup(context.Background(), fanout.Workers(4))
	user := fanout.Go(g, func(context.Context) (string, error) { return "gopher", nil })
	visits := fanout.Go(g, func(context.Context) (int, error) { return 7, nil })
	if err := g.Wait(); err != nil { // the first error stops the others
		fmt.Println(err)
		return
	}
	name, _ := user.Result()
	n, _ := visits.Result()
	fmt.Println(name, n)
	// Output: gopher 7
}

func ExampleCrew() {
	crew := fanout.NewCrew(2)
	pages := slices.Values([]string{"home", "about", "faq"})
	for n, err := range fanout.Stream(context.Background(), pages, download, crew) {
		fmt.Println(n, err)
		crew.SetWorkers(crew.Workers() + 1) // also while it runs
	}
	fmt.Println(crew.Workers(), "workers")
	// Output:
	// 4 <nil>
	// 5 <nil>
	// 3 <nil>
	// 5 workers
}
