package retry_test

import (
	"context"
	"errors"
	"math/rand/v2"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"

	"github.com/weirkit/weir/retry"
)

// The model of a call: a sequential program over plain integers that says when
// each attempt begins and what the call returns. Everything in it takes an even
// number of nanoseconds and contexts end at odd ones, so that no two things
// happen at one moment; and less than ten, so that what an error asks for has no
// jitter.

type kind int

const (
	succeeds kind = iota
	failsKind
	refusedByIf
	permanent
	rejected
	rejectedFor // a while
	asksFor     // a while
	kinds
)

// step is what one attempt does.
type step struct {
	kind    kind
	takes   int
	after   int
	listens bool // and returns the error of its context
}

// scenario is a policy, a call and the world around it.
type scenario struct {
	steps      []step // the last repeats
	delays     []int  // likewise
	maxRetries int
	maxDelay   int // 0: not set
	maxElapsed int // 0: not set
	deadline   int // 0: none; else odd
	cancel     int // 0: never; else odd
}

var errOther = errors.New("other")

// err returns the error of attempt n of kind k.
func (s step) err() error {
	switch s.kind {
	case failsKind:
		return errBoom
	case refusedByIf:
		return errOther
	case permanent:
		return permanentBoom
	case rejected:
		return refusal{}
	case rejectedFor:
		return refusal{after: time.Duration(s.after)}
	case asksFor:
		return asked{time.Duration(s.after)}
	case succeeds, kinds:
	}
	return nil
}

var permanentBoom = retry.Permanent(errBoom)

// asked is an error that asks for a delay.
type asked struct{ d time.Duration }

func (asked) Error() string               { return "asked" }
func (a asked) RetryAfter() time.Duration { return a.d }

// ending is how a call ended.
type ending struct {
	begun    []int
	at       int
	err      error // bare, if attempts is 0
	attempts int   // of an ExhaustedError, with last and cause
	last     error
	cause    error
	refused  bool // the error is a rejection
}

// model is the reference.
type model struct {
	scenario
	now, n int
	ran    error // of the last attempt that was not rejected
	end    ending
}

func (m *model) step(n int) step { return m.steps[min(n, len(m.steps))-1] }

func (m *model) largest() int {
	if m.maxDelay > 0 {
		return m.maxDelay
	}
	largest := 0
	for _, d := range m.delays {
		largest = max(largest, d)
	}
	return largest
}

// ends returns when the context ends, and with what; 0 if it does not.
func (m *model) ends() (int, error) {
	switch {
	case m.cancel > 0 && (m.deadline == 0 || m.cancel < m.deadline):
		return m.cancel, context.Canceled
	case m.deadline > 0:
		return m.deadline, context.DeadlineExceeded
	}
	return 0, nil
}

func (m *model) run() ending {
	for m.n = 1; ; m.n++ {
		m.end.begun = append(m.end.begun, m.now)
		s := m.step(m.n)
		err := s.err()
		m.now += s.takes
		if at, why := m.ends(); at > 0 && at < m.now && s.listens {
			m.now, err = max(at, m.now-s.takes), why
		}
		if m.over(s, err) {
			m.end.at = m.now
			return m.end
		}
		if isRejected := s.kind == rejected || s.kind == rejectedFor; !isRejected {
			m.ran = err
		}
	}
}

// over decides after an attempt, and pauses.
func (m *model) over(s step, err error) bool {
	isRejected := s.kind == rejected || s.kind == rejectedFor
	at, why := m.ends()
	dead := at > 0 && at < m.now+1
	byContext := dead && errors.Is(err, why)
	switch {
	case err == nil:
		return true
	case byContext && m.ran == nil:
		return m.bare(err)
	case byContext:
		return m.gaveUp(m.ran, why)
	case s.kind == permanent:
		return m.bare(err)
	case dead && isRejected && m.ran != nil:
		return m.gaveUp(m.ran, why)
	case dead:
		m.end.refused = isRejected
		return m.gaveUp(err, why)
	case s.kind == refusedByIf:
		return m.bare(err)
	}
	delay, cause := m.delay(s)
	switch {
	case m.n > m.maxRetries:
		cause = nil
	case cause == nil:
		if at > 0 && at < m.now+delay {
			m.now = at
			if isRejected && m.ran != nil {
				err = m.ran
			} else {
				m.end.refused = isRejected
			}
			return m.gaveUp(err, why)
		}
		m.now += delay
		return false
	}
	switch {
	case isRejected && m.ran != nil:
		return m.gaveUp(m.ran, err)
	case isRejected:
		m.end.refused = true
		return m.bare(err)
	}
	return m.gaveUp(err, cause)
}

func (m *model) bare(err error) bool { m.end.err = err; return true }

func (m *model) gaveUp(last, cause error) bool {
	m.end.attempts, m.end.last, m.end.cause = m.n, last, cause
	return true
}

func (m *model) delay(s step) (int, error) {
	delay := m.delays[min(m.n, len(m.delays))-1]
	if m.maxDelay > 0 {
		delay = min(delay, m.maxDelay)
	}
	switch {
	case s.kind == rejected, s.kind == rejectedFor && (s.after == 0 || s.after > m.largest()):
		return 0, errBoom // any: a rejection ends the call as it is
	case s.kind == rejectedFor:
		delay = s.after
	case s.kind == asksFor && s.after > 0:
		delay = s.after
		if m.maxDelay > 0 {
			delay = min(delay, m.maxDelay)
		}
	}
	byDeadline := m.deadline > 0 && m.now+delay >= m.deadline
	byElapsed := m.maxElapsed > 0 && m.now+delay > m.maxElapsed
	switch {
	case byElapsed && (!byDeadline || m.maxElapsed < m.deadline-1):
		return 0, retry.ErrMaxElapsed
	case byDeadline:
		return 0, retry.ErrWouldExceedDeadline
	}
	return delay, nil
}

// form is a way to run a call under a policy.
type form func(context.Context, *retry.Policy, func(context.Context) error) error

// forms are all of them.
var forms = map[string]form{
	"Do": func(ctx context.Context, p *retry.Policy, fn func(context.Context) error) error {
		return p.Do(ctx, fn)
	},
	"Begin": byBegin,
	"Resume": func(ctx context.Context, p *retry.Policy, fn func(context.Context) error) error {
		if ctx.Err() != nil || !p.Bare(ctx) {
			return byBegin(ctx, p, fn)
		}
		err := fn(ctx)
		call, again := p.Resume(ctx, err)
		for again {
			again = call.Next(fn(call.Context()))
		}
		return call.Err()
	},
}

func byBegin(ctx context.Context, p *retry.Policy, fn func(context.Context) error) error {
	call := p.Begin(ctx)
	defer call.End()
	for call.Err() == nil && call.Next(fn(call.Context())) {
	}
	return call.Err()
}

// real runs the scenario in one of the forms.
func (sc scenario) real(t *testing.T, run form) ending {
	t.Helper()
	opts := []retry.Option{
		retry.MaxRetries(sc.maxRetries),
		retry.Backoff(func(attempt int, prev time.Duration) time.Duration {
			if prev == retry.Longest {
				return time.Duration((&model{scenario: sc}).largest())
			}
			return time.Duration(sc.delays[min(attempt, len(sc.delays))-1])
		}),
		retry.If(func(err error) bool { return !errors.Is(err, errOther) }),
	}
	if sc.maxDelay > 0 {
		opts = append(opts, retry.MaxDelay(time.Duration(sc.maxDelay)))
	}
	if sc.maxElapsed > 0 {
		opts = append(opts, retry.MaxElapsed(time.Duration(sc.maxElapsed)))
	}
	p := retry.New(opts...)
	ctx, begin := t.Context(), time.Now()
	if sc.deadline > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, time.Duration(sc.deadline))
		defer cancel()
	}
	if sc.cancel > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithCancel(ctx)
		defer cancel()
		defer time.AfterFunc(time.Duration(sc.cancel), cancel).Stop()
	}
	var got ending
	err := run(ctx, p, func(ctx context.Context) error {
		got.begun = append(got.begun, int(time.Since(begin)))
		assert.Equal(t, len(got.begun), retry.Attempt(ctx))
		s := (&model{scenario: sc}).step(len(got.begun))
		var done <-chan struct{}
		if s.listens {
			done = ctx.Done()
		}
		if s.takes > 0 {
			select {
			case <-time.After(time.Duration(s.takes)):
			case <-done:
				return ctx.Err()
			}
		}
		return s.err()
	})
	got.at = int(time.Since(begin))
	if e, ok := err.(*retry.ExhaustedError); ok { //nolint:errorlint // itself, not what it wraps
		got.attempts, got.last, got.cause = e.Attempts, e.Last, e.Cause
	} else {
		got.err = err
	}
	got.refused = isRejection(err)
	return got
}

// scenarioOf decodes bytes; any are a scenario.
func scenarioOf(data []byte) scenario {
	next := func(n int) int {
		if len(data) == 0 {
			return 0
		}
		b := data[0]
		data = data[1:]
		return int(b) % n
	}
	sc := scenario{maxRetries: next(5), maxDelay: 2 * next(5), maxElapsed: 2 * next(12)}
	if d := next(20); d > 0 {
		sc.deadline = 2*d - 1
	}
	if d := next(20); d > 0 {
		sc.cancel = 2*d + 1
	}
	if sc.cancel == sc.deadline {
		sc.cancel = 0
	}
	for range next(3) + 1 {
		sc.delays = append(sc.delays, 2*next(5))
	}
	for range next(5) + 1 {
		sc.steps = append(sc.steps, step{kind: kind(next(int(kinds))), takes: 2 * next(4), after: 2 * next(5), listens: next(2) == 1})
	}
	return sc
}

func checkModel(t *testing.T, data []byte) {
	t.Helper()
	sc := scenarioOf(data)
	want := (&model{scenario: sc}).run()
	for name, run := range forms {
		synctest.Test(t, func(t *testing.T) {
			if got := sc.real(t, run); !assert.Equal(t, want, got) {
				t.Logf("%s: %+v", name, sc)
			}
		})
	}
}

func TestEveryCallEndsAsTheModelSays(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	data := make([]byte, 40)
	for range 3000 {
		for i := range data {
			data[i] = byte(rng.Uint32())
		}
		if checkModel(t, data); t.Failed() {
			return
		}
	}
}

func FuzzModel(f *testing.F) {
	f.Add([]byte{3, 0, 0, 0, 0, 0, 2, 0, 1, 0, 0, 0})
	f.Add([]byte{4, 1, 9, 7, 11, 2, 1, 2, 3, 4, 5, 1, 3, 1, 6, 2, 2, 1, 5, 0, 3, 1, 1, 1, 1, 1})
	f.Fuzz(checkModel)
}
