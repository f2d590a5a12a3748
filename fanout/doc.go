// Package fanout runs one function over many items, or many functions at once,
// with a bounded number of workers.
//
// One after the other, calls that wait are slow; all at once, they are too many;
// and goroutines, a channel and a WaitGroup around them get the rest wrong: which
// error it was, what still runs, where the panic went. Here it is a call:
//
//	sizes, err := fanout.Map(ctx, urls, fetch, fanout.Workers(8))
//
// # Words
//
// An item is an element of the input, or one of several functions. A worker is a
// goroutine that runs items, one after the other; in a call on a slice the calling
// goroutine is one of them. There are never more goroutines than workers, however
// many the items. The first error is the one with the lowest index among those that
// our own cancellation did not cause.
//
// # Choosing
//
//   - [Map], [ForEach], [Filter], [FilterMap]: a slice; the first error stops it.
//   - [Update]: change the items of a slice in place.
//   - [Settle]: a slice; every item gets an outcome of its own.
//   - [Stream], [StreamChan], [Chan]: more items than fit into memory, or that come over time.
//   - [StreamByKey]: the same, where items of one key must stay in order.
//   - [MapValues]: the entries of a map. [Reduce]: one value of many.
//   - [All], [All2] to [All6]: different calls that all must succeed.
//   - [First], [Race]: different calls of which one result is wanted.
//   - [Group]: tasks that are found while others run.
//
// For several steps one after the other, use package pipeline.
//
// Work that waits (for a network, a disk, a lock) needs [Workers]: by default at
// most GOMAXPROCS items run at once, which is right for work that computes.
//
// # Guarantees
//
// Results are in the order of the input. On an error there are no results: a zero
// value never poses as one. When a call has returned, panicked or ended its
// goroutine, no callback runs and none will begin; so it is after a break out of a
// [Stream]. A context that is done runs nothing. A panic of a callback cancels the
// others, waits for them, and is raised on the goroutine that waits, as a
// *[PanicError]; a stream or a future returns it. runtime.Goexit in a callback
// ends the waiting goroutine, or is [ErrGoexit]. All of this is the same whether
// items run on the calling goroutine or on others.
//
// An option that a function cannot honour makes it panic at the call, and say which
// functions can: none is dropped in silence.
//
// Memory is bounded: a call on a slice allocates its results and some hundred
// bytes a worker, a stream at most its [Window].
//
// # Non-goals
//
// There is no pool that outlives a call, no queue that grows, and no way to leave
// before the callbacks have ended: a callback that does not look at its context is
// waited for.
package fanout
