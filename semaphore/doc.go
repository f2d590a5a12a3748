// Package semaphore bounds how much runs at once: calls to a server,
// connections, bytes in memory.
//
// # Words
//
// A semaphore has a limit of permits. A caller acquires some of them, which may
// mean to wait in the queue, holds them and releases them. At every instant that
// anyone can observe, held + available = limit; while a lowered limit drains,
// available is 0.
//
// # Choosing
//
//   - [Semaphore.Do] runs a function with one permit. It is what most need.
//   - [Semaphore.Acquire] and [Semaphore.Release] count: nothing ties a release
//     to its acquisition, and nothing is allocated.
//   - [Semaphore.Permit] gives a handle that is released at most once and can
//     be revoked; [LeakFinder] finds those that were lost.
//   - [Semaphore.AcquirePriority] lets some go first; [Aging] and [Share] see to
//     it that the others go, too.
//   - [Keyed] is a semaphore for each key: so many calls to one host.
//   - [Adaptive] finds the limit by itself, from how long calls take.
//   - [Weighted] has the names and the semantics of golang.org/x/sync/semaphore.
//
// For example, to have at most ten calls to a server under way, and at most a
// hundred waiting:
//
//	calls := semaphore.New(10, semaphore.MaxWaiters(100))
//	...
//	err := calls.Do(ctx, func(ctx context.Context) error {
//		return client.Send(ctx, message)
//	})
//
// To bound how many start in a second, use package ratelimit instead.
//
// # Guarantees
//
// No permit is lost or made: not by a cancellation that races a grant, a panic,
// a runtime.Goexit, a resize or Close. A context that is done wins over a free
// permit and changes nothing. A request that can never be served fails at once.
// Nobody starves: see [Semaphore] for the order and its bound. There is no
// background goroutine.
//
// # Non-goals
//
// A semaphore is local to its process, does not know who holds what, and is not
// reentrant: who holds permits and waits for more may wait for ever.
package semaphore
