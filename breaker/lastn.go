package breaker

// lastN counts the outcomes of the last n calls. Breaker.mu guards it: it need
// not be asked about a success while the last n calls were successes and fast,
// because nothing changes.
type lastN struct {
	ring []uint8 // of the calls so far, at most n
	n    int
	next int
	tally
}

const (
	didFail uint8 = 1 << iota
	wasSlow
)

func newLastN(n int) *lastN { return &lastN{n: n} }

func (l *lastN) add(failed, slow bool) {
	var mark uint8
	if failed {
		mark |= didFail
	}
	if slow {
		mark |= wasSlow
	}
	if len(l.ring) < l.n {
		l.ring = append(l.ring, mark)
	} else {
		old := l.ring[l.next]
		l.calls--
		l.failed -= uint64(old & didFail)
		l.slow -= uint64(old & wasSlow / wasSlow)
		l.ring[l.next] = mark
	}
	l.next++
	if l.next == l.n {
		l.next = 0
	}
	l.tally.add(failed, slow)
}

// settled reports whether one more fast success changes nothing.
func (l *lastN) settled() bool {
	return len(l.ring) == l.n && l.failed == 0 && l.slow == 0
}
