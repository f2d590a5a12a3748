package wrapper

import (
	"context"
	"sync"
	"sync/atomic"

	"github.com/weirkit/weir/internal/ctxerr"
)

// lifecycle counts the calls that run and, once closed, tells when the last has
// ended.
//
// One word holds both, so that a call that begins and a Close at the same time
// agree: either the call is counted before the closed bit is set, and Close
// waits for it, or it sees the bit and is refused.
type lifecycle struct {
	_    [64]byte     // every call writes word: keep it off the line of what calls read
	word atomic.Int64 // closed bit | number of calls running
	_    [120]byte

	mu   sync.Mutex
	idle chan struct{} // made by the first Close
	over bool          // idle is closed
}

const closedBit = 1 << 62

// enter counts a call in. It returns false, and counts nothing, once closed. Like
// leave it is small enough to be inlined.
func (l *lifecycle) enter() bool {
	return l.word.Add(1)&closedBit == 0 || l.refuse()
}

// refuse takes back what enter has counted.
//
//go:noinline
func (l *lifecycle) refuse() bool {
	l.leave()
	return false
}

func (l *lifecycle) leave() {
	if l.word.Add(-1) == closedBit {
		l.drained()
	}
}

func (l *lifecycle) drained() {
	l.mu.Lock()
	l.drainedLocked()
	l.mu.Unlock()
}

// close refuses calls from now on, and returns a channel that is closed when
// the last of those running has ended.
func (l *lifecycle) close() <-chan struct{} {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.idle == nil {
		l.idle = make(chan struct{})
		l.word.Or(closedBit)
	}
	if l.word.Load() == closedBit {
		l.drainedLocked()
	}
	return l.idle
}

// drainedLocked is called more than once: a call that is refused passes through
// zero too.
func (l *lifecycle) drainedLocked() {
	if !l.over && l.idle != nil {
		l.over = true
		close(l.idle)
	}
}

func (l *lifecycle) running() int64 { return l.word.Load() &^ closedBit }

func (l *lifecycle) closed() bool { return l.word.Load()&closedBit != 0 }

// Close refuses new calls with ErrClosed and waits for those running, as long
// as they take. It is idempotent, safe for concurrent use, and always returns
// nil. The parts of w stay open: they may belong to others too. A call of w
// must not close w: it would wait for itself.
func (w *Wrapper) Close() error {
	needsWrapper("Close", w)
	<-w.life.close()
	return nil
}

// Shutdown is Close that waits no longer than ctx. If ctx ends first, it
// returns its error and the calls that still run go on; new ones stay refused.
func (w *Wrapper) Shutdown(ctx context.Context) error {
	needsWrapper("Shutdown", w)
	idle := w.life.close()
	select {
	case <-idle:
		return nil
	default:
	}
	select {
	case <-idle:
		return nil
	case <-ctx.Done():
		return ctxerr.Of(ctx)
	}
}
