// Command memory prints how many bytes of the heap a key costs in ours and in
// peers, in one run. The bytes of the keys themselves are not counted.
//
//	go run ./cmd/memory -keys 100000
package main

import (
	"context"
	"flag"
	"fmt"
	"io"
	"os"
	"runtime"
	"sync"
	"time"

	"github.com/sethvargo/go-limiter/memorystore"
	xrate "golang.org/x/time/rate"

	"github.com/weirkit/weir/ratelimit"
)

func main() {
	keys := flag.Int("keys", 100_000, "number of keys")
	flag.Parse()
	if err := run(os.Stdout, *keys); err != nil {
		fmt.Fprintln(os.Stderr, "memory:", err)
		os.Exit(1)
	}
}

// limiter is one that has a limit for each key, and what releases it.
type limiter struct {
	name string
	make func(n int) (allow func(key string) bool, end func())
}

func run(w io.Writer, n int) error {
	if n < 1 {
		return fmt.Errorf("-keys must be at least 1, got %d", n)
	}
	keys := make([]string, n)
	for i := range keys {
		keys[i] = fmt.Sprintf("client-%07d", i)
	}
	fmt.Fprintf(w, "%s %s/%s, %d keys\n\n| | bytes a key | times ours |\n|---|--:|--:|\n", runtime.Version(), runtime.GOOS, runtime.GOARCH, n)
	ours := 0.0
	for i, l := range limiters {
		bytes, err := measure(l, keys)
		if err != nil {
			return err
		}
		if i == 0 {
			ours = bytes
		}
		fmt.Fprintf(w, "| %s | %.1f | %.2f |\n", l.name, bytes, bytes/ours)
	}
	runtime.KeepAlive(keys)
	return nil
}

var limiters = []limiter{
	{"weir Keyed", func(n int) (func(string) bool, func()) {
		k := ratelimit.NewKeyed[string](ratelimit.PerHour(1), 5, ratelimit.MaxKeys(n))
		return k.Allow, func() { runtime.KeepAlive(k) }
	}},
	{"sethvargo/go-limiter", func(int) (func(string) bool, func()) {
		s, err := memorystore.New(&memorystore.Config{Tokens: 5, Interval: time.Hour})
		if err != nil {
			panic(err)
		}
		ctx := context.Background()
		return func(key string) bool {
			_, _, _, ok, err := s.Take(ctx, key)
			return ok && err == nil
		}, func() { _ = s.Close(ctx) }
	}},
	{"a map of x/time/rate limiters", func(int) (func(string) bool, func()) {
		var mu sync.Mutex
		m := map[string]*xrate.Limiter{}
		return func(key string) bool {
			mu.Lock()
			defer mu.Unlock()
			l := m[key]
			if l == nil {
				l = xrate.NewLimiter(xrate.Every(time.Hour), 5)
				m[key] = l
			}
			return l.Allow()
		}, func() { runtime.KeepAlive(m) }
	}},
}

// measure returns what each of the keys adds to the heap.
func measure(l limiter, keys []string) (float64, error) {
	before := heap()
	allow, end := l.make(len(keys))
	for _, key := range keys {
		if !allow(key) {
			return 0, fmt.Errorf("%s: the key %s was refused", l.name, key)
		}
	}
	after := heap()
	end()
	return float64(after-before) / float64(len(keys)), nil
}

func heap() int64 {
	runtime.GC()
	runtime.GC() // what finalizers and sweeping leave
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}
