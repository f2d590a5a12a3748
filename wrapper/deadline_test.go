package wrapper_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/weirkit/weir/wrapper"
)

var (
	errParent = errors.New("the parent's cause")
	errOuter  = errors.New("the outer deadline's cause")
)

type key string

// foreign is a context of a type that package context does not know.
type foreign struct {
	context.Context
	done chan struct{}
	err  error
}

func (f *foreign) Done() <-chan struct{} { return f.done }

func (f *foreign) Err() error {
	select {
	case <-f.done:
		return f.err
	default:
		return nil
	}
}

// starter makes the context under test or its reference.
type starter func(parent context.Context, d time.Duration) (context.Context, context.CancelFunc, error)

func reference(parent context.Context, d time.Duration) (context.Context, context.CancelFunc, error) {
	cause := &wrapper.TimeoutError{Limit: d}
	ctx, cancel := context.WithTimeoutCause(parent, d, cause)
	return ctx, cancel, cause
}

// parents lists every kind of parent that matters, with its way to end.
var parents = []struct {
	name string
	make func(start starter) (ctx context.Context, cancel func())
}{
	{"background", func(starter) (context.Context, func()) { return context.Background(), func() {} }},
	{"cancel cause", func(starter) (context.Context, func()) {
		ctx, cancel := context.WithCancelCause(context.Background())
		return ctx, func() { cancel(errParent) }
	}},
	{"cancel", func(starter) (context.Context, func()) {
		ctx, cancel := context.WithCancel(context.Background())
		return ctx, cancel
	}},
	{"value over cancel", func(starter) (context.Context, func()) {
		ctx, cancel := context.WithCancelCause(context.Background())
		return context.WithValue(ctx, key("k"), "v"), func() { cancel(errParent) }
	}},
	{"sooner deadline", func(starter) (context.Context, func()) {
		ctx, cancel := context.WithTimeoutCause(context.Background(), 45*time.Millisecond, errOuter)
		return ctx, cancel
	}},
	{"later deadline", func(starter) (context.Context, func()) {
		ctx, cancel := context.WithTimeoutCause(context.Background(), 155*time.Millisecond, errOuter)
		return ctx, cancel
	}},
	{"without cancel", func(starter) (context.Context, func()) {
		ctx, cancel := context.WithCancelCause(context.Background())
		return context.WithoutCancel(ctx), func() { cancel(errParent) }
	}},
	{"foreign", func(starter) (context.Context, func()) {
		f := &foreign{context.Background(), make(chan struct{}), context.Canceled}
		closed := false
		return f, func() {
			if !closed {
				close(f.done)
			}
			closed = true
		}
	}},
	{"foreign over a parent that ends later", func(starter) (context.Context, func()) {
		under, cancel := context.WithCancelCause(context.Background())
		f := &foreign{under, make(chan struct{}), context.Canceled}
		calls := 0
		return f, func() {
			if calls++; calls == 1 {
				close(f.done)
			}
			if calls == 2 {
				cancel(errParent)
			}
		}
	}},
	{"one of its own kind, sooner", func(start starter) (context.Context, func()) {
		ctx, cancel, _ := start(context.Background(), 45*time.Millisecond)
		return ctx, cancel
	}},
	{"one of its own kind, later", func(start starter) (context.Context, func()) {
		ctx, cancel, _ := start(context.Background(), 155*time.Millisecond)
		return ctx, cancel
	}},
	{"ended already", func(starter) (context.Context, func()) {
		ctx, cancel := context.WithCancelCause(context.Background())
		cancel(errParent)
		return ctx, func() {}
	}},
}

const limit = 100 * time.Millisecond

// subject is a context with what grows from it.
type subject struct {
	ctx          context.Context
	end          context.CancelFunc
	cancelParent func()
	children     []context.Context
	cancels      []func()
	fired        atomic.Int64
	stops        []func() bool
}

// do performs op and says what could be seen of it.
func (s *subject) do(op byte) string {
	seen := ""
	switch op {
	case 'e':
		seen = fmt.Sprint(s.ctx.Err())
	case 'c':
		seen = causeOf(s.ctx)
	case 'd':
		seen = fmt.Sprint(closed(s.ctx.Done()))
	case 'v':
		seen = fmt.Sprint(s.ctx.Value(key("k")), s.ctx.Value(7))
	case 'l':
		at, ok := s.ctx.Deadline()
		seen = fmt.Sprint(at.UnixNano(), ok)
	case 's':
		time.Sleep(30 * time.Millisecond)
	case 'p':
		s.cancelParent()
	case 'x':
		s.end()
	case 'k':
		s.grow(context.WithCancel(s.ctx))
	case 'K':
		s.grow(context.WithCancel(context.WithValue(s.ctx, key("k"), "child")))
	case 't':
		s.grow(context.WithTimeoutCause(s.ctx, 41*time.Millisecond, errOuter))
	case 'w':
		s.grow(context.WithoutCancel(s.ctx), func() {})
	case 'q':
		if len(s.cancels) > 0 {
			s.cancels[0]()
		}
	case 'a':
		s.stops = append(s.stops, context.AfterFunc(s.ctx, func() { s.fired.Add(1) }))
	case 'z':
		if len(s.stops) > 0 {
			seen = fmt.Sprint(s.stops[0]())
		}
	}
	synctest.Wait()
	return seen
}

func (s *subject) grow(ctx context.Context, cancel context.CancelFunc) {
	s.children, s.cancels = append(s.children, ctx), append(s.cancels, cancel)
}

// state is all that can be seen of s and its children.
func (s *subject) state() string {
	var seen strings.Builder
	fmt.Fprint(&seen, s.ctx.Err(), causeOf(s.ctx), closed(s.ctx.Done()), s.fired.Load())
	for _, c := range s.children {
		fmt.Fprint(&seen, " child ", c.Err(), causeOf(c), c.Done() != nil && closed(c.Done()))
	}
	return seen.String()
}

func causeOf(ctx context.Context) string { return fmt.Sprint(context.Cause(ctx)) }

func closed(ch <-chan struct{}) bool {
	select {
	case <-ch:
		return true
	default:
		return false
	}
}

func newSubject(start starter, parent int) *subject {
	ctx, cancelParent := parents[parent].make(start)
	s := &subject{cancelParent: cancelParent}
	s.ctx, s.end, _ = start(ctx, limit)
	return s
}

func (s *subject) cleanUp() {
	s.end()
	s.cancelParent()
	for _, c := range s.cancels {
		c()
	}
	synctest.Wait()
}

// conform runs ops against the reference and against ours, compares what can be
// seen after each, and that an end never changes.
//
// looks says whether somebody asks for Err before the parent ends. If nobody
// does, the reference may have seen our deadline where ours can only see the
// parent's end: the one difference that is allowed. (A foreign parent that ends
// twice, with another cause the second time, is the same case.)
func conform(t *testing.T, parent int, ops string, looks bool) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		want, got := newSubject(reference, parent), newSubject(wrapper.StartDeadline, parent)
		defer got.cleanUp()
		defer want.cleanUp()
		begin := time.Now()
		firstErr, firstCause, blind, ended := error(nil), error(nil), false, false
		for i := range ops {
			if ops[i] == 'p' {
				if looks {
					_, _ = want.ctx.Err(), got.ctx.Err()
				} else if firstErr == nil && (time.Since(begin) >= limit || ended) {
					blind = true
				}
				ended = true
			}
			w, g := runBoth(want, got, ops[i])
			if !blind {
				require.Equal(t, w, g, "%s: %q after %q", parents[parent].name, ops[i], ops[:i])
			}
			if ops[i] == 'e' || ops[i] == 'c' {
				if err := got.ctx.Err(); err != nil && firstErr == nil {
					firstErr, firstCause = err, context.Cause(got.ctx)
				}
			}
			if firstErr != nil {
				require.Equal(t, firstErr, got.ctx.Err(), "Err changed: %q", ops[:i+1])
				require.Equal(t, firstCause, context.Cause(got.ctx), "Cause changed: %q", ops[:i+1])
			}
		}
		if !blind {
			require.Equal(t, want.state(), got.state(), "%s: at the end of %q", parents[parent].name, ops)
		}
	})
}

// runBoth performs op on both. A sleep passes for both at once.
func runBoth(want, got *subject, op byte) (w, g string) {
	w = want.do(op)
	if op == 's' {
		return w, w
	}
	return w, got.do(op)
}

func TestDeadlineConformsToContextOnEveryShortHistory(t *testing.T) {
	const alphabet = "ecdvspxkKa"
	for p := range parents {
		t.Run(parents[p].name, func(t *testing.T) {
			for a := range alphabet {
				for b := range alphabet {
					for c := range alphabet {
						conform(t, p, string([]byte{alphabet[a], alphabet[b], alphabet[c], 's', 's', 'e', 'x', 'c'}), true)
					}
				}
			}
		})
	}
}

func TestDeadlineConformsToContextOnRandomHistories(t *testing.T) {
	const alphabet = "eecdvlsssspxkKtwqaz"
	rnd := rand.New(rand.NewPCG(1, 2))
	for range 3000 {
		ops := make([]byte, 3+rnd.IntN(12))
		for i := range ops {
			ops[i] = alphabet[rnd.IntN(len(alphabet))]
		}
		conform(t, rnd.IntN(len(parents)), string(ops), rnd.IntN(2) == 0)
	}
}

func FuzzDeadline(f *testing.F) {
	f.Add(1, "sssspce", false)
	f.Add(7, "asspxe", true)
	f.Fuzz(func(t *testing.T, parent int, ops string, looks bool) {
		if len(ops) > 40 || parent < 0 {
			t.Skip()
		}
		conform(t, parent%len(parents), ops, looks)
	})
}

func TestDeadlineCostsNoTimerUntilSomebodyListens(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		parent := context.WithValue(t.Context(), key("k"), "v")
		ctx, end, _ := wrapper.StartDeadline(parent, limit)
		assert.NoError(t, ctx.Err())
		assert.Equal(t, "v", ctx.Value(key("k")))
		assert.NoError(t, context.Cause(ctx))
		assert.False(t, wrapper.DeadlineArmed(ctx))
		end()
		assert.ErrorIs(t, ctx.Err(), context.Canceled)
		assert.False(t, wrapper.DeadlineArmed(ctx))
		assert.True(t, closed(ctx.Done()), "listening after the end")
	})
}

func TestDeadlineIsNotReportedWhereTheParentEndedFirst(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		parent, cancel := context.WithCancelCause(t.Context())
		ctx, end, _ := wrapper.StartDeadline(parent, limit)
		defer end()
		cancel(errParent)
		time.Sleep(2 * limit) // nobody looked before the deadline passed too
		assert.Equal(t, context.Canceled, ctx.Err())
		assert.Equal(t, errParent, context.Cause(ctx))
	})
}

func TestDeadlineOfOursComesBeforeALaterOneOfTheParentThatNobodySaw(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		parent, cancel := context.WithTimeoutCause(t.Context(), 2*limit, errOuter)
		defer cancel()
		ctx, end, cause := wrapper.StartDeadline(parent, limit)
		defer end()
		time.Sleep(3 * limit)
		assert.Equal(t, context.DeadlineExceeded, ctx.Err())
		assert.Equal(t, cause, context.Cause(ctx))
	})
}

func TestDeadlineStartsNoGoroutineForAChild(t *testing.T) {
	tests := []struct {
		name string
		wrap func(context.Context) context.Context
	}{
		{"direct", func(ctx context.Context) context.Context { return ctx }},
		{"behind a value", func(ctx context.Context) context.Context { return context.WithValue(ctx, key("k"), 1) }},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				ctx, end, _ := wrapper.StartDeadline(t.Context(), limit)
				child, cancel := context.WithCancel(tt.wrap(ctx))
				defer cancel()
				end()
				// At once, on this goroutine: a child that hears of it through a
				// goroutine of its own would not know yet.
				assert.ErrorIs(t, child.Err(), context.Canceled)
			})
		})
	}
}

func TestDeadlineIsSafeForConcurrentUse(t *testing.T) {
	for range 200 {
		parent, cancel := context.WithCancelCause(t.Context())
		ctx, end, _ := wrapper.StartDeadline(parent, time.Millisecond)
		acts := []func(){
			func() { <-ctx.Done() }, func() { _ = ctx.Err() }, func() { _ = context.Cause(ctx) },
			func() { context.AfterFunc(ctx, func() {})() }, end, func() { cancel(errParent) },
		}
		ended := make(chan struct{}, len(acts))
		for _, act := range acts {
			go func() { act(); ended <- struct{}{} }()
		}
		for range acts {
			<-ended
		}
		err, cause := ctx.Err(), context.Cause(ctx)
		require.Error(t, err)
		assert.Equal(t, err, ctx.Err())
		assert.Equal(t, cause, context.Cause(ctx))
	}
}
