package ratelimit_test

import (
	"context"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/weirkit/weir/ratelimit"
)

// grants is the definition of the limit, in integers: a list of what was
// admitted. A request may join it if no window that ends now gets more than
// burst and what the rate gains in it.
type grants struct {
	count, period, burst int64 // count tokens in period ns
	at, n                []int64
}

func (g *grants) admits(now, n int64) bool {
	if n > g.burst {
		return false
	}
	for i, sum := len(g.at)-1, n; i >= 0; i-- {
		sum += g.n[i]
		if (sum-g.burst)*g.period > (now-g.at[i])*g.count {
			return false
		}
	}
	return true
}

func (g *grants) add(now, n int64) {
	if n > 0 {
		g.at, g.n = append(g.at, now), append(g.n, n)
	}
}

// dice deals numbers from a fuzzer's bytes, then zeros.
type dice struct{ data []byte }

func (d *dice) more() bool { return len(d.data) > 0 }

func (d *dice) roll(n int) int {
	if len(d.data) == 0 {
		return 0
	}
	b := int(d.data[0])
	d.data = d.data[1:]
	return b % n
}

func randomBytes(seed uint64, n int) []byte {
	r := rand.New(rand.NewPCG(seed, 1))
	out := make([]byte, n)
	for i := range out {
		out[i] = byte(r.Uint32())
	}
	return out
}

func FuzzDecisionsAreThoseOfAListOfGrants(f *testing.F) {
	for seed := range uint64(50) {
		f.Add(randomBytes(seed, 120))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		bubble(t, func(t *testing.T) { decisionsAgainstGrants(t, &dice{data}) })
	})
}

func decisionsAgainstGrants(t *testing.T, d *dice) {
	rates := []struct{ count, period int64 }{
		{1, 1e9}, {3, 1e9}, {1000, 1e9}, {7, 60e9}, {999_983, 1e9}, {10_000_000, 1e9}, {1, 86400e9}, {123, 457},
	}
	r := rates[d.roll(len(rates))]
	g := &grants{count: r.count, period: r.period, burst: int64(d.roll(20) + 1)}
	l := ratelimit.New(ratelimit.Per(r.count, time.Duration(r.period)), int(g.burst))
	start, interval := time.Now(), max(r.period/r.count, 1)
	for range 200 {
		if !d.more() {
			return
		}
		time.Sleep(time.Duration(interval * int64(d.roll(50)) / int64(1+d.roll(30))))
		now, n := int64(time.Since(start)), int64(d.roll(8))
		want := g.admits(now, n)
		switch d.roll(4) {
		case 0:
			require.Equal(t, want, l.AllowN(int(n)))
		case 1:
			got := int64(l.TakeUpTo(int(n)))
			require.True(t, g.admits(now, got))
			require.True(t, got == n || !g.admits(now, got+1))
			n, want = got, got > 0
		default:
			dec := l.Take(int(n))
			require.Equal(t, want, dec.OK)
			if !want && n <= g.burst {
				require.True(t, g.admits(now+int64(dec.RetryAfter), n))
				require.False(t, g.admits(now+int64(dec.RetryAfter)-1, n))
			}
			if want {
				g.add(now, n)
			}
			remaining := int64(dec.Remaining)
			require.True(t, g.admits(now, remaining))
			require.True(t, remaining == g.burst || !g.admits(now, remaining+1))
			reset := int64(dec.ResetAfter)
			require.True(t, g.admits(now+reset, g.burst))
			require.True(t, reset == 0 || !g.admits(now+reset-1, g.burst))
			continue
		}
		if want {
			g.add(now, n)
		}
	}
}

// bucket is the whole limiter in floating point, with a queue of waiters.
type bucket struct {
	rate, burst, tokens float64
	waiters             []*modelWaiter
}

type modelWaiter struct {
	id       int
	n        float64
	deadline time.Duration // from now; 0: none
}

const (
	servedOK     = "served"
	failedLate   = "late"
	failedBurst  = "burst"
	failedCancel = "cancelled"
)

// errClose says that two moments are too close for a model in floats.
var errClose = errors.New("too close to call")

func (b *bucket) pass(d time.Duration, done map[int]string) error {
	for left := d.Seconds(); ; {
		if len(b.waiters) == 0 {
			b.tokens = min(b.burst, b.tokens+b.rate*left)
			return nil
		}
		w := b.waiters[0]
		need := max(w.n-b.tokens, 0)
		if need > 0 {
			need /= b.rate
		}
		if math.Abs(need-left) < 1e-7 && d > 0 || d == 0 && math.Abs(w.n-b.tokens) < 1e-6 {
			return errClose
		}
		if need > left { // also +Inf while paused
			b.tokens += b.rate * left
			break
		}
		left -= need
		b.tokens += b.rate*need - w.n
		done[w.id] = servedOK
		b.waiters = b.waiters[1:]
	}
	for _, w := range b.waiters {
		if w.deadline > 0 {
			w.deadline -= d
		}
	}
	return nil
}

// sweep fails who cannot make it.
func (b *bucket) sweep(done map[int]string) error {
	ahead, left := 0.0, b.waiters[:0:0]
	for _, w := range b.waiters {
		due := (ahead + w.n - b.tokens) / b.rate
		gap := due - w.deadline.Seconds()
		switch {
		case w.n > b.burst:
			done[w.id] = failedBurst
		case w.deadline > 0 && math.Abs(gap) < 1e-6:
			return errClose
		case w.deadline > 0 && gap > 0:
			done[w.id] = failedLate
		default:
			ahead += w.n
			left = append(left, w)
		}
	}
	b.waiters = left
	return nil
}

func FuzzAnyScheduleAgreesWithTheModel(f *testing.F) {
	for seed := range uint64(150) {
		f.Add(randomBytes(seed, 300))
	}
	// A burst cut below what is before the queue; a level beyond the cell's room.
	f.Add([]byte("A00177A1X#XA11\"00"))
	f.Add([]byte("700A12A00970\"&A00XA0X100A19A11A1AA19A11#7"))
	f.Fuzz(func(t *testing.T, data []byte) {
		bubble(t, func(t *testing.T) { schedule(t, &dice{data}) })
	})
}

type scheduled struct {
	l      *ratelimit.Limiter
	b      *bucket
	next   int
	want   map[int]string
	got    map[int]string
	result chan struct {
		id  int
		out string
	}
	cancels map[int]context.CancelFunc
}

func (s *scheduled) wait(t *testing.T, n int, deadline time.Duration) error {
	id := s.next
	s.next++
	w := &modelWaiter{id: id, n: float64(n), deadline: deadline}
	due := -s.b.tokens
	for _, o := range s.b.waiters {
		due += o.n
	}
	due = (due + w.n) / s.b.rate
	if due != 0 && math.Abs(due) < 1e-6 {
		return errClose
	}
	if due < 0 || math.IsNaN(due) {
		due = 0
	}
	switch {
	case n == 0:
		s.want[id] = servedOK
	case w.n > s.b.burst:
		s.want[id] = failedBurst
	case due == 0:
		s.b.tokens -= w.n
		s.want[id] = servedOK
	case deadline > 0 && math.Abs(due-deadline.Seconds()) < 1e-6:
		return errClose
	case deadline > 0 && due > deadline.Seconds():
		s.want[id] = failedLate
	default:
		s.b.waiters = append(s.b.waiters, w)
	}
	ctx, cancel := context.WithCancel(t.Context())
	s.cancels[id] = cancel
	if deadline > 0 {
		ctx, cancel = context.WithTimeout(ctx, deadline)
		old := s.cancels[id]
		s.cancels[id] = func() { old(); cancel() }
	}
	go func() {
		err := s.l.WaitN(ctx, n)
		out := servedOK
		switch {
		case errors.Is(err, ratelimit.ErrExceedsBurst):
			out = failedBurst
		case errors.Is(err, ratelimit.ErrWouldExceedDeadline):
			out = failedLate
		case errors.Is(err, context.Canceled):
			out = failedCancel
		case err != nil:
			out = err.Error()
		}
		s.result <- struct {
			id  int
			out string
		}{id, out}
	}()
	return nil
}

// step does one thing to both.
func (s *scheduled) step(t *testing.T, d *dice) error {
	l, b := s.l, s.b
	switch op := d.roll(12); op {
	case 0, 1, 2:
		dt := time.Duration(d.roll(200)+1) * 10 * time.Millisecond
		if err := b.pass(dt, s.want); err != nil {
			return err
		}
		time.Sleep(dt)
	case 3, 4, 5:
		deadline := time.Duration(0)
		if d.roll(3) == 0 {
			deadline = time.Duration(d.roll(200)+1)*20*time.Millisecond + 123457
		}
		return s.wait(t, d.roll(6), deadline)
	case 6:
		n := d.roll(5)
		if math.Abs(b.tokens-float64(n)) < 1e-6 {
			return errClose
		}
		want := n == 0 || float64(n) <= b.burst && float64(n) <= b.tokens && len(b.waiters) == 0
		require.Equal(t, want, l.AllowN(n), "AllowN(%d) with %v tokens", n, b.tokens)
		if want {
			b.tokens -= float64(n)
		}
	case 7, 8:
		if len(b.waiters) > 0 {
			i := d.roll(len(b.waiters))
			w := b.waiters[i]
			b.waiters = append(b.waiters[:i:i], b.waiters[i+1:]...)
			s.want[w.id] = failedCancel
			s.cancels[w.id]()
		}
	case 9:
		rates := []ratelimit.Rate{ratelimit.PerSecond(1), ratelimit.PerSecond(3), ratelimit.Every(7 * time.Second), {}, ratelimit.PerSecond(50.3)}
		r := rates[d.roll(len(rates))]
		l.SetRate(r)
		b.rate = r.PerSecond()
		if err := b.sweep(s.want); err != nil {
			return err
		}
	case 10:
		burst := d.roll(8) + 1
		l.SetBurst(burst)
		b.burst = float64(burst)
		b.tokens = min(b.tokens, b.burst)
		if err := b.sweep(s.want); err != nil {
			return err
		}
	case 11:
		n := float64(d.roll(100))/10 - 5
		l.SetTokens(n)
		b.tokens = min(n, b.burst)
		if err := b.sweep(s.want); err != nil {
			return err
		}
	}
	return b.pass(0, s.want)
}

func newScheduled() *scheduled {
	return &scheduled{
		l: ratelimit.New(ratelimit.PerSecond(3), 4), b: &bucket{rate: 3, burst: 4, tokens: 4},
		want: map[int]string{}, got: map[int]string{}, cancels: map[int]context.CancelFunc{},
		result: make(chan struct {
			id  int
			out string
		}, 1000),
	}
}

func schedule(t *testing.T, d *dice) {
	s := newScheduled()
	defer func() {
		for _, cancel := range s.cancels {
			cancel()
		}
		synctest.Wait()
	}()
	for i := 0; i < 150 && d.more(); i++ {
		err := s.step(t, d)
		synctest.Wait()
		if err != nil {
			return
		}
		for len(s.result) > 0 {
			r := <-s.result
			s.got[r.id] = r.out
		}
		require.Equal(t, s.want, s.got, "step %d", i)
		require.Equal(t, len(s.b.waiters), s.l.Waiting(), "step %d", i)
		owed := 0.0
		for _, w := range s.b.waiters {
			owed += w.n
		}
		require.InDelta(t, s.b.tokens-owed, s.l.Tokens(), 1e-4, "step %d", i)
	}
}

// TestNoWindowAdmitsMoreThanItsShare mixes everything that takes and gives back
// tokens at a fixed rate, and checks every window between two uses.
func TestNoWindowAdmitsMoreThanItsShare(t *testing.T) { // P20
	seeds := []uint64{587, 663, 1916, 2640} // where refunds once added up to too much
	for seed := range uint64(150) {
		seeds = append(seeds, seed)
	}
	for _, seed := range seeds {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			bubble(t, func(t *testing.T) { windows(t, rand.New(rand.NewPCG(seed, 2))) })
		})
	}
}

func windows(t *testing.T, r *rand.Rand) {
	burst := r.IntN(8) + 1
	g := &grants{count: 7, period: 1e9, burst: int64(burst)}
	l := ratelimit.New(ratelimit.PerSecond(7), burst)
	start := time.Now()
	type use struct{ at, n int64 }
	uses := make(chan use, 10_000)
	act := func(n int) { uses <- use{int64(time.Since(start)), int64(n)} }
	ctx, stop := context.WithCancel(t.Context())
	for range 8 {
		seed := r.Uint64()
		go func() {
			r := rand.New(rand.NewPCG(seed, 3))
			for ctx.Err() == nil {
				n := r.IntN(burst) + 1
				switch r.IntN(7) {
				case 0:
					if l.AllowN(n) {
						act(n)
					}
				case 1:
					if n = l.TakeUpTo(n); n > 0 {
						act(n)
					}
				case 2: // a reservation, used in time, or given back before or after it is due
					res := l.Reserve(n)
					delay := res.Delay()
					switch r.IntN(3) {
					case 0:
						time.Sleep(delay)
						act(n)
					case 1:
						time.Sleep(time.Duration(r.Int64N(int64(delay) + 1)))
						res.Cancel()
					default:
						time.Sleep(delay + time.Duration(r.Int64N(1e9)))
						res.Cancel()
					}
				case 3: // a waiter that loses patience
					wait, cancel := context.WithCancel(ctx)
					timer := time.AfterFunc(time.Duration(r.Int64N(3e9)), cancel)
					if l.WaitN(wait, n) == nil {
						act(n)
					}
					timer.Stop()
					cancel()
				case 4: // a waiter that does not use what it got
					if res, err := l.WaitReserve(ctx, n); err == nil {
						time.Sleep(time.Duration(r.Int64N(1e8)))
						res.Cancel()
					}
				case 5:
					token, ok := l.QuickToken()
					if !ok {
						var err error
						token, err = l.WaitToken(ctx)
						ok = err == nil
					}
					if ok {
						time.Sleep(time.Duration(r.Int64N(1e8)))
						token.Cancel()
					}
				default:
					if l.WaitN(ctx, n) == nil {
						act(n)
					}
				}
				if r.IntN(3) == 0 {
					time.Sleep(time.Duration(r.Int64N(2e9)))
				}
			}
		}()
	}
	time.Sleep(40 * time.Second)
	stop()
	synctest.Wait()
	time.Sleep(time.Minute)
	synctest.Wait()
	close(uses)
	total := int64(0)
	for u := range uses {
		// A wait ends on a whole nanosecond, so a window may be that much shorter.
		require.True(t, g.admits(u.at+1, u.n), "%d tokens at %v", u.n, time.Duration(u.at))
		g.add(u.at, u.n)
		total += u.n
	}
	assert.Greater(t, total, int64(40))
	assert.InDelta(t, burst, l.Tokens(), 1e-9)
}
