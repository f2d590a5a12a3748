package zaplog_test

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
	"go.uber.org/zap/zaptest/observer"

	"github.com/weirkit/weir/breaker"
	"github.com/weirkit/weir/observe/zaplog"
	"github.com/weirkit/weir/ratelimit"
	"github.com/weirkit/weir/retry"
	"github.com/weirkit/weir/semaphore"
)

var errBoom = errors.New("boom")

func failing(context.Context) error { return errBoom }

// entry is what the documentation promises of an entry.
type entry struct {
	level  zapcore.Level
	msg    string
	fields map[string]any
}

// observed runs work in a bubble with a logger of the level, and returns the
// entries that it wrote.
func observed(t *testing.T, level zapcore.Level, work func(t *testing.T, logger *zap.Logger)) []entry {
	t.Helper()
	var got []entry
	synctest.Test(t, func(t *testing.T) {
		core, logs := observer.New(level)
		work(t, zap.New(core))
		synctest.Wait()
		for _, e := range logs.All() {
			got = append(got, entry{e.Level, e.Message, e.ContextMap()})
		}
	})
	return got
}

func TestBreaker(t *testing.T) {
	got := observed(t, zapcore.DebugLevel, func(t *testing.T, logger *zap.Logger) {
		b := breaker.New(breaker.ConsecutiveFailures(1), breaker.OpenFor(time.Second), breaker.On(zaplog.Breaker(logger, "db")))
		assert.Equal(t, errBoom, b.Do(t.Context(), failing))
		assert.ErrorIs(t, b.Do(t.Context(), failing), breaker.ErrOpen)
		time.Sleep(2 * time.Second)
		assert.NoError(t, b.Do(t.Context(), func(context.Context) error { return nil }))
	})
	assert.Equal(t, []entry{
		{zapcore.WarnLevel, "breaker changed state", map[string]any{
			"breaker": "db", "from": "closed", "to": "open", "generation": uint64(1), "cause": "boom"}},
		{zapcore.DebugLevel, "call refused", map[string]any{
			"breaker": "db", "state": "open", "retry_after": time.Second, "cause": "boom"}},
		{zapcore.InfoLevel, "breaker changed state", map[string]any{
			"breaker": "db", "from": "open", "to": "half-open", "generation": uint64(2)}},
		{zapcore.InfoLevel, "breaker changed state", map[string]any{
			"breaker": "db", "from": "half-open", "to": "closed", "generation": uint64(3)}},
	}, got)
}

func TestAnUnknownTimeIsLeftOut(t *testing.T) {
	got := observed(t, zapcore.DebugLevel, func(t *testing.T, logger *zap.Logger) {
		b := breaker.New(breaker.On(zaplog.Breaker(logger, "db")))
		b.ForceOpen(nil)
		assert.Error(t, b.Do(t.Context(), failing))
	})
	require.Len(t, got, 2)
	assert.Equal(t, map[string]any{"breaker": "db", "state": "open"}, got[1].fields)
}

func TestRetry(t *testing.T) {
	got := observed(t, zapcore.DebugLevel, func(t *testing.T, logger *zap.Logger) {
		p := retry.New(retry.MaxRetries(1), retry.Backoff(retry.Constant(time.Second)), retry.On(zaplog.Retry(logger, "post")))
		assert.Error(t, p.Do(t.Context(), failing))
	})
	assert.Equal(t, []entry{
		{zapcore.DebugLevel, "attempt failed", map[string]any{
			"retry": "post", "attempt": int64(1), "delay": time.Second, "error": "boom"}},
		{zapcore.WarnLevel, "call gave up", map[string]any{
			"retry": "post", "attempts": int64(2), "error": "retry: gave up after 2 attempts: boom"}},
	}, got)
}

func TestHedgedRetry(t *testing.T) {
	got := observed(t, zapcore.DebugLevel, func(t *testing.T, logger *zap.Logger) {
		p := retry.New(retry.Hedge(time.Second), retry.On(zaplog.Retry(logger, "post")))
		assert.NoError(t, p.Do(t.Context(), func(context.Context) error { time.Sleep(3 * time.Second); return nil }))
	})
	assert.Equal(t, []entry{{zapcore.DebugLevel, "attempt hedged", map[string]any{
		"retry": "post", "attempt": int64(1), "delay": time.Second, "won": false}}}, got)
}

func TestLimiter(t *testing.T) {
	got := observed(t, zapcore.DebugLevel, func(t *testing.T, logger *zap.Logger) {
		l := ratelimit.New(ratelimit.PerMinute(1), 1, ratelimit.On(zaplog.Limiter(logger, "api")))
		require.NoError(t, l.Wait(t.Context()))
		require.NoError(t, l.Wait(t.Context()))
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		assert.ErrorIs(t, l.Wait(ctx), ratelimit.ErrWouldExceedDeadline)
	})
	require.Len(t, got, 2)
	assert.Equal(t, entry{zapcore.WarnLevel, "long wait", map[string]any{
		"limiter": "api", "n": int64(1), "waited": time.Minute}}, got[0])
	assert.Equal(t, zapcore.DebugLevel, got[1].level)
	assert.Equal(t, "wait refused", got[1].msg)
	assert.NotEmpty(t, got[1].fields["error"])
	delete(got[1].fields, "error")
	assert.Equal(t, map[string]any{
		"limiter": "api", "n": int64(1), "waited": time.Duration(0), "retry_after": time.Minute}, got[1].fields)
}

func TestSemaphore(t *testing.T) {
	got := observed(t, zapcore.DebugLevel, func(t *testing.T, logger *zap.Logger) {
		s := semaphore.New(1, semaphore.On(zaplog.Semaphore(logger, "pool")), semaphore.MaxWait(3*time.Second))
		require.NoError(t, s.Acquire(t.Context(), 1))
		assert.Equal(t, semaphore.ErrTooLarge, s.Acquire(t.Context(), 2))
		assert.Equal(t, semaphore.ErrWaitTimeout, s.AcquirePriority(t.Context(), 1, 7))
	})
	assert.ElementsMatch(t, []entry{
		{zapcore.DebugLevel, "permits refused", map[string]any{
			"semaphore": "pool", "n": int64(2), "priority": int64(0), "waited": time.Duration(0), "error": semaphore.ErrTooLarge.Error()}},
		{zapcore.WarnLevel, "long wait", map[string]any{
			"semaphore": "pool", "n": int64(1), "priority": int64(7), "waited": 3 * time.Second, "error": semaphore.ErrWaitTimeout.Error()}},
		{zapcore.DebugLevel, "permits refused", map[string]any{
			"semaphore": "pool", "n": int64(1), "priority": int64(7), "waited": 3 * time.Second, "error": semaphore.ErrWaitTimeout.Error()}},
	}, got)
}

func TestAdaptiveSemaphore(t *testing.T) {
	got := observed(t, zapcore.DebugLevel, func(_ *testing.T, logger *zap.Logger) {
		zaplog.Semaphore(logger, "pool").LimitChanged(semaphore.LimitChange{
			From: 4, To: 3, Latency: 2 * time.Second, Baseline: time.Second, Dropped: true,
		})
	})
	assert.Equal(t, []entry{{zapcore.DebugLevel, "limit changed", map[string]any{
		"semaphore": "pool", "previous": int64(4), "limit": int64(3), "latency": 2 * time.Second,
		"baseline": time.Second, "dropped": true, "probe": false}}}, got)
}

func TestAnEntryWhoseLevelIsOffAllocatesNothing(t *testing.T) {
	core, logs := observer.New(zapcore.ErrorLevel)
	logger := zap.New(core)
	b, r, l, s := zaplog.Breaker(logger, "b"), zaplog.Retry(logger, "r"), zaplog.Limiter(logger, "l"), zaplog.Semaphore(logger, "s")
	refused := &breaker.OpenError{State: breaker.Open}
	assert.Zero(t, testing.AllocsPerRun(100, func() {
		b.StateChange(breaker.StateChange{To: breaker.Open})
		b.Rejected(refused)
		r.Retry(retry.Retry{Err: errBoom})
		r.GaveUp(retry.GaveUp{Err: errBoom})
		r.Hedged(retry.Hedged{})
		l.Rejected(ratelimit.Event{Err: errBoom})
		l.LongWait(ratelimit.Event{})
		s.Rejected(semaphore.Event{Err: errBoom})
		s.LongWait(semaphore.Event{})
		s.LimitChanged(semaphore.LimitChange{})
	}))
	assert.Zero(t, logs.Len())
}

// Events that would make every call dearer stay nil.
func TestWhatCostsEveryCallIsNotAsked(t *testing.T) {
	assert.Nil(t, zaplog.Breaker(zap.NewNop(), "b").Outcome)
	assert.Nil(t, zaplog.Limiter(zap.NewNop(), "l").Denied)
}

func TestANilLoggerPanics(t *testing.T) {
	for _, f := range []func(){
		func() { zaplog.Breaker(nil, "b") }, func() { zaplog.Retry(nil, "r") },
		func() { zaplog.Limiter(nil, "l") }, func() { zaplog.Semaphore(nil, "s") },
	} {
		assert.PanicsWithValue(t, "zaplog: the logger is nil; zap.NewNop() writes nothing", f)
	}
}
