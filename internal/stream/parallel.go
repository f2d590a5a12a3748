package stream

import (
	"context"
	"errors"
	"fmt"
	"math"
	"runtime"
	"sync/atomic"

	"github.com/weirkit/weir/internal/ctxerr"
	"github.com/weirkit/weir/internal/fault"
)

// MaxWindow bounds the window of a [Parallel] that names none itself.
const MaxWindow = 4096

// minWindow is the least window that is chosen by default. Places and
// slots are made when they are first needed, so a short input does not pay for it.
const minWindow = 256

// maxAsked bounds a window that is asked for, so that indices and sizes of rings
// cannot overflow.
const maxAsked = 1 << 30

// Config is what a [Parallel] is made of.
type Config struct {
	// Workers is how many items are worked on at once; 0 means GOMAXPROCS.
	Workers int
	// Window bounds how many items have been read from the source and are not
	// delivered yet, those being worked on included. 0 chooses one between 256
	// and MaxWindow, from the number of workers. A window smaller than Workers
	// bounds what runs at once as well.
	Window int
	// Unordered delivers results as they get ready, instead of in the order of
	// the input.
	Unordered bool
	// FaultErrors makes Run return a panic or Goexit of src or f as the error that
	// it is (a *fault.PanicError, fault.ErrGoexit), instead of raising it: for what
	// delivers it as an error, as a stream does.
	FaultErrors bool
}

// Parallel is one stage of one run: a source feeds a window of items, workers
// work on them, and the caller of [Parallel.Run] consumes the results. Make it
// with [NewParallel]; it must not be copied and runs once. SetWorkers, Workers
// and Queued are safe for concurrent use, before, during and after the run.
//
// There is one ring of slots and three cursors over it: an item is filled by the
// feeder, claimed by a worker and, when it is done, taken by the consumer.
//
//	taken <= claimed <= filled <= taken + window
//
// A slot belongs to the feeder until filled passes it, then to the worker whose
// compare-and-swap moved claimed past it, then, from done on, to the consumer,
// until taken passes it: each of these is one atomic write that the next owner
// reads. Nobody parks but on an empty or full window.
//
// Workers are started when there is an item that no idle worker takes, so three
// items start at most three. A claim is always one item: a chunk would wait
// behind an item of its own that blocks.
type Parallel[In, Out any] struct {
	window    int64
	batch     int64 // the consumer frees so many slots at a time while it finds items
	unordered bool
	faultErrs bool

	ring  places[slot[In, Out]] // in the order of the input
	ready places[slot[In, Out]] // in the order of completion; unordered only

	// Read by all on every item, written when the run ends.
	limit atomic.Int64 // nothing from this index on is started
	total atomic.Int64 // how many items there are, once the source has ended

	_      [128]byte // processors prefetch lines in pairs
	filled atomic.Int64
	room   gate // where the feeder waits

	_       [128]byte
	claimed atomic.Int64

	_       [128]byte
	tickets atomic.Int64 // completions; unordered only

	_     [128]byte
	taken atomic.Int64
	want  atomic.Int64 // what the consumer sleeps for, or -1
	items gate         // where the consumer waits

	_ [128]byte
	crew

	// Set before the first goroutine starts.
	ctx context.Context // the run's: it ends every wait
	f   func(ctx context.Context, index int64, in In) (Out, error)
	// early replaces f in RunEarly.
	early func(ctx context.Context, index int64, in In, publish func(Out)) (Out, error)
	lanes lanes[In, Out] // nil without ByKey

	// The feeder's.
	seen   int64 // taken, as it last saw it
	fresh  []slot[In, Out]
	blocks int // the size of the last block of slots
}

// slot carries one item through the stage. It is not padded: with an item and a result
// of a word or two it is about one cache line, and to move a second one between three
// processors costs more than workers that now and then write neighbours.
type slot[In, Out any] struct {
	done  atomic.Int64 // 1 + the number under which the item is delivered
	index int64
	in    In
	out   Out
	err   error

	key *keyed[In, Out] // nil without ByKey
}

// raised is the error of an item, or of the source, that did not return.
type raised struct{ *fault.Fault }

func (r raised) Error() string { return r.Err().Error() }

// NewParallel returns a stage that has not begun. It panics on a number that
// means nothing.
func NewParallel[In, Out any](c Config) *Parallel[In, Out] {
	if c.Workers < 0 || c.Workers > maxAsked {
		panic(fmt.Sprintf("stream: workers must be between 0 and %d, got %d", maxAsked, c.Workers))
	}
	if c.Window < 0 || c.Window > maxAsked {
		panic(fmt.Sprintf("stream: window must be between 0 and %d, got %d", maxAsked, c.Window))
	}
	workers := c.Workers
	if workers == 0 {
		workers = runtime.GOMAXPROCS(0)
	}
	window := c.Window
	if window == 0 {
		window = max(workers, min(max(minWindow, 2*workers), MaxWindow))
	}
	p := &Parallel[In, Out]{
		window:    int64(window),
		batch:     int64(max(1, min((window-workers)/4, 64))),
		unordered: c.Unordered,
		faultErrs: c.FaultErrors,
		ring:      placesFor[slot[In, Out]](window),
	}
	if c.Unordered {
		p.ready = placesFor[slot[In, Out]](window)
	}
	p.limit.Store(math.MaxInt64)
	p.total.Store(math.MaxInt64)
	p.want.Store(-1)
	p.target.Store(int64(workers))
	p.signal = make(chan struct{}, 1)
	return p
}

// Run calls src on one goroutine, f on up to Workers others, and out on this
// one, and returns when all of them have ended.
//
// f gets the index of its item, counted from 0 in the order in which src yields.
// In order, out is called with the results of 0, 1, 2 and so on; the first index
// whose f failed ends the run with its error, after the results before it. So
// the outcome is that of a plain loop. From the moment f failed no item behind
// it is started; those before it are not disturbed. Unordered, an error is
// delivered as it gets ready; of several the one with the lowest index is
// returned, among those that came before the run was cancelled. An error of src
// is returned after the results of what src had yielded.
//
// If out returns false, Run returns nil. When ctx is done it returns the error
// of ctx as package ctxerr has it, and it delivers nothing more. In each case the
// context of src and f is cancelled, and what runs is waited for: a source or an
// f that does not look at its context, or at yield's false, delays the return.
//
// A panic or runtime.Goexit of f or src counts as an error of that place, and is
// raised on this goroutine once everything has stopped, a panic as a
// *fault.PanicError; with FaultErrors it is returned. One of out passes through,
// with the same wait.
func (p *Parallel[In, Out]) Run(
	ctx context.Context,
	src func(ctx context.Context, yield func(In) bool) error,
	f func(ctx context.Context, index int64, in In) (Out, error),
	out func(index int64, v Out) bool,
) error {
	p.f = f
	return p.run(ctx, src, out)
}

// RunEarly is Run with an f that may publish its result before it returns, once:
// the result is then delivered in its turn while f goes on to make more of it;
// its worker is busy until then. What f returns afterwards is not delivered; if it
// is an error, or f does not return, nothing behind the item is started, and out
// must return false when it comes to that result.
func (p *Parallel[In, Out]) RunEarly(
	ctx context.Context,
	src func(ctx context.Context, yield func(In) bool) error,
	f func(ctx context.Context, index int64, in In, publish func(Out)) (Out, error),
	out func(index int64, v Out) bool,
) error {
	p.early = f
	return p.run(ctx, src, out)
}

func (p *Parallel[In, Out]) run(
	ctx context.Context,
	src func(ctx context.Context, yield func(In) bool) error,
	out func(index int64, v Out) bool,
) error {
	if ctx.Err() != nil {
		return ctxerr.Of(ctx)
	}
	inner, cancel := context.WithCancel(ctx)
	p.ctx = inner
	var srcErr error
	p.all.Add(1)
	go fault.Catch(func() { srcErr = src(inner, p.fill) }, func(f *fault.Fault) {
		if f != nil {
			srcErr = raised{f}
		}
		p.total.Store(p.filled.Load())
		p.items.wake()
		p.all.Done()
	})
	why, err := p.deliver(cancel, out)
	return p.outcome(ctx, why, err, srcErr)
}

// deliver consumes, and stops and joins whatever happens in out.
func (p *Parallel[In, Out]) deliver(cancel func(), out func(int64, Out) bool) (end, error) {
	defer p.dismiss()
	defer cancel()
	return p.consume(out)
}

// end is why the consumer ended.
type end int

const (
	sourceEnded end = iota // every item was delivered: how the source ended is what counts
	broken                 // out wants no more
	failed                 // an item failed, or the context is done
)

// outcome turns why the consumer ended into what Run returns or raises.
func (p *Parallel[In, Out]) outcome(ctx context.Context, why end, err, srcErr error) error {
	switch {
	case why == broken:
		return nil
	case why == sourceEnded:
		err = srcErr
	case p.unordered:
		err = p.lowest(err)
	}
	if err == nil {
		return nil
	}
	if r, ok := err.(raised); ok { //nolint:errorlint // never wrapped
		if p.faultErrs {
			return r.Err()
		}
		r.Raise()
	}
	// An error that says no more than that ctx is done is the error of ctx.
	if cerr := ctx.Err(); cerr != nil && errors.Is(err, cerr) {
		return ctxerr.Of(ctx)
	}
	return err
}
