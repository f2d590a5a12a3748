package stream

import "sync/atomic"

// gate is where one side of a [Ring] sleeps until the other has something for
// it. One goroutine waits; any number may wake it.
//
// A waiter arms the gate, looks once more at what it waits for, and then either
// waits or disarms. A waker first makes visible what the waiter looks for, then
// wakes. Go's atomics are sequentially consistent, so of "arm, then look" and
// "publish, then look whether armed" at least one sees the other: no wake-up is
// lost.
//
// Whoever swaps armed from true to false owns the one signal of this round: a
// waker then owes it, a waiter that lost the swap must take it. So signal never
// holds more than one, and a send never blocks.
type gate struct {
	armed  atomic.Bool
	signal chan struct{} // made by the waiter before it first arms: most rings never wait
}

// sleepUnless sleeps until a wake, unless ready says that there is no need to, or
// until one of two channels is closed.
func (g *gate) sleepUnless(ready func() bool, done, also <-chan struct{}) {
	g.arm()
	if ready() {
		g.disarm()
		return
	}
	g.waitEither(done, also)
}

func (g *gate) arm() {
	if g.signal == nil {
		g.signal = make(chan struct{}, 1)
	}
	g.armed.Store(true)
}

// disarm ends a round without a wait.
func (g *gate) disarm() {
	if !g.armed.CompareAndSwap(true, false) {
		<-g.signal // it has been sent or is about to be
	}
}

// wait ends a round by sleeping until a waker has swapped armed, or done is
// closed. A nil done never is.
func (g *gate) wait(done <-chan struct{}) { g.waitEither(done, nil) }

// waitEither is wait with two channels that end it.
func (g *gate) waitEither(done, also <-chan struct{}) {
	if done == nil && also == nil {
		<-g.signal // a plain receive is about half of a select
		return
	}
	select {
	case <-g.signal:
	case <-done:
		g.disarm()
	case <-also:
		g.disarm()
	}
}

func (g *gate) wake() {
	if g.armed.Load() && g.armed.CompareAndSwap(true, false) {
		g.signal <- struct{}{}
	}
}
