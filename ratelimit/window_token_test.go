package ratelimit_test

import (
	"context"
	"math/rand/v2"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/weirkit/weir/ratelimit"
)

// refunding is a window with tokens that go back.
type refunding interface {
	window
	WaitToken(ctx context.Context) (ratelimit.WindowToken, error)
}

// logged is a token that the model knows of.
type logged struct {
	token *ratelimit.WindowToken // nil: it was taken without one, or given back
	at    time.Time
}

// counts reports whether what was taken at that time counts now in the windows of
// that name.
func counts(name string, at time.Time, length time.Duration) bool {
	if name == "fixed" {
		return at.Truncate(length).Equal(time.Now().Truncate(length))
	}
	return time.Since(at) < length
}

func TestACancelledTokenOfAWindowWasNeverTaken(t *testing.T) {
	for seed := range uint64(100) {
		bubble(t, func(t *testing.T) {
			r := rand.New(rand.NewPCG(seed, 7))
			limit := 1 + r.IntN(6)
			for name, w := range windowsOf(limit, time.Minute) {
				w, ok := w.(refunding)
				require.True(t, ok)
				cancels(t, r, name, w)
			}
		})
	}
}

// cancels takes tokens of w, gives some back, and compares with a log of grants in
// which those are struck out.
func cancels(t *testing.T, r *rand.Rand, name string, w refunding) {
	var log []logged
	for range 60 {
		log = slices.DeleteFunc(log, func(h logged) bool { return h.token == nil && !counts(name, h.at, time.Minute) })
		live := 0
		for _, h := range log {
			if counts(name, h.at, time.Minute) {
				live++
			}
		}
		require.Equal(t, w.Limit()-live, w.Take(0).Remaining, name)
		switch op := r.IntN(6); {
		case op == 0:
			time.Sleep(time.Duration(r.Int64N(int64(40 * time.Second))))
		case op == 1 && len(log) > 0:
			i := r.IntN(len(log))
			if log[i].token == nil {
				continue
			}
			want := counts(name, log[i].at, time.Minute)
			require.Equal(t, want, log[i].token.Cancel(), name)
			require.False(t, log[i].token.Cancel(), "%s: a second time", name)
			log = slices.Delete(log, i, i+1)
		case op == 2:
			require.Equal(t, live < w.Limit(), w.Allow(), name)
			if live < w.Limit() {
				log = append(log, logged{nil, time.Now()})
			}
		case live < w.Limit():
			token, err := w.WaitToken(t.Context())
			require.NoError(t, err)
			log = append(log, logged{&token, time.Now()})
		}
	}
	time.Sleep(2 * time.Minute)
	assert.Zero(t, w.Take(0).ResetAfter, "%s: the window is full again", name)
}

func TestWhoWaitsForAWindowHasWhatIsCancelled(t *testing.T) {
	bubble(t, func(t *testing.T) {
		for name, w := range windowsOf(1, time.Hour) {
			w, ok := w.(refunding)
			require.True(t, ok)
			token, err := w.WaitToken(t.Context())
			require.NoError(t, err)
			done := make(chan error)
			start := time.Now()
			go func() {
				second, err := w.WaitToken(t.Context())
				assert.True(t, second.Cancel())
				done <- err
			}()
			synctest.Wait()
			require.True(t, token.Cancel())
			require.NoError(t, <-done)
			assert.Zero(t, time.Since(start), name)
			assert.True(t, w.Allow(), "%s: the second went back, too", name)

			ended, cancel := context.WithCancel(t.Context())
			cancel()
			token, err = w.WaitToken(ended)
			assert.Equal(t, context.Canceled, err)
			assert.False(t, token.Cancel())
		}
	})
}

func TestATokenOfMergedGrantsGoesBack(t *testing.T) {
	bubble(t, func(t *testing.T) {
		const limit = 50_000 // grants of about 58 ms are one
		s := ratelimit.NewSlidingWindow(limit, time.Minute)
		var tokens []ratelimit.WindowToken
		for range 1000 {
			token, err := s.WaitToken(t.Context())
			require.NoError(t, err)
			tokens = append(tokens, token)
			time.Sleep(time.Millisecond)
		}
		for i := range tokens {
			require.True(t, tokens[i].Cancel())
			require.Equal(t, limit-len(tokens)+i+1, s.Take(0).Remaining)
		}
		assert.Zero(t, s.Take(0).ResetAfter)
	})
}

func TestATokenOfAWindowCostsNoAllocation(t *testing.T) {
	for name, w := range windowsOf(10, time.Hour) {
		w, ok := w.(refunding)
		require.True(t, ok)
		assert.Zero(t, testing.AllocsPerRun(100, func() {
			token, _ := w.WaitToken(context.Background())
			token.Cancel()
		}), name)
	}
}
