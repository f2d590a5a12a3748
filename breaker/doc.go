// Package breaker stops calls to something that fails: while it is down,
// callers get an error at once instead of waiting for one, and it gets time to
// recover.
//
// # Words
//
// A breaker is closed while all is well: calls go through, and trip rules watch
// how they end. When a rule is met it opens: every call is refused for the open
// time. Then it is half-open: a few calls, the probes, go through, and from
// them it learns whether to close or to open again. The outcome of a call is
// success, failure or ignored. A generation is the time between two changes of
// state.
//
// # Choosing
//
//   - [New] without options suits most. [ConsecutiveFailures] suits few calls and
//     is the cheapest; [FailureRate] suits many; [FailureCount] asks for no
//     share; [SlowCallRate] sees a server that answers, but late; [StuckCalls]
//     one that does not answer at all, before timeouts do. Any number of them
//     combine, and any of them opens.
//   - [Breaker.Do] and [Do] guard a call that is one function. Where it is not,
//     [Breaker.Acquire] gives a [Permit]. [Breaker.Ready] asks before a queue.
//   - [Keyed] has a breaker for each host, tenant or shard.
//
// To bound load where nothing fails, use package ratelimit or semaphore.
//
// # Guarantees
//
// There is no state to be stuck in: a probe that hangs, panics, exits its
// goroutine or is never reported loses its place when its lease is over. A
// result counts only in the generation in which the call began, so late answers
// neither close a breaker nor make room for probes. There are never more probes
// at a time than [HalfOpenProbes], but for those whose lease is over. A share
// that is met exactly opens. A panic passes through untouched. State changes are
// told in order, outside every lock. A call whose context is done is not admitted
// and changes nothing. State is what it says: an open time that is over reads
// half-open, even if nobody calls, as soon as the program's timers run.
//
// # Non-goals
//
// A breaker is local to its process and shares its state with no other. It runs
// no call itself, sets no timeout, repeats nothing and has no fallback.
package breaker
