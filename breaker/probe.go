package breaker

import (
	"slices"
	"time"
)

// probes are the calls that a half-open breaker lets through. Each holds a
// lease: if it has not reported when the lease ends, it is a failure, its place
// is gone and what it reports later counts nowhere. So no probe can hold the
// breaker, whatever becomes of it.
type probes struct {
	limit  int // in flight and in all
	need   int // successes that close
	lease  time.Duration
	serial uint32  // of the last probe of any generation
	leases []lease // in flight, earliest first
	passed int
	failed int
}

type lease struct {
	serial uint32
	until  int64
}

func newProbes(c *config) probes {
	return probes{limit: c.probes, need: c.need(), lease: c.lease}
}

func (p *probes) reset() { p.leases, p.passed, p.failed = p.leases[:0], 0, 0 }

// full reports whether no probe is free. Those that were ignored or cancelled
// have given their place back.
func (p *probes) full() bool { return len(p.leases)+p.passed+p.failed >= p.limit }

// grant takes a free place and returns the serial number of the probe, which
// is not 0.
func (p *probes) grant(now int64) uint32 {
	p.serial++
	if p.serial == 0 {
		p.serial++
	}
	p.leases = append(p.leases, lease{p.serial, later(now, p.lease)})
	return p.serial
}

// expiry returns when the first lease ends, 0 if there is none.
func (p *probes) expiry() int64 {
	if len(p.leases) == 0 {
		return 0
	}
	return p.leases[0].until
}

// expire ends the first lease as a failure.
func (p *probes) expire() {
	p.leases = slices.Delete(p.leases, 0, 1)
	p.failed++
}

// settle ends the lease of a probe and reports whether there was one.
func (p *probes) settle(serial uint32, o Outcome) bool {
	i := slices.IndexFunc(p.leases, func(l lease) bool { return l.serial == serial })
	if i < 0 {
		return false
	}
	p.leases = slices.Delete(p.leases, i, i+1)
	switch o {
	case Success:
		p.passed++
	case Failure:
		p.failed++
	case Ignored:
	}
	return true
}

// judgeLocked closes as soon as enough probes have passed, and opens as soon as
// that cannot be reached any more.
func (b *Breaker) judgeLocked(now int64, cause error) {
	switch p := &b.probes; {
	case p.passed >= p.need:
		b.closeLocked(now, true)
	case p.failed > p.limit-p.need:
		b.tripLocked(now, cause)
	}
}
