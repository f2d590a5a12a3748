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
//     be revoked.
//   - [Weighted] has the names and the semantics of golang.org/x/sync/semaphore.
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
