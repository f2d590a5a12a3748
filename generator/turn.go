package generator

import "sync/atomic"

// turn is a mutex for what blocks: pulls of a generator take turns, and a pull
// may wait for the producer as long as that likes. A goroutine that waits for
// its turn sleeps on a channel: on a sync.Mutex it would count as running in a
// testing/synctest bubble, whose clock then stands still, and could not be woken
// by a context.
//
// A free turn costs one compare-and-swap to take and one swap to give back.
type turn struct {
	state atomic.Int32
	wake  atomic.Pointer[chan struct{}] // holds one token; made by the first that waits
}

const (
	free   int32 = iota
	taken        // nobody waits
	wanted       // somebody may wait: giving the turn back posts a token
)

func (t *turn) try() bool { return t.state.CompareAndSwap(free, taken) }

// wait takes the turn and reports true, or gives up and reports false when done
// is closed. A nil done never is.
//
// Whoever waits has set the state to wanted, and everyone who took the turn after
// a wait holds it as wanted, as there may be more of them. So every release while
// somebody waits posts a token; one that finds a token posted already leaves it,
// because the goroutine that receives that one looks at the state afterwards.
func (t *turn) wait(done <-chan struct{}) bool {
	wake := t.channel()
	for t.state.Swap(wanted) != free {
		select {
		case <-wake:
		case <-done:
			// A token that was meant for this goroutine is still there for
			// the next, and a turn held as wanted posts another.
			return false
		}
	}
	return true
}

func (t *turn) give() {
	if t.state.Swap(free) == wanted {
		t.post()
	}
}

func (t *turn) post() {
	select {
	case t.channel() <- struct{}{}:
	default:
	}
}

func (t *turn) channel() chan struct{} {
	if c := t.wake.Load(); c != nil {
		return *c
	}
	c := make(chan struct{}, 1)
	t.wake.CompareAndSwap(nil, &c)
	return *t.wake.Load()
}
