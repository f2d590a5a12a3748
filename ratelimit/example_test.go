package ratelimit_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/weirkit/weir/ratelimit"
)

func Example() {
	limiter := ratelimit.New(ratelimit.PerSecond(100), 10) // 10 at once, then one each 10 ms

	start := time.Now()
	for range 15 {
		if err := limiter.Wait(context.Background()); err != nil {
			fmt.Println(err)
			return
		}
		// call the server
	}
	fmt.Println("at least 50 ms:", time.Since(start) >= 50*time.Millisecond)
	// Output:
	// at least 50 ms: true
}

func ExampleLimiter_Allow() {
	limiter := ratelimit.New(ratelimit.PerMinute(1), 2)
	fmt.Println(limiter.Allow(), limiter.Allow(), limiter.Allow())
	// Output:
	// true true false
}

func ExampleLimiter_Take() {
	limiter := ratelimit.New(ratelimit.PerMinute(1), 2)
	first := limiter.Take(2)
	fmt.Println(first.OK, first.Remaining, first.ResetAfter.Round(time.Second))
	second := limiter.Take(1)
	fmt.Println(second.OK, second.RetryAfter.Round(time.Second))
	// Output:
	// true 0 2m0s
	// false 1m0s
}

func ExampleLimiter_Wait() {
	limiter := ratelimit.New(ratelimit.PerMinute(1), 1)
	limiter.Allow()

	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	err := limiter.Wait(ctx) // at once: the token comes in a minute
	var late *ratelimit.WaitError
	fmt.Println(errors.As(err, &late), errors.Is(err, context.DeadlineExceeded))
	fmt.Println(late.RetryAfter().Round(time.Second))
	// Output:
	// true true
	// 1m0s
}

func ExampleLimiter_Reserve() {
	limiter := ratelimit.New(ratelimit.PerSecond(1), 1)
	limiter.Allow()
	r := limiter.Reserve(1)
	fmt.Println(r.OK(), r.Delay().Round(time.Second))
	fmt.Println("given back:", r.Cancel())
	// Output:
	// true 1s
	// given back: true
}

func ExampleLimiter_SetRate() {
	limiter := ratelimit.New(ratelimit.PerSecond(10), 1)
	limiter.SetRate(ratelimit.Every(250 * time.Millisecond))
	fmt.Println(limiter.Rate().PerSecond(), limiter.Rate())
	limiter.SetRate(ratelimit.Unlimited)
	fmt.Println(limiter.AllowN(1_000_000))
	// Output:
	// 4 1/250ms
	// true
}

func ExampleDo() {
	limiter := ratelimit.New(ratelimit.PerSecond(100), 10)
	status, err := ratelimit.Do(context.Background(), limiter, func(context.Context) (int, error) {
		return 200, nil // call the server
	})
	fmt.Println(status, err)
	// Output:
	// 200 <nil>
}

func ExampleKeyed() {
	logins := ratelimit.NewKeyed[string](ratelimit.PerMinute(5), 2)
	fmt.Println(logins.Allow("alice"), logins.Allow("alice"), logins.Allow("alice"))
	fmt.Println(logins.Allow("bob"))
	// Output:
	// true true false
	// true
}

func ExamplePerKey() {
	plan := func(tenant string) (ratelimit.Rate, int) {
		if tenant == "gold" {
			return ratelimit.PerSecond(100), 50
		}
		return ratelimit.PerSecond(1), 5
	}
	requests := ratelimit.NewKeyed[string](ratelimit.PerSecond(1), 5, ratelimit.PerKey(plan))
	fmt.Println(requests.Take("gold", 1).Limit, requests.Take("free", 1).Limit)
	// Output:
	// 50 5
}

func ExampleAll() {
	limits := ratelimit.All(
		ratelimit.New(ratelimit.PerSecond(10), 10),
		ratelimit.New(ratelimit.PerDay(1000), 12),
	)
	fmt.Println(limits.AllowN(10))
	d := limits.Take(10)
	fmt.Println(d.OK, "because of limit", d.Binding)
	// Output:
	// true
	// false because of limit 1
}

func ExampleAdaptive() {
	a := ratelimit.NewAdaptive(ratelimit.PerSecond(1), ratelimit.PerSecond(100))
	err := a.Do(context.Background(), func(context.Context) error {
		return nil // an error with a RetryAfter method slows it down
	})
	fmt.Println(err)
	a.Throttled(0) // or tell it yourself
	fmt.Println(a.Rate())
	// Output:
	// <nil>
	// 1/s
}

func ExampleFixedWindow() {
	quota := ratelimit.NewFixedWindow(2, 24*time.Hour) // two a day, from midnight UTC
	fmt.Println(quota.Allow(), quota.Allow(), quota.Allow())
	// Output:
	// true true false
}

func ExampleSlidingWindow() {
	quota := ratelimit.NewSlidingWindow(2, time.Minute) // two in any minute
	fmt.Println(quota.AllowN(2), quota.Take(1).RetryAfter.Round(time.Second))
	// Output:
	// true 1m0s
}

func ExampleBatch() {
	samples := ratelimit.NewBatch(ratelimit.PerSecond(100_000), 10_000, 100)
	fmt.Println(samples.Allow())
	// Output:
	// true
}

func ExampleNewReader() {
	slow := ratelimit.New(ratelimit.PerSecond(1<<20), 64<<10) // 1 MiB a second
	r := ratelimit.NewReader(context.Background(), strings.NewReader("hello"), slow)
	text, err := io.ReadAll(r)
	fmt.Println(string(text), err)
	// Output:
	// hello <nil>
}

func ExampleNewStore() {
	store := ratelimit.NewStore(ratelimit.NewKeyed[string](ratelimit.PerMinute(60), 1))
	d, err := store.Take(context.Background(), "alice", 1)
	fmt.Println(d.OK, err)
	// Output:
	// true <nil>
}
