package wrapper_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/weirkit/weir/breaker"
	"github.com/weirkit/weir/ratelimit"
	"github.com/weirkit/weir/retry"
	"github.com/weirkit/weir/semaphore"
	"github.com/weirkit/weir/wrapper"
)

// inner is what is inside a layer of the reference.
type inner func(ctx context.Context) error

// meaning is what Compose stands for: one closure around the other, each doing
// what its layer's documentation says, without frames.
type meaning struct {
	caller context.Context
	begun  int // calls that began
}

// stack returns layers around call.
func (r *meaning) stack(layers []wrapper.Layer, call inner) inner {
	if len(layers) == 0 {
		return func(ctx context.Context) error { r.begun++; return call(ctx) }
	}
	var b *breaker.Breaker
	switch l := layers[0].(type) {
	case *breaker.Breaker:
		b = l
	case keyedBreaker:
		b = l.keyed.Breaker(rigKey)
	default:
		return r.around(l, r.stack(layers[1:], call))
	}
	// Its second step goes behind the gates that follow.
	gates := 0
	for _, l := range layers[1:] {
		if !isGate(l) {
			break
		}
		gates++
	}
	behind := append([]wrapper.Layer(nil), layers[1:1+gates]...)
	behind = append(append(behind, second{r, b}), layers[1+gates:]...)
	next := r.stack(behind, call)
	return func(ctx context.Context) error {
		if err := b.Ready(); err != nil {
			return err
		}
		return next(ctx)
	}
}

func isGate(l wrapper.Layer) bool {
	switch l.(type) {
	case *ratelimit.Limiter, *semaphore.Semaphore, *semaphore.Adaptive, borrowed:
		return true
	}
	return false
}

func (r *meaning) around(l wrapper.Layer, next inner) inner {
	limiter, ok := l.(*ratelimit.Limiter)
	if !ok {
		return func(ctx context.Context) error { return l.Do(ctx, next) }
	}
	return func(ctx context.Context) error {
		token, err := limiter.WaitReserve(ctx, 1)
		if err != nil {
			return err
		}
		before := r.begun
		err = next(ctx)
		if r.begun == before {
			token.Cancel()
		}
		return err
	}
}

// second is a breaker's second step.
type second struct {
	r *meaning
	b *breaker.Breaker
}

func (s second) Do(ctx context.Context, fn func(context.Context) error) error {
	permit, err := s.b.Acquire(s.r.caller)
	if err != nil {
		return err
	}
	before := s.r.begun
	err = fn(ctx)
	if err != nil && s.r.begun == before {
		permit.Cancel()
	} else {
		permit.Done(err)
	}
	return err
}

// borrowed is a semaphore behind the interface of foreign ones.
type borrowed struct{ wrapper.Layer }

// keyedBreaker is a breaker for each key, of which there is one.
type keyedBreaker struct {
	wrapper.Layer
	keyed *breaker.Keyed[string]
}

// world is one set of parts; the meaning and the subject have one each.
type world struct {
	layers   []wrapper.Layer
	limiters []*ratelimit.Limiter
	gates    []interface{ Held() int64 }
	breakers []*breaker.Breaker
	key      any // of the calls; nil: they have none
	upset    int // every so manieth run of a foreign layer is refused; 0: none
	runs     int // of the foreign layers
}

// build makes a layer of each byte.
func (w *world) build(program []byte) {
	for _, op := range program {
		var l wrapper.Layer
		switch op % 11 {
		case 0:
			// MaxDelay keeps it from waiting for a rejection, with jitter.
			l = retry.New(retry.MaxRetries(int(op%3)+1), retry.Backoff(retry.Constant(1)), retry.MaxDelay(1))
		case 1, 2:
			b := breaker.New(breaker.ConsecutiveFailures(int(op%4)+1), breaker.OpenFor(1_234_567_891)) // no other moment is the same
			w.breakers, l = append(w.breakers, b), b
		case 3:
			limiter := ratelimit.New(ratelimit.PerSecond(1), int(op%7)+1)
			w.limiters, l = append(w.limiters, limiter), limiter
		case 4:
			s := semaphore.New(1)
			w.gates, l = append(w.gates, s), s
		case 5:
			s := semaphore.New(1)
			w.gates, l = append(w.gates, s), borrowed{wrapper.Semaphore(s)}
		case 6:
			l = wrapper.Timeout(time.Hour)
		case 7:
			l = wrapper.Func(func(ctx context.Context, next func(context.Context) error) error {
				if w.runs++; w.upset > 0 && w.runs%w.upset == 0 {
					return refusal{}
				}
				return next(ctx)
			})
		case 8:
			l = wrapper.Recover()
		case 9:
			b := breaker.NewKeyed[string](breaker.ConsecutiveFailures(int(op%4)+1), breaker.OpenFor(1_234_567_891), breaker.IdleAfter(1000*time.Hour))
			w.breakers, l, w.key = append(w.breakers, b.Breaker(rigKey)), keyedBreaker{wrapper.PerKey(b), b}, rigKey
		case 10:
			s := semaphore.NewAdaptive(1, 1)
			w.gates, l = append(w.gates, s), s
		}
		w.layers = append(w.layers, l)
	}
}

// compose is what is tested: the same layers, some of them nested.
func (w *world) compose(nest int) *wrapper.Wrapper {
	layers := make([]wrapper.Layer, len(w.layers))
	for i, l := range w.layers {
		switch b := l.(type) {
		case borrowed:
			l = b.Layer
		case keyedBreaker:
			l = b.Layer
		}
		layers[i] = l
	}
	if nest < len(layers) {
		layers = append(layers[:nest:nest], wrapper.Compose(layers[nest:]...))
	}
	return wrapper.Compose(layers...)
}

func (w *world) state() string {
	var seen strings.Builder
	for _, l := range w.limiters {
		fmt.Fprintf(&seen, "tokens %.3f ", l.Tokens())
	}
	for _, s := range w.gates {
		fmt.Fprintf(&seen, "held %d ", s.Held())
	}
	for _, b := range w.breakers {
		fmt.Fprintf(&seen, "%v ", b.State())
	}
	return seen.String()
}

// outcomes are what a call does, by the byte that asks for it.
func outcome(op byte, attempt int) error {
	switch op % 6 {
	case 0:
		return errBoom
	case 1:
		return retry.Permanent(errBoom)
	case 2:
		return refusal{}
	case 3:
		if attempt == 1 {
			return errBoom
		}
	}
	return nil
}

// trace runs calls through fresh layers in a bubble of their own, and says all
// that can be seen. start returns how to run one call.
func trace(t *testing.T, program, calls []byte, start func(*world) func(context.Context, inner) error) (seen []string) {
	synctest.Test(t, func(t *testing.T) {
		var w world
		w.build(program)
		do := start(&w)
		for _, op := range calls {
			w.upset, w.runs = max(int(op%11)-7, 0), 0
			ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
			if w.key != nil {
				ctx = wrapper.WithOverride(ctx, wrapper.Override{Key: w.key})
			}
			begin, attempts := time.Now(), 0
			err := do(ctx, func(context.Context) error { attempts++; return outcome(op, attempts) })
			seen = append(seen, fmt.Sprintf("call %d: %v after %v, %d attempts; %s", op, err, time.Since(begin), attempts, w.state()))
			cancel()
			time.Sleep(time.Duration(op) * 100 * time.Millisecond)
		}
	})
	return seen
}

// compare runs calls through the meaning and through a wrapper.
func compare(t *testing.T, program, calls []byte, nest int) {
	t.Helper()
	want := trace(t, program, calls, func(w *world) func(context.Context, inner) error {
		return func(ctx context.Context, call inner) error {
			return (&meaning{caller: ctx}).stack(w.layers, call)(ctx)
		}
	})
	name := ""
	got := trace(t, program, calls, func(w *world) func(context.Context, inner) error {
		composed := w.compose(nest)
		name = composed.String()
		calls := 0
		return func(ctx context.Context, call inner) error {
			if calls++; calls%2 == 0 {
				return composed.Do(ctx, call)
			}
			_, err := wrapper.Do(ctx, composed, func(ctx context.Context) (int, error) { return calls, call(ctx) })
			return err
		}
	})
	require.Equal(t, want, got, "%s, nested at %d", name, nest)
}

func TestComposeMeansLayersAroundLayers(t *testing.T) {
	rnd := rand.New(rand.NewPCG(3, 4))
	for range 2000 {
		program, calls := make([]byte, rnd.IntN(8)), make([]byte, 1+rnd.IntN(10))
		for i := range program {
			program[i] = byte(rnd.IntN(256))
		}
		for i := range calls {
			calls[i] = byte(rnd.IntN(256))
		}
		compare(t, program, calls, rnd.IntN(8))
	}
}

func FuzzCompose(f *testing.F) {
	f.Add([]byte{6, 0, 1, 3, 4, 6}, []byte{0, 0, 0, 5, 10}, 2)
	f.Add([]byte{1, 3, 5, 0, 7, 8}, []byte{3, 2, 1, 0, 4, 5}, 0)
	f.Fuzz(func(t *testing.T, program, calls []byte, nest int) {
		if len(program) > 10 || len(calls) > 20 || nest < 0 {
			t.Skip()
		}
		compare(t, program, calls, nest)
	})
}
