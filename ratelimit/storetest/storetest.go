// Package storetest tests implementations of ratelimit.Store. A test of one is
//
//	func TestStore(t *testing.T) {
//		storetest.Run(t, func(t *testing.T, r ratelimit.Rate, burst int) ratelimit.Store {
//			return mystore.New(client, r, burst, mystore.Prefix(t.Name()))
//		}, storetest.Precision(5*time.Millisecond))
//	}
//
// The tests wait in real time, two or three seconds in all.
package storetest

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/weirkit/weir/ratelimit"
)

// Make returns a store whose keys all have that rate and burst, with none of them
// in use. What it opens it closes with t.Cleanup.
type Make func(t *testing.T, r ratelimit.Rate, burst int) ratelimit.Store

// Option changes how the tests are run.
type Option interface{ apply(*kit) }

type optionFunc func(*kit)

func (f optionFunc) apply(k *kit) { f(k) }

// Precision is how far the times of a store may be off, because of its clock's
// resolution and of the way to it and back; by default 20 ms.
func Precision(d time.Duration) Option {
	if d < 0 {
		panic(fmt.Sprintf("storetest: Precision must be at least 0, got %v", d))
	}
	return optionFunc(func(k *kit) { k.precision = d })
}

type kit struct {
	make      Make
	precision time.Duration
}

// Run tests the stores that newStore makes.
func Run(t *testing.T, newStore Make, opts ...Option) {
	t.Helper()
	if newStore == nil {
		panic("storetest: Run needs a function that makes stores, got nil")
	}
	k := &kit{make: newStore, precision: 20 * time.Millisecond}
	for i, o := range opts {
		if o == nil {
			panic(fmt.Sprintf("storetest: the options of Run must not be nil, number %d is", i))
		}
		o.apply(k)
	}
	tests := []struct {
		name string
		f    func(*kit, *testing.T)
	}{
		{"a burst and then the rate", (*kit).burst},
		{"a decision tells the state", (*kit).state},
		{"RetryAfter waited out succeeds", (*kit).retryAfter},
		{"a key is not forgotten while it is limited", (*kit).memory},
		{"a denial takes nothing", (*kit).denial},
		{"more than the burst is never there", (*kit).tooMany},
		{"no tokens are asked for", (*kit).nothing},
		{"keys are independent", (*kit).keys},
		{"odd keys", (*kit).oddKeys},
		{"a done context takes nothing", (*kit).done},
		{"many at once get the burst", (*kit).race},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) { tt.f(k, t) })
	}
}

// never is a rate that gains nothing while a test runs.
var never = ratelimit.PerDay(1)

func take(t *testing.T, s ratelimit.Store, key string, n int) ratelimit.Decision {
	t.Helper()
	d, err := s.Take(t.Context(), key, n)
	if err != nil {
		t.Fatalf("Take(%q, %d): %v", key, n, err)
	}
	return d
}

func want(t *testing.T, d ratelimit.Decision, ok bool) {
	t.Helper()
	if d.OK != ok {
		t.Fatalf("OK is %t, want %t: %+v", d.OK, ok, d)
	}
}

func sleep(t *testing.T, d time.Duration) {
	t.Helper()
	select {
	case <-time.After(d):
	case <-t.Context().Done():
	}
}

func (k *kit) burst(t *testing.T) {
	s := k.make(t, ratelimit.PerSecond(5), 3)
	for range 3 {
		want(t, take(t, s, "k", 1), true)
	}
	want(t, take(t, s, "k", 1), false)
	sleep(t, 200*time.Millisecond+k.precision)
	want(t, take(t, s, "k", 1), true)
	want(t, take(t, s, "k", 1), false)
	sleep(t, 800*time.Millisecond)
	want(t, take(t, s, "k", 3), true)
	want(t, take(t, s, "k", 1), false)
}

func (k *kit) state(t *testing.T) {
	s := k.make(t, ratelimit.PerMinute(1), 10)
	d := take(t, s, "k", 4)
	want(t, d, true)
	if d.Limit != 10 || d.Remaining != 6 || d.RetryAfter != 0 {
		t.Errorf("Limit, Remaining, RetryAfter are %d, %d, %v, want 10, 6, 0", d.Limit, d.Remaining, d.RetryAfter)
	}
	k.near(t, "ResetAfter", d.ResetAfter, 4*time.Minute)
	d = take(t, s, "k", 8)
	want(t, d, false)
	if d.Remaining != 6 {
		t.Errorf("Remaining is %d, want 6", d.Remaining)
	}
	k.near(t, "RetryAfter", d.RetryAfter, 2*time.Minute)
}

// near allows for the time between two calls on a slow machine.
func (k *kit) near(t *testing.T, what string, got, want time.Duration) {
	t.Helper()
	if got > want+k.precision || got < want-k.precision-time.Second {
		t.Errorf("%s is %v, want %v", what, got, want)
	}
}

func (k *kit) retryAfter(t *testing.T) {
	s := k.make(t, ratelimit.PerSecond(10), 2)
	for range 5 {
		d := take(t, s, "k", 2)
		for d.OK {
			d = take(t, s, "k", 2)
		}
		if d.RetryAfter <= 0 || d.RetryAfter > 200*time.Millisecond+k.precision {
			t.Fatalf("RetryAfter is %v, want more than 0 and at most 200ms", d.RetryAfter)
		}
		sleep(t, d.RetryAfter+k.precision)
		want(t, take(t, s, "k", 2), true)
	}
}

// memory finds stores that let a key expire when a token has come back, and not the
// last one.
func (k *kit) memory(t *testing.T) {
	s := k.make(t, ratelimit.PerSecond(2), 4)
	want(t, take(t, s, "k", 4), true)
	sleep(t, 600*time.Millisecond)
	want(t, take(t, s, "k", 1), true)
	want(t, take(t, s, "k", 2), false)
}

func (k *kit) denial(t *testing.T) {
	s := k.make(t, never, 10)
	want(t, take(t, s, "k", 5), true)
	for range 20 {
		want(t, take(t, s, "k", 6), false)
	}
	want(t, take(t, s, "k", 5), true)
}

func (k *kit) tooMany(t *testing.T) {
	s := k.make(t, never, 3)
	d := take(t, s, "k", 4)
	want(t, d, false)
	if d.RetryAfter != ratelimit.Never {
		t.Errorf("RetryAfter is %v, want Never: no wait helps", d.RetryAfter)
	}
	want(t, take(t, s, "k", 3), true)
}

func (k *kit) nothing(t *testing.T) {
	s := k.make(t, never, 2)
	for range 5 {
		d := take(t, s, "k", 0)
		want(t, d, true)
		if d.Remaining != 2 {
			t.Fatalf("Remaining is %d, want 2", d.Remaining)
		}
	}
	want(t, take(t, s, "k", 2), true)
	d := take(t, s, "k", 0)
	want(t, d, true)
	if d.Remaining != 0 {
		t.Errorf("Remaining is %d, want 0", d.Remaining)
	}
}

func (k *kit) keys(t *testing.T) {
	s := k.make(t, never, 1)
	for i := range 50 {
		want(t, take(t, s, fmt.Sprint("key", i), 1), true)
	}
	for i := range 50 {
		want(t, take(t, s, fmt.Sprint("key", i), 1), false)
	}
}

func (k *kit) oddKeys(t *testing.T) {
	s := k.make(t, never, 1)
	long := strings.Repeat("k", 300)
	for _, key := range []string{
		"", " ", "a", "a ", "A", "a b", "a:b", "{a}b", "{a}c", "a\x00b", "a\nb", "a%20b", "*", "?", "日本", "\xff", "\xfe", long, long + "1",
	} {
		want(t, take(t, s, key, 1), true)
		want(t, take(t, s, key, 1), false)
	}
}

func (k *kit) done(t *testing.T) {
	s := k.make(t, never, 1)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := s.Take(ctx, "k", 1); !errors.Is(err, context.Canceled) {
		t.Errorf("the error is %v, want context.Canceled", err)
	}
	want(t, take(t, s, "k", 1), true)
}

func (k *kit) race(t *testing.T) {
	s := k.make(t, never, 25)
	var wg sync.WaitGroup
	results := make(chan bool, 200)
	for range 20 {
		wg.Go(func() {
			for range 10 {
				d, err := s.Take(t.Context(), "k", 1)
				if err != nil {
					t.Errorf("Take: %v", err)
				}
				results <- d.OK
			}
		})
	}
	wg.Wait()
	close(results)
	granted := 0
	for ok := range results {
		if ok {
			granted++
		}
	}
	if granted != 25 {
		t.Errorf("%d of 200 were granted, want the burst of 25", granted)
	}
}
