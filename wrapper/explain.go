package wrapper

import (
	"fmt"
	"strings"

	"github.com/weirkit/weir/ratelimit"
	"github.com/weirkit/weir/semaphore"
)

// step is one place that a call passes.
type step struct {
	name  string
	means string
}

// String names the layers, outermost first, and both places of a breaker.
func (w *Wrapper) String() string {
	var names []string
	for _, s := range w.steps() {
		names = append(names, s.name)
	}
	return strings.Join(names, " > ")
}

// Explain says what a call passes, outermost first, a line each, with what it
// means there, and what Vet has to say. It is for people to read.
func (w *Wrapper) Explain() string {
	steps, wide := w.steps(), 0
	for _, s := range steps {
		wide = max(wide, len(s.name))
	}
	var b strings.Builder
	for _, s := range steps {
		fmt.Fprintf(&b, "%-*s  %s\n", wide, s.name, s.means)
	}
	for _, warning := range w.Vet() {
		fmt.Fprintf(&b, "warning: %v\n", warning)
	}
	return b.String()
}

// steps lists what a call passes, outermost first.
func (w *Wrapper) steps() []step {
	var steps []step
	for f := w.first; f != nil; f = f.next {
		steps = append(steps, f.steps()...)
	}
	return append(steps, step{"call", "your function, on the caller's goroutine unless a layer says otherwise"})
}

func (f *frame) steps() []step {
	var steps []step
	add := func(name, means string) { steps = append(steps, step{name, means}) }
	if f.retry != nil {
		add(name(f.retry), "runs all that is inside again, with pauses, until it succeeds or enough is enough")
	}
	guard := f.guard()
	if guard != nil {
		add(name(guard)+" ready?", "refuses while it would not admit a call, and takes nothing")
	}
	if f.limiter != nil {
		add(name(f.limiter), (&gate{limiter: f.limiter}).means())
	}
	if f.semaphore != nil {
		add(name(f.semaphore), (&gate{semaphore: f.semaphore}).means())
	}
	for i := range f.gates {
		add(f.gates[i].String(), f.gates[i].means())
	}
	if guard != nil {
		kind, _, _ := strings.Cut(name(guard), "(") // its settings are said above
		add(kind+" acquire", "admits the call, starts its clock and judges its error")
	}
	switch {
	case f.kind == timed:
		add(f.timeout.String(), "ends the context of all that is inside when that has passed")
	case f.hedges:
		add(name(f.foreign), "runs what is inside a second time when the first is slow, and takes the faster")
	case f.foreign != nil:
		add(name(f.foreign), "a layer of your own")
	case f.kind == outside:
		add(name(recoverLayer{}), "makes an error of a panic inside")
	}
	return steps
}

// guard returns the layer that has the breaker of f, or nil.
func (f *frame) guard() Layer {
	if f.breaker != nil {
		return f.breaker
	}
	return f.perKey
}

// name returns a short name of a layer with its settings.
func name(l Layer) string {
	switch l := l.(type) {
	case *ratelimit.Limiter:
		return fmt.Sprintf("Limiter(%v, burst %d)", l.Rate(), l.Burst())
	case *semaphore.Semaphore:
		return fmt.Sprintf("Semaphore(%d)", l.Limit())
	case fmt.Stringer:
		return l.String()
	case *ratelimit.Multi, *ratelimit.Batch, *ratelimit.FixedWindow, *ratelimit.SlidingWindow, *ratelimit.Adaptive:
		return fmt.Sprintf("Limiter(%T)", l)
	case *semaphore.Adaptive:
		return fmt.Sprintf("Semaphore(%T)", l)
	}
	return fmt.Sprintf("%T", l)
}
