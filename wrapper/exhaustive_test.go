package wrapper_test

import (
	"context"
	"fmt"
	"math"
	"runtime"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/weirkit/weir/breaker"
	"github.com/weirkit/weir/internal/testkit"
	"github.com/weirkit/weir/ratelimit"
	"github.com/weirkit/weir/retry"
	"github.com/weirkit/weir/semaphore"
	"github.com/weirkit/weir/wrapper"
)

// event is what goes wrong, and where: before or after what is inside has run.
type event struct {
	kind  string
	after bool
}

func events() []event {
	var all []event
	for _, kind := range []string{"panic", "goexit", "cancel", "error", "permanent", "rejection"} {
		all = append(all, event{kind, false}, event{kind, true})
	}
	return all
}

func (e event) String() string {
	if e.after {
		return e.kind + " after"
	}
	return e.kind + " before"
}

type refusal struct{}

func (refusal) Error() string             { return "refused" }
func (refusal) Rejected() bool            { return true }
func (refusal) RetryAfter() time.Duration { return 0 }

// rig is one of each standard part, and a place where an event happens.
type rig struct {
	limiter *ratelimit.Limiter
	held    func() (held int64, waiting int) // of the semaphore
	breaker func() *breaker.Breaker
	budget  *retry.Budget
	parts   map[string]wrapper.Layer
	names   []string // in their order

	key     any  // of the call; nil: it has none
	typed   bool // the call is one of Do[T]
	probing bool // the breaker is half-open

	cancel context.CancelFunc
	event  event
	place  int // of the event, among names
	begun  int // calls that began, or layers that failed in the place of one
	last   context.Context
}

const (
	rigBurst   = 50
	rigOpenFor = time.Minute
)

// standardParts are the names that a permutation permutes.
var standardParts = []string{"timeout", "retry", "breaker", "limiter", "semaphore", "attempt"}

func newRig(names []string, e event) *rig {
	s, b := semaphore.New(1), breaker.New(rigBreaker...)
	r := &rig{
		limiter: ratelimit.New(ratelimit.PerHour(1), rigBurst),
		held:    func() (int64, int) { return s.Held(), s.Waiting() },
		breaker: func() *breaker.Breaker { return b },
		budget:  retry.NewBudget(1, 1000),
		names:   names, event: e,
	}
	r.parts = map[string]wrapper.Layer{
		"timeout":   wrapper.Timeout(time.Minute),
		"retry":     retry.New(retry.MaxRetries(2), retry.Backoff(retry.Constant(time.Millisecond)), retry.Spend(r.budget)),
		"breaker":   b,
		"limiter":   r.limiter,
		"semaphore": s,
		"attempt":   wrapper.AttemptTimeout(time.Second),
	}
	return r
}

// rigBreaker is how the breaker of a rig is set.
var rigBreaker = []breaker.Option{
	breaker.ConsecutiveFailures(2), breaker.OpenFor(rigOpenFor), breaker.HalfOpenProbes(1), breaker.ProbeLease(1000 * time.Hour),
}

// rigKey is the key of a call of a rig whose parts are for each key.
const rigKey = "the key"

// keyed makes the breaker and the semaphore of r ones for each key.
func (r *rig) keyed() {
	r.key = rigKey
	s := semaphore.NewKeyed[string](1)
	var options []breaker.KeyedOption
	for _, o := range rigBreaker {
		options = append(options, o)
	}
	b := breaker.NewKeyed[string](options...)
	r.held = func() (int64, int) { return s.Held(rigKey), s.Waiting(rigKey) }
	r.breaker = func() *breaker.Breaker { return b.Breaker(rigKey) }
	r.parts["semaphore"], r.parts["breaker"] = wrapper.PerKey(s), wrapper.PerKey(b)
}

// straight makes the retry of r one that needs no notice of first attempts.
func (r *rig) straight() {
	r.parts["retry"] = retry.New(retry.MaxRetries(2), retry.Backoff(retry.Constant(time.Millisecond)))
}

// adaptive makes the semaphore of r an adaptive one.
func (r *rig) adaptive() {
	s := semaphore.NewAdaptive(1, 1)
	r.held = func() (int64, int) { return s.Held(), s.Waiting() }
	r.parts["semaphore"] = s
}

// strike makes the event happen.
func (r *rig) strike(inCall bool) error {
	switch r.event.kind {
	case "panic":
		panic(errBoom)
	case "goexit":
		runtime.Goexit()
	case "cancel":
		r.cancel()
	case "error", "permanent":
		if !inCall && !r.event.after && r.place > slices.Index(r.names, "limiter") {
			r.begun++ // a layer that fails on its own stands for what it guards
		}
		if r.event.kind == "permanent" {
			return retry.Permanent(errBoom)
		}
		return errBoom
	case "rejection":
		return refusal{}
	}
	return nil
}

// layer is a foreign layer in which the event happens.
func (r *rig) layer(ctx context.Context, next func(context.Context) error) error {
	if !r.event.after {
		if err := r.strike(false); err != nil {
			return err
		}
		return next(ctx)
	}
	if err := next(ctx); err != nil {
		return err
	}
	return r.strike(false)
}

func (r *rig) call(ctx context.Context, strikes bool) error {
	r.begun++
	r.last = ctx
	if strikes {
		if err := r.strike(true); err != nil {
			return err
		}
	}
	return ctx.Err()
}

// run composes the parts with the event at place, and runs a call.
func (r *rig) run(parent context.Context, place int) (w *wrapper.Wrapper, end testkit.End) {
	r.place = place
	var layers []wrapper.Layer
	for i, name := range r.names {
		if i == place {
			layers = append(layers, wrapper.Func(r.layer))
		}
		layers = append(layers, r.parts[name])
	}
	w = wrapper.Compose(layers...)
	if r.key != nil {
		parent = wrapper.WithOverride(parent, wrapper.Override{Key: r.key})
	}
	ctx, cancel := context.WithCancel(parent)
	defer cancel()
	r.cancel = cancel
	call := func(ctx context.Context) error { return r.call(ctx, place == len(r.names)) }
	return w, testkit.Run(func() {
		if !r.typed {
			_ = w.Do(ctx, call)
			return
		}
		_, _ = wrapper.Do(ctx, w, func(ctx context.Context) (string, error) { return "result", call(ctx) })
	})
}

// used is how many tokens the calls that began have rightly cost.
func (r *rig) used() int {
	if slices.Index(r.names, "limiter") < slices.Index(r.names, "retry") {
		return min(r.begun, 1) // one for all attempts
	}
	return r.begun
}

// halfOpen opens the breaker and waits until it is half-open.
func (r *rig) halfOpen(t *testing.T) {
	for r.breaker().State() == breaker.Closed {
		_ = r.breaker().Do(t.Context(), failing)
	}
	time.Sleep(rigOpenFor)
	require.Equal(t, breaker.HalfOpen, r.breaker().State())
}

// problem says what is not back, "" if everything is.
func (r *rig) problem(ctx context.Context, w *wrapper.Wrapper, end testkit.End) string {
	tokens := r.limiter.Tokens()
	held, waiting := r.held()
	switch {
	case end.Panicked && r.event.kind != "panic":
		return fmt.Sprint("a panic from somewhere: ", end.Value)
	case end.Exited && r.event.kind != "goexit":
		return "a Goexit from somewhere"
	case held != 0 || waiting != 0:
		return "a permit is lost"
	case w.Stats().Running != 0:
		return "a call is counted as running"
	case math.Abs(tokens-float64(rigBurst-r.used())) > 0.1:
		return fmt.Sprintf("%v tokens, of %d calls %d began", tokens, rigBurst, r.begun)
	case r.last != nil && r.last.Err() == nil:
		return "a timeout goes on"
	}
	time.Sleep(rigOpenFor) // an open breaker becomes half-open; a lost probe stays lost
	if err := r.breaker().Do(ctx, nothing); err != nil || r.breaker().State() != breaker.Closed {
		return fmt.Sprintf("a probe is lost: %v, %v", err, r.breaker().State())
	}
	return ""
}

// permutations calls f with every order of names.
func permutations(names []string, f func([]string)) {
	var walk func(k int)
	walk = func(k int) {
		if k == len(names) {
			f(slices.Clone(names))
			return
		}
		for i := k; i < len(names); i++ {
			names[k], names[i] = names[i], names[k]
			walk(k + 1)
			names[k], names[i] = names[i], names[k]
		}
	}
	walk(0)
}

func TestEverythingIsBackWhateverHappensAtAnyLayerOfAnyOrder(t *testing.T) {
	everythingIsBack(t, standardParts, func(*rig) {})
}

func TestEverythingIsBackOnTheStraightWay(t *testing.T) {
	everythingIsBack(t, []string{"retry", "breaker", "limiter", "semaphore"}, (*rig).straight)
}

func TestEverythingIsBackWhereBreakersAndSemaphoresAreForEachKey(t *testing.T) {
	everythingIsBack(t, []string{"retry", "breaker", "limiter", "semaphore", "attempt"}, (*rig).keyed)
}

func TestEverythingIsBackWhereTheSemaphoreIsAdaptive(t *testing.T) {
	everythingIsBack(t, []string{"retry", "breaker", "limiter", "semaphore", "attempt"}, (*rig).adaptive)
}

// everythingIsBack runs every event at every place of every order of parts, which
// change alters.
func everythingIsBack(t *testing.T, parts []string, change func(*rig)) {
	t.Helper()
	run := 0
	permutations(slices.Clone(parts), func(names []string) {
		synctest.Test(t, func(t *testing.T) {
			for _, e := range events() {
				for place := range len(names) + 1 {
					if e.after && place == len(names) {
						continue // a call has no inside
					}
					run++
					for kind := range 4 {
						if len(parts) > 4 && kind != run%4 {
							continue // each in its turn, to save time
						}
						r := newRig(names, e)
						r.probing, r.typed = kind&1 > 0, kind&2 > 0
						change(r)
						r.check(t, place)
					}
				}
			}
		})
	})
}

// check runs a call, and fails if not everything is back.
func (r *rig) check(t *testing.T, place int) {
	if r.probing {
		r.halfOpen(t)
	}
	w, end := r.run(t.Context(), place)
	if p := r.problem(t.Context(), w, end); p != "" {
		t.Fatalf("%s, %v at %d, probing %t, typed %t: %s", strings.Join(r.names, " > "), r.event, place, r.probing, r.typed, p)
	}
}

// faulty is a limiter and a semaphore of somebody else, in the flat path of
// ours, whose methods go wrong.
type faulty struct {
	kind string
	held int
}

func (f *faulty) strike() error {
	switch f.kind {
	case "panic":
		panic(errBoom)
	case "goexit":
		runtime.Goexit()
	}
	return errBoom
}

func (f *faulty) Wait(context.Context) error           { return f.strike() }
func (f *faulty) Acquire(context.Context, int64) error { return f.strike() }
func (f *faulty) Release(int64)                        { panic("released what was never acquired") }

// sour gives permits out and goes wrong when they come back.
type sour struct{ faulty }

func (s *sour) Acquire(context.Context, int64) error { s.held++; return nil }
func (s *sour) Release(int64)                        { s.held--; _ = s.strike() }

func TestEverythingIsBackWhenAPartItselfPanicsOrExits(t *testing.T) {
	kinds := []string{"panic", "goexit", "error"}
	tests := []struct {
		name string
		part func(kind string) wrapper.Layer
		ran  bool // the call runs before it goes wrong
	}{
		{"a foreign limiter", func(kind string) wrapper.Layer { return wrapper.Limiter(&faulty{kind: kind}) }, false},
		{"a foreign semaphore", func(kind string) wrapper.Layer { return wrapper.Semaphore(&faulty{kind: kind}) }, false},
		{"a release", func(kind string) wrapper.Layer { return wrapper.Semaphore(&sour{faulty{kind: kind}}) }, true},
		{"Classify", func(kind string) wrapper.Layer {
			return breaker.New(breaker.Classify(func(context.Context, error) breaker.Outcome {
				_ = (&faulty{kind: kind}).strike()
				return breaker.Success
			}))
		}, true},
		{"Outcomes", func(kind string) wrapper.Layer {
			return semaphore.NewAdaptive(1, 1, semaphore.Outcomes(func(error) semaphore.Outcome {
				_ = (&faulty{kind: kind}).strike()
				return semaphore.Ignored
			}))
		}, true},
		{"ThrottledBy", func(kind string) wrapper.Layer {
			return ratelimit.NewAdaptive(ratelimit.PerSecond(1), ratelimit.PerSecond(2), ratelimit.ThrottledBy(func(error) (time.Duration, bool) {
				_ = (&faulty{kind: kind}).strike()
				return 0, false
			}))
		}, true},
		{"If", func(kind string) wrapper.Layer {
			return retry.New(retry.If(func(error) bool { return (&faulty{kind: kind}).strike() == nil }))
		}, true},
	}
	for _, tt := range tests {
		for _, kind := range kinds {
			t.Run(tt.name+" "+kind, func(t *testing.T) {
				for place := range 4 {
					l, outer, inner := ratelimit.New(ratelimit.PerHour(1), 10), semaphore.New(1), semaphore.New(1)
					layers := []wrapper.Layer{outer, l, inner}
					layers = slices.Insert(layers, place, tt.part(kind))
					w := wrapper.Compose(layers...)
					end := testkit.Run(func() { _ = w.Do(t.Context(), failing) })
					require.Equal(t, kind == "panic", end.Panicked, "%v: %v", w, end.Value)
					require.Equal(t, kind == "goexit", end.Exited, "%v", w)
					require.Zero(t, outer.Held(), "%v", w)
					require.Zero(t, inner.Held(), "%v", w)
					require.Zero(t, w.Stats().Running, "%v", w)
					want := 10.0
					if tt.ran {
						want = 9
					}
					require.InDelta(t, want, l.Tokens(), 0.1, "%v", w)
				}
			})
		}
	}
}

func TestAPanicOrAGoexitOfTheCallIsAFailureForTheBreaker(t *testing.T) {
	tests := []struct {
		name string
		call func(context.Context) error
	}{
		{"panic", func(context.Context) error { panic("boom") }},
		{"goexit", func(context.Context) error { runtime.Goexit(); return nil }},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			b := breaker.New(breaker.ConsecutiveFailures(3))
			w := wrapper.Compose(b, semaphore.New(1))
			for range 3 {
				require.Equal(t, breaker.Closed, b.State())
				testkit.Run(func() { _ = w.Do(t.Context(), tt.call) })
			}
			require.Equal(t, breaker.Open, b.State())
		})
	}
}

func TestAPanicOfALayerInsideIsNoFailureForTheBreaker(t *testing.T) {
	b := breaker.New(breaker.ConsecutiveFailures(1))
	w := wrapper.Compose(b, wrapper.Func(func(context.Context, func(context.Context) error) error { panic("a bug of the layer") }))
	end := testkit.Run(func() { _ = w.Do(t.Context(), nothing) })
	require.Equal(t, "a bug of the layer", end.Value)
	require.Equal(t, breaker.Closed, b.State())
}

func TestRecoverMakesAnErrorOfAPanic(t *testing.T) {
	attempts := 0
	call := func(context.Context) (int, error) {
		if attempts++; attempts < 3 {
			panic(errBoom)
		}
		return attempts, nil
	}
	s := semaphore.New(1)
	w := wrapper.Compose(retry.New(retry.MaxRetries(2), retry.Backoff(retry.Constant(0))), s, wrapper.Recover())
	got, err := wrapper.Do(t.Context(), w, call)
	require.NoError(t, err)
	require.Equal(t, 3, got, "a panic right around the call is a failed attempt")

	attempts = 0
	w = wrapper.Compose(wrapper.Recover(), retry.New(retry.MaxRetries(2)), s)
	_, err = wrapper.Do(t.Context(), w, call)
	var panicked *wrapper.PanicError
	require.ErrorAs(t, err, &panicked)
	require.Equal(t, errBoom, panicked.Value)
	require.ErrorIs(t, err, errBoom, "an error that was panicked is found")
	require.Contains(t, string(panicked.Stack), "TestRecoverMakesAnErrorOfAPanic")
	require.Equal(t, 1, attempts, "outermost it is the end of the operation")
	require.Zero(t, s.Held())

	end := testkit.Run(func() { _ = w.Do(t.Context(), func(context.Context) error { runtime.Goexit(); return nil }) })
	require.True(t, end.Exited, "a Goexit passes")
	require.Zero(t, s.Held())

	layer := wrapper.Recover() // alone, as a layer of somebody else
	require.ErrorIs(t, layer.Do(t.Context(), func(context.Context) error { panic(errBoom) }), errBoom)
	require.ErrorIs(t, layer.Do(t.Context(), failing), errBoom)
}
