package wrapper_test

import (
	"context"
	"runtime"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/weirkit/weir/wrapper"
)

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

// dated is a context that names a deadline and does not keep it.
type dated struct {
	context.Context
	at time.Time
}

func (d *dated) Deadline() (time.Time, bool) { return d.at, true }

func TestDeadlineOfOursIsNotTheEndOfAParentThatRanOutBeforeItsOwn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		parent := &foreign{&dated{t.Context(), time.Now().Add(2 * limit)}, make(chan struct{}), context.DeadlineExceeded}
		close(parent.done)
		ctx, end, _ := wrapper.StartDeadline(parent, limit)
		defer end()
		assert.True(t, closed(ctx.Done()))
		assert.Equal(t, context.DeadlineExceeded, ctx.Err())
		assert.Equal(t, context.DeadlineExceeded, context.Cause(ctx))
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

func TestDeadlineThatNobodySawPassDoesNotOutliveTheReturn(t *testing.T) {
	for _, looked := range []bool{false, true} {
		synctest.Test(t, func(t *testing.T) {
			ctx, end, cause := wrapper.StartDeadline(t.Context(), limit)
			time.Sleep(2 * limit)
			wantErr, wantCause := context.Canceled, context.Canceled
			if looked {
				wantErr, wantCause = context.DeadlineExceeded, cause
				assert.Equal(t, wantErr, ctx.Err())
			}
			end()
			assert.Equal(t, wantErr, ctx.Err())
			assert.Equal(t, wantCause, context.Cause(ctx))
			assert.Equal(t, wantErr, withCancel(t, ctx).Err())
		})
	}
}

// touches are what a program does with a context that was handed to it.
var touches = []struct {
	name string
	do   func(t *testing.T, ctx context.Context) context.Context // returns what to go on with
}{
	{"Done", func(t *testing.T, ctx context.Context) context.Context { ctx.Done(); return ctx }},
	{"Cause", func(t *testing.T, ctx context.Context) context.Context { _ = context.Cause(ctx); return ctx }},
	{"a key of package context", func(t *testing.T, ctx context.Context) context.Context { ctx.Value(wrapper.ContextKey); return ctx }},
	{"AfterFunc", func(t *testing.T, ctx context.Context) context.Context { context.AfterFunc(ctx, func() {}); return ctx }},
	{"WithValue", func(t *testing.T, ctx context.Context) context.Context { return context.WithValue(ctx, key("k"), 1) }},
	{"WithCancel", func(t *testing.T, ctx context.Context) context.Context { return withCancel(t, ctx) }},
	{"WithCancel beside it", func(t *testing.T, ctx context.Context) context.Context { withCancel(t, ctx); return ctx }},
	{"its own kind", func(t *testing.T, ctx context.Context) context.Context {
		ctx, _, _ = wrapper.StartDeadline(ctx, time.Hour)
		return ctx
	}},
}

func withCancel(t *testing.T, ctx context.Context) context.Context { //nolint:revive // t first, as for every helper
	t.Helper()
	ctx, cancel := context.WithCancel(ctx)
	t.Cleanup(cancel)
	return ctx
}

// propagations counts the goroutines by which contexts hear of their parents.
func propagations() int {
	stacks := make([]byte, 1<<20)
	return strings.Count(string(stacks[:runtime.Stack(stacks, true)]), "created by context.(*cancelCtx).propagateCancel")
}

// A child that hears of an end through a goroutine of its own costs that
// goroutine, and does not know yet when the caller of cancel looks.
func TestDeadlineNeedsNoGoroutineAndNoDelayWhateverIsAskedFirst(t *testing.T) {
	ends := []struct {
		name string
		end  func(end context.CancelFunc, cancelParent context.CancelCauseFunc)
		want error
	}{
		{"return", func(end context.CancelFunc, _ context.CancelCauseFunc) { end() }, context.Canceled},
		{"parent", func(_ context.CancelFunc, cancel context.CancelCauseFunc) { cancel(errParent) }, errParent},
	}
	for _, tt := range ends {
		t.Run(tt.name, func(t *testing.T) {
			for i := range len(touches) * len(touches) * len(touches) {
				parent, cancel := context.WithCancelCause(t.Context())
				ctx, end, _ := wrapper.StartDeadline(parent, time.Hour)
				first, second, third := touches[i%len(touches)], touches[i/len(touches)%len(touches)], touches[i/len(touches)/len(touches)]
				last := withCancel(t, third.do(t, second.do(t, first.do(t, ctx))))
				require.Zero(t, propagations(), "%s, %s, %s", first.name, second.name, third.name)
				tt.end(end, cancel)
				require.Equal(t, context.Canceled, last.Err(), "at once: %s, %s, %s", first.name, second.name, third.name)
				require.Equal(t, tt.want, context.Cause(last), "at once: %s, %s, %s", first.name, second.name, third.name)
				end()
				cancel(nil)
			}
		})
	}
	t.Run("what is counted", func(t *testing.T) {
		f := &foreign{context.Background(), make(chan struct{}), context.Canceled}
		_, cancel := context.WithCancel(f)
		assert.Equal(t, 1, propagations())
		cancel()
	})
}

func TestDeadlineIsSafeForConcurrentUse(t *testing.T) {
	for i := range 210 {
		parent, cancel := context.WithCancelCause(t.Context())
		ctx, end, ours := wrapper.StartDeadline(parent, time.Millisecond)
		ends := map[error]error{context.Canceled: context.Canceled, errParent: context.Canceled, ours: context.DeadlineExceeded}
		acts := []func(){
			func() { <-ctx.Done(); assert.Error(t, ctx.Err()) }, func() { _ = ctx.Err() }, func() { _, _ = ctx.Deadline() },
			func() {
				if cause := context.Cause(ctx); cause != nil {
					assert.Equal(t, ends[cause], ctx.Err())
				}
			},
			func() {
				child := withCancel(t, context.WithValue(ctx, key("k"), 1))
				<-child.Done()
				assert.Equal(t, ends[context.Cause(child)], child.Err())
				assert.Equal(t, context.Cause(child), context.Cause(ctx))
			},
			func() { context.AfterFunc(ctx, func() {})() },
		}
		if i%2 == 0 {
			acts = append(acts, end, end)
		}
		if i%3 == 0 {
			acts = append(acts, func() { cancel(errParent) })
		}
		var running sync.WaitGroup
		for _, act := range acts {
			running.Go(act)
		}
		running.Wait()
		err, cause := ctx.Err(), context.Cause(ctx)
		require.Error(t, err)
		assert.Equal(t, ends[cause], err)
		assert.Equal(t, err, ctx.Err())
		assert.Equal(t, cause, context.Cause(ctx))
		end()
		cancel(nil)
	}
}
