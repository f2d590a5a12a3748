package storetest_test

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/weirkit/weir/ratelimit"
	"github.com/weirkit/weir/ratelimit/storetest"
)

// broken is a store with a fault: it asks a right one, in another way than it is
// asked, or says something else.
type broken func(ctx context.Context, right ratelimit.Store, key string, n int) (ratelimit.Decision, error)

type brokenStore struct {
	right ratelimit.Store
	fault broken
}

func (s brokenStore) Take(ctx context.Context, key string, n int) (ratelimit.Decision, error) {
	return s.fault(ctx, s.right, key, n)
}

// tells is a store that decides rightly and tells something else.
func tells(change func(n int, d *ratelimit.Decision)) broken {
	return func(ctx context.Context, right ratelimit.Store, key string, n int) (ratelimit.Decision, error) {
		d, err := right.Take(ctx, key, n)
		change(n, &d)
		return d, err
	}
}

// keys is a store that takes some keys for the same.
func keys(of func(string) string) broken {
	return func(ctx context.Context, right ratelimit.Store, key string, n int) (ratelimit.Decision, error) {
		return right.Take(ctx, of(key), n)
	}
}

// limits is a store with another rate and burst than it should have.
func limits(change func(r ratelimit.Rate, burst int) (ratelimit.Rate, int)) storetest.Make {
	return func(_ *testing.T, r ratelimit.Rate, burst int) ratelimit.Store {
		return ratelimit.NewStore(ratelimit.NewKeyed[string](change(r, burst)))
	}
}

func faulty(f broken) storetest.Make {
	return func(t *testing.T, r ratelimit.Rate, burst int) ratelimit.Store {
		return brokenStore{newStore(t, r, burst), f}
	}
}

func scaled(r ratelimit.Rate, by float64) ratelimit.Rate {
	return ratelimit.PerSecond(r.PerSecond() * by)
}

// faults are stores that the tests must refuse, and one of the tests that does.
var faults = []struct {
	name, test string
	make       storetest.Make
}{
	{"loses a token of each grant", "a burst and then the rate", faulty(func(ctx context.Context, right ratelimit.Store, key string, n int) (ratelimit.Decision, error) {
		d, err := right.Take(ctx, key, n)
		if d.OK && n > 0 {
			_, _ = right.Take(ctx, key, 1)
		}
		return d, err
	})},
	{"grants each token twice", "a burst and then the rate", faultyCounter()},
	{"takes one whatever is asked for", "a denial takes nothing", faulty(func(ctx context.Context, right ratelimit.Store, key string, n int) (ratelimit.Decision, error) {
		return right.Take(ctx, key, min(n, 1))
	})},
	{"never refills", "a burst and then the rate", limits(func(_ ratelimit.Rate, burst int) (ratelimit.Rate, int) { return ratelimit.PerDay(1), burst })},
	{"refills twice as fast", "a burst and then the rate", limits(func(r ratelimit.Rate, burst int) (ratelimit.Rate, int) { return scaled(r, 2), burst })},
	{"refills half as fast", "a burst and then the rate", limits(func(r ratelimit.Rate, burst int) (ratelimit.Rate, int) { return scaled(r, 0.5), burst })},
	{"holds one more", "keys are independent", limits(func(r ratelimit.Rate, burst int) (ratelimit.Rate, int) { return r, burst + 1 })},
	{"gathers tokens without end", "a burst and then the rate", gathers(1 << 30)},
	{"refills all at once", "a burst and then the rate", windows},
	{"forgets a key too early", "a key is not forgotten while it is limited", forgets},
	{"is asked by others in between", "many at once get the burst", racy},
	{"RetryAfter is half", "RetryAfter waited out succeeds", faulty(tells(func(_ int, d *ratelimit.Decision) { d.RetryAfter /= 2 }))},
	{"RetryAfter is twice", "a decision tells the state", faulty(tells(func(_ int, d *ratelimit.Decision) { d.RetryAfter *= 2 }))},
	{"RetryAfter is 0", "RetryAfter waited out succeeds", faulty(tells(func(_ int, d *ratelimit.Decision) { d.RetryAfter = 0 }))},
	{"RetryAfter of a grant", "a decision tells the state", faulty(tells(func(_ int, d *ratelimit.Decision) { d.RetryAfter += time.Second }))},
	{"Remaining is from before", "a decision tells the state", faulty(tells(func(n int, d *ratelimit.Decision) {
		if d.OK {
			d.Remaining += n
		}
	}))},
	{"Remaining is 0", "no tokens are asked for", faulty(tells(func(_ int, d *ratelimit.Decision) { d.Remaining = 0 }))},
	{"Limit is missing", "a decision tells the state", faulty(tells(func(_ int, d *ratelimit.Decision) { d.Limit = 0 }))},
	{"ResetAfter is missing", "a decision tells the state", faulty(tells(func(_ int, d *ratelimit.Decision) { d.ResetAfter = 0 }))},
	{"a denial costs", "a denial takes nothing", faulty(func(ctx context.Context, right ratelimit.Store, key string, n int) (ratelimit.Decision, error) {
		d, err := right.Take(ctx, key, n)
		if !d.OK {
			_, _ = right.Take(ctx, key, 1)
		}
		return d, err
	})},
	{"a denial is an error", "a denial takes nothing", faulty(func(ctx context.Context, right ratelimit.Store, key string, n int) (ratelimit.Decision, error) {
		d, err := right.Take(ctx, key, n)
		if err == nil && !d.OK {
			err = errors.New("denied")
		}
		return d, err
	})},
	{"takes what is there", "more than the burst is never there", faulty(func(ctx context.Context, right ratelimit.Store, key string, n int) (ratelimit.Decision, error) {
		d, err := right.Take(ctx, key, 0)
		if err == nil && n > 0 && d.Remaining > 0 {
			n = min(n, d.Remaining)
		}
		return right.Take(ctx, key, n)
	})},
	{"too many come in the end", "more than the burst is never there", faulty(tells(func(_ int, d *ratelimit.Decision) { d.RetryAfter = min(d.RetryAfter, time.Hour) }))},
	{"no tokens are one", "no tokens are asked for", faulty(func(ctx context.Context, right ratelimit.Store, key string, n int) (ratelimit.Decision, error) {
		return right.Take(ctx, key, max(n, 1))
	})},
	{"no tokens are denied when none are left", "no tokens are asked for", faulty(tells(func(_ int, d *ratelimit.Decision) { d.OK = d.OK && d.Remaining > 0 }))},
	{"one bucket for all", "keys are independent", faulty(keys(func(string) string { return "" }))},
	{"keys without spaces around", "odd keys", faulty(keys(strings.TrimSpace))},
	{"keys without case", "odd keys", faulty(keys(strings.ToLower))},
	{"keys up to a zero byte", "odd keys", faulty(keys(func(key string) string { key, _, _ = strings.Cut(key, "\x00"); return key }))},
	{"keys of 255 bytes", "odd keys", faulty(keys(func(key string) string { return key[:min(len(key), 255)] }))},
	{"keys in UTF-8", "odd keys", faulty(keys(func(key string) string { return strings.ToValidUTF8(key, "\ufffd") }))},
	{"keys of a hash tag", "odd keys", faulty(keys(func(key string) string {
		if tag, _, ok := strings.Cut(strings.TrimPrefix(key, "{"), "}"); ok {
			return tag
		}
		return key
	}))},
	{"a done context is ignored", "a done context takes nothing", faulty(func(ctx context.Context, right ratelimit.Store, key string, n int) (ratelimit.Decision, error) {
		return right.Take(context.WithoutCancel(ctx), key, n)
	})},
	{"a done context takes", "a done context takes nothing", faulty(func(ctx context.Context, right ratelimit.Store, key string, n int) (ratelimit.Decision, error) {
		d, _ := right.Take(context.WithoutCancel(ctx), key, n)
		return d, ctx.Err()
	})},
	{"a done context has another error", "a done context takes nothing", faulty(func(ctx context.Context, right ratelimit.Store, key string, n int) (ratelimit.Decision, error) {
		d, err := right.Take(ctx, key, n)
		if err != nil {
			err = errors.New("no connection")
		}
		return d, err
	})},
}

// faultyCounter grants every second request without taking anything.
func faultyCounter() storetest.Make {
	return func(t *testing.T, r ratelimit.Rate, burst int) ratelimit.Store {
		var calls atomic.Int64
		return brokenStore{newStore(t, r, burst), func(ctx context.Context, right ratelimit.Store, key string, n int) (ratelimit.Decision, error) {
			if calls.Add(1)%2 == 0 {
				d, err := right.Take(ctx, key, 0)
				return d, err
			}
			return right.Take(ctx, key, n)
		}}
	}
}

// gathers is a bucket that begins with its burst and has no bound, or another.
func gathers(bound int) storetest.Make {
	return func(_ *testing.T, r ratelimit.Rate, burst int) ratelimit.Store {
		return brokenStore{nil, bucket(r, burst, bound)}
	}
}

func bucket(r ratelimit.Rate, burst, bound int) broken {
	var mu sync.Mutex
	limiters := map[string]*ratelimit.Limiter{}
	return func(ctx context.Context, _ ratelimit.Store, key string, n int) (ratelimit.Decision, error) {
		mu.Lock()
		defer mu.Unlock()
		l := limiters[key]
		if l == nil {
			l = ratelimit.New(r, bound, ratelimit.InitialTokens(burst))
			limiters[key] = l
		}
		d := l.Take(n)
		d.Limit = burst
		return d, ctx.Err()
	}
}

// windows gives the whole burst back in the moment in which the last would come.
func windows(_ *testing.T, r ratelimit.Rate, burst int) ratelimit.Store {
	length := time.Duration(float64(burst) / r.PerSecond() * float64(time.Second))
	var mu sync.Mutex
	all := map[string]*ratelimit.SlidingWindow{}
	return brokenStore{nil, func(ctx context.Context, _ ratelimit.Store, key string, n int) (ratelimit.Decision, error) {
		mu.Lock()
		defer mu.Unlock()
		if all[key] == nil {
			all[key] = ratelimit.NewSlidingWindow(burst, length)
		}
		return all[key].Take(n), ctx.Err()
	}}
}

// forgets drops keys as soon as one token has come back.
func forgets(t *testing.T, r ratelimit.Rate, burst int) ratelimit.Store {
	ttl := time.Duration(float64(time.Second) / r.PerSecond())
	var mu sync.Mutex
	right, at := newStore(t, r, burst), map[string]time.Time{}
	return brokenStore{nil, func(ctx context.Context, _ ratelimit.Store, key string, n int) (ratelimit.Decision, error) {
		mu.Lock()
		defer mu.Unlock()
		if last, ok := at[key]; ok && time.Since(last) > ttl {
			right = newStore(t, r, burst)
		}
		at[key] = time.Now()
		return right.Take(ctx, key, n)
	}}
}

// racy looks first and takes then.
func racy(t *testing.T, r ratelimit.Rate, burst int) ratelimit.Store {
	big := newStore(t, r, burst+1000)
	return brokenStore{newStore(t, r, burst), func(ctx context.Context, right ratelimit.Store, key string, n int) (ratelimit.Decision, error) {
		d, err := big.Take(ctx, key, 0)
		if err != nil || d.Remaining-1000 < n {
			return right.Take(ctx, key, n)
		}
		runtime.Gosched()
		time.Sleep(time.Millisecond)
		_, _ = right.Take(ctx, key, n)
		d, err = big.Take(ctx, key, n)
		d.Limit, d.Remaining = burst, d.Remaining-1000
		return d, err
	}}
}

const breaks = "STORETEST_BREAKS"

// TestBrokenStores fails; it runs in a process of its own.
func TestBrokenStores(t *testing.T) {
	if os.Getenv(breaks) == "" {
		t.Skip("run by TestEachBrokenStoreIsRefused")
	}
	for _, f := range faults {
		t.Run(f.name, func(t *testing.T) {
			t.Parallel()
			storetest.Run(t, f.make)
		})
	}
}

func TestEachBrokenStoreIsRefused(t *testing.T) {
	t.Parallel()
	cmd := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^TestBrokenStores$", "-test.v", "-test.parallel=64") // #nosec G204 -- this test
	cmd.Env = append(os.Environ(), breaks+"=1")
	out, err := cmd.CombinedOutput()
	var failed *exec.ExitError
	require.ErrorAs(t, err, &failed, "%s", out)
	name := strings.NewReplacer(" ", "_").Replace
	for _, f := range faults {
		assert.Contains(t, string(out), "--- FAIL: TestBrokenStores/"+name(f.name)+"/"+name(f.test)+" ", f.name)
	}
}

func TestMisuseOfTheTestsIsAPanic(t *testing.T) {
	assert.PanicsWithValue(t, "storetest: Run needs a function that makes stores, got nil", func() { storetest.Run(t, nil) })
	assert.PanicsWithValue(t, "storetest: the options of Run must not be nil, number 0 is", func() { storetest.Run(t, newStore, nil) })
	assert.PanicsWithValue(t, "storetest: Precision must be at least 0, got -1ns", func() { storetest.Precision(-1) })
}
