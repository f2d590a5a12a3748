package fanout

import "sync/atomic"

// progress calls a function with the number of items that have ended. Whoever
// finds nobody calling it calls it; whoever finds somebody leaves the news to
// that one. So nobody waits, and no mutex is held while it runs.
type progress struct {
	f       func(done, total int)
	total   int
	done    atomic.Int64
	calling atomic.Bool
	told    int64 // belongs to who set calling
}

func (p *progress) add() {
	p.done.Add(1)
	// The load behind the release of calling sees every item whose own try came
	// while it was taken.
	for p.calling.CompareAndSwap(false, true) {
		if told := p.tell(); p.done.Load() == told {
			return
		}
	}
}

// tell calls f if there is news, and returns how many items have ended for all that
// f knows. A fault of f does not keep the next news from it.
func (p *progress) tell() int64 {
	defer p.calling.Store(false)
	if done := p.done.Load(); done > p.told {
		p.told = done
		p.f(int(done), p.total)
	}
	return p.told
}
