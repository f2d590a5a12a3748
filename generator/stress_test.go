package generator_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"runtime"
	"slices"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/weirkit/weir/generator"
)

// Every kind of pull from several goroutines, some of which give up their waits,
// until a Close or a cancel at any moment. No value comes out twice or is skipped,
// each goroutine sees them in order, and when all have returned the producer has.
func TestPullsOfEveryKindAtOnce(t *testing.T) {
	for _, procs := range []int{1, 2, 8} {
		for _, buffer := range []int{0, 1, 5} {
			t.Run(fmt.Sprintf("procs=%d/buffer=%d", procs, buffer), func(t *testing.T) {
				defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(procs))
				for round := range uint64(60) {
					pullOfEveryKind(t, buffer, round)
				}
			})
		}
	}
}

func pullOfEveryKind(t *testing.T, buffer int, seed uint64) {
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	ended := false
	g := generator.New(ctx, func(ctx context.Context, yield func(int) bool) error {
		defer func() { ended = true }()
		for i := 0; yield(i); i++ {
			if i%3 == 0 {
				runtime.Gosched()
			}
		}
		return nil
	}, generator.Buffer(buffer))

	var mu sync.Mutex
	var all []int
	var wg sync.WaitGroup
	for id := range uint64(4) {
		wg.Go(func() {
			r := rand.New(rand.NewPCG(seed, id))
			var mine []int
			for g.Err() == nil {
				got, more := pullSomehow(r, g)
				mine = append(mine, got...)
				if !more {
					break
				}
			}
			assert.True(t, slices.IsSorted(mine))
			mu.Lock()
			defer mu.Unlock()
			all = append(all, mine...)
		})
	}
	wg.Go(func() {
		for range 20 + seed%40 {
			runtime.Gosched()
		}
		if seed%2 == 0 {
			cancel()
		} else {
			g.Close()
		}
	})
	wg.Wait()
	g.Close()
	assert.True(t, ended || len(all) == 0)
	slices.Sort(all)
	assert.Equal(t, upTo(len(all)), all)
}

// pullSomehow returns what it took, and whether there may be more.
func pullSomehow(r *rand.Rand, g *generator.Generator[int]) (got []int, more bool) {
	switch r.IntN(4) {
	case 0:
		got, _ = g.CollectN(3)
		return got, len(got) == 3
	case 1:
		_, ok := g.Peek()
		return nil, ok
	case 2:
		ctx, cancel := context.WithCancel(context.Background())
		defer cancel()
		if r.IntN(2) == 0 {
			go cancel()
		}
		v, err := g.NextContext(ctx)
		if err != nil {
			return nil, ctx.Err() != nil
		}
		return []int{v}, true
	}
	v, ok := g.Next()
	if !ok {
		return nil, false
	}
	return []int{v}, true
}
