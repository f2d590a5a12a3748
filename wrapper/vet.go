package wrapper

import (
	"fmt"
	"slices"

	"github.com/weirkit/weir/breaker"
	"github.com/weirkit/weir/ratelimit"
	"github.com/weirkit/weir/retry"
	"github.com/weirkit/weir/semaphore"
)

// Warning is an order of layers that probably hurts.
type Warning struct {
	// Layer is the name of the layer that stands in the wrong place.
	Layer string
	// Problem says what happens and what would be better.
	Problem string
}

// String names layer and problem.
func (w Warning) String() string { return w.Layer + ": " + w.Problem }

// Vet looks for orders of layers that are allowed and probably hurt. There are
// programs in which each of them is right: it warns, and changes nothing. What
// New builds of a Config has no warnings.
func (w *Wrapper) Vet() []Warning {
	v := vetting{layers: flatten(nil, w.layers)}
	for i, l := range v.layers {
		v.outside, v.inside = v.layers[:i], v.layers[i+1:]
		v.look(l)
	}
	return v.warnings
}

// flatten appends layers to all, with those of wrappers in their place.
func flatten(all, layers []Layer) []Layer {
	for _, l := range layers {
		if w, ok := l.(*Wrapper); ok {
			all = flatten(all, w.layers)
		} else {
			all = append(all, l)
		}
	}
	return all
}

// vetting looks at one layer after the other.
type vetting struct {
	layers, outside, inside []Layer
	warnings                []Warning
}

func (v *vetting) warn(l Layer, problem string, args ...any) {
	v.warnings = append(v.warnings, Warning{name(l), fmt.Sprintf(problem, args...)})
}

// look warns about l, between what is outside and inside of it.
func (v *vetting) look(l Layer) {
	if same(v.outside, l) {
		v.warn(l, "stands here twice; a call takes from it twice, and may wait for itself")
	}
	if isGate(l) && slices.ContainsFunc(v.inside, isRetry) {
		if isSemaphore(l) {
			v.warn(l, "is outside a retry; its permit is held through every pause: put it inside")
		} else {
			v.warn(l, "is outside a retry; further attempts pay no token: put it inside")
		}
	}
	if isBreaker(l) {
		v.breaker(l)
	}
	switch l := l.(type) {
	case *retry.Policy:
		if isRetry(l) && slices.ContainsFunc(v.outside, isRetry) {
			v.warn(l, "is inside another retry; the attempts of both multiply: keep one")
		}
	case *timeoutLayer:
		v.timeout(l)
	}
}

// breaker warns about a breaker.
func (v *vetting) breaker(l Layer) {
	if slices.ContainsFunc(v.inside, isRetry) {
		v.warn(l, "is outside a retry; it sees a whole operation as one call, and a retry goes on against a server that is down: put it inside")
	}
	if slices.ContainsFunc(v.outside, isGate) {
		v.warn(l, "is inside a limiter or a semaphore; a call that it refuses has waited and paid already: put it outside, it admits calls behind them")
	}
}

// timeout warns about a timeout.
func (v *vetting) timeout(l *timeoutLayer) {
	for _, o := range v.outside {
		if outer, ok := o.(*timeoutLayer); ok && outer.limit.d <= l.limit.d && !slices.ContainsFunc(v.outside, isRetry) {
			v.warn(l, "is inside %v, which ends first: it has no effect", outer)
			return
		}
	}
	if l.limit.name == "AttemptTimeout" && slices.ContainsFunc(v.inside, isRetry) {
		v.warn(l, "is outside a retry; it bounds all attempts together: put it inside, or say Timeout")
	}
}

func isRetry(l Layer) bool {
	p, ok := l.(*retry.Policy)
	return ok && !p.Hedged()
}

func isGate(l Layer) bool {
	switch l.(type) {
	case *ratelimit.Limiter, *semaphore.Semaphore:
		return true
	}
	_, is := gateOf(l)
	return is
}

func isSemaphore(l Layer) bool {
	if _, is := l.(*semaphore.Semaphore); is {
		return true
	}
	g, is := gateOf(l)
	return is && g.holds()
}

func isBreaker(l Layer) bool {
	switch l := l.(type) {
	case *breaker.Breaker:
		return true
	case keyedPart:
		_, is := l.part().(keyedBreakers)
		return is
	}
	return false
}

// same reports whether l, if it is a part of ours, is among layers.
func same(layers []Layer, l Layer) bool {
	switch l.(type) {
	case *ratelimit.Limiter, *ratelimit.Multi, *semaphore.Semaphore, *semaphore.Adaptive, *breaker.Breaker, *retry.Policy:
		return slices.Contains(layers, l)
	}
	return false
}
