package breaker

// The word is all that a call reads on the ordinary path:
//
//	generation (32 bits) | flags | state (2 bits)
//
// It changes under Breaker.mu alone, and readers never write it. A call is
// admitted at once if none of the entry bits is set, and a success is done if
// nothing of the lower half is set but flagMade. The generation grows by one with each state
// change: a permit carries the one it was made in, and a result that comes in
// another counts nowhere. It would have to wrap around within one call to be
// mistaken.
const (
	stateMask = 3

	// flagFull: half-open, and no probe is free.
	flagFull = 1 << 2
	// flagRamp: closed, but only a share of the calls is admitted.
	flagRamp = 1 << 3
	// flagFollow: calls in flight are followed, because of StuckCalls.
	flagFollow = 1 << 4
	// flagStamp: the begin of a call is wanted, because of SlowCallRate or the
	// Outcome event.
	flagStamp = 1 << 5
	// flagCount: the option Counted.
	flagCount = 1 << 6

	// flagAsk: only Classify knows whether a nil error is a success, or an
	// Outcome event wants to know.
	flagAsk = 1 << 7
	// flagTally: the time window counts successes.
	flagTally = 1 << 8
	// flagWatch: a success may change what the rules say, so it is recorded
	// under the lock.
	flagWatch = 1 << 9

	// flagMade: New has made the breaker. It makes the word of a zero value one
	// that the fast paths do not take.
	flagMade = 1 << 10
	// flagShut: open, and nobody counts rejections or is told of them.
	flagShut = 1 << 11

	// entryBits make an acquisition take the long way.
	entryBits = stateMask | flagRamp | flagFollow | flagStamp | flagCount
	// lockedBits make a success take the lock.
	lockedBits = stateMask | flagFollow | flagWatch

	genShift = 32
)

func stateOf(word uint64) State { return State(word & stateMask) }
func genOf(word uint64) uint32  { return uint32(word >> genShift) } // #nosec G115 -- 32 bits are left
func quiet(word uint64) bool    { return uint32(word) == flagMade } // #nosec G115 -- the lower half is wanted
func plain(word uint64) bool    { return word&(flagMade|entryBits) == flagMade }
func refuses(word uint64) bool  { return stateOf(word) == Open || word&flagFull != 0 }

// publishLocked writes the word anew from what mu guards.
func (b *Breaker) publishLocked() {
	r := b.rules.Load()
	flags := b.fixed
	switch b.state {
	case Closed:
		if b.ramp.step.Load() != 0 {
			flags |= flagRamp
		}
		if r.slow.ratio > 0 {
			flags |= flagStamp
		}
		if b.mode == ForcedClosed {
			break // nothing is recorded
		}
		if r.stuck > 0 {
			flags |= flagFollow
		}
		if r.tallies() {
			flags |= flagTally
		}
		if b.watchLocked(r) {
			flags |= flagWatch
		}
	case HalfOpen:
		if r.slow.ratio > 0 {
			flags |= flagStamp
		}
		if b.probes.full() {
			flags |= flagFull
		}
	case Open:
		if !b.loud {
			flags |= flagShut
		}
	}
	word := b.gen<<genShift | flags | uint64(b.state)
	if word != b.word.Load() {
		b.word.Store(word)
	}
}
