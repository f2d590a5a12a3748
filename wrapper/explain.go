package wrapper

import (
	"fmt"

	"github.com/weirkit/weir/breaker"
	"github.com/weirkit/weir/ratelimit"
	"github.com/weirkit/weir/retry"
	"github.com/weirkit/weir/semaphore"
)

// names lists what a call passes, outermost first.
func (w *Wrapper) names() []string {
	var names []string
	for f := w.first; f != nil; f = f.next {
		names = append(names, f.names()...)
	}
	return append(names, "call")
}

func (f *frame) names() []string {
	var names []string
	if f.total != nil {
		names = append(names, f.total.String())
	}
	if f.retry != nil {
		names = append(names, name(f.retry))
	}
	if f.breaker != nil {
		names = append(names, "Breaker ready?")
	}
	for _, g := range f.gates {
		names = append(names, g.String())
	}
	if f.breaker != nil {
		names = append(names, "Breaker acquire")
	}
	if f.attempt != nil {
		names = append(names, f.attempt.String())
	}
	switch {
	case f.foreign != nil:
		names = append(names, name(f.foreign))
	case f.catch:
		names = append(names, name(recoverLayer{}))
	}
	return names
}

// name returns a short name of a layer with its settings.
func name(l Layer) string {
	switch l := l.(type) {
	case *ratelimit.Limiter:
		return fmt.Sprintf("Limiter(%v, burst %d)", l.Rate(), l.Burst())
	case *semaphore.Semaphore:
		return fmt.Sprintf("Semaphore(%d)", l.Limit())
	case *breaker.Breaker:
		return "Breaker"
	case *retry.Policy:
		return "Retry"
	case fmt.Stringer:
		return l.String()
	}
	return fmt.Sprintf("%T", l)
}

func (g gate) String() string {
	switch {
	case g.limiter != nil:
		return name(g.limiter)
	case g.semaphore != nil:
		return name(g.semaphore)
	case g.waiter != nil:
		return name(waiterLayer{g.waiter})
	}
	return name(acquirerLayer{g.acquirer})
}
