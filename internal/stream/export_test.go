package stream

// Gate is the gate of a ring, whose races are a few instructions wide there.
type Gate = gate

// SleepUnless and Wake are its two sides.
func (g *Gate) SleepUnless(ready func() bool, done <-chan struct{}) { g.sleepUnless(ready, done) }

func (g *Gate) Wake() { g.wake() }
