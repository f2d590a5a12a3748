// Package retry tries failed work again: after a pause, within bounds, and only
// where that can help.
//
// # Words
//
// A policy makes attempts. The first one fails and is followed by retries, each
// after a delay that a backoff computes, until one succeeds or a rule ends the
// call. A rejection is an error that says that the work was refused before it
// ran: it has the method Rejected() bool. A budget bounds the retries of many
// calls together.
//
// # Choosing
//
//   - [Policy.Do] and [Do] run a function under a policy. They are what most need.
//   - [Policy.Begin] is the same loop for code that has no function to hand over.
//   - [FullJitter] of [Exponential] is the backoff for a crowd of callers, and
//     the default. [Constant] is for one caller that polls.
//   - [Permanent], [After] and [If] say what can be retried, and when: the first
//     two where the error is made, the third for errors of others.
//   - [NewBudget] where many calls share one service.
//   - [MaxDelay], or a backoff whose largest delay is as long, for calls that are to
//     outlast a breaker that opens: a rejection that names a longer time ends the
//     call at once. The default is at most 2 seconds, a breaker is open for 5.
//   - [AttemptTimeout] against an attempt that hangs, [Hedge] against one that is
//     merely slower than most.
//   - [Fallback] and [Discard] for results: what to return instead, and what to
//     do with those that are not returned.
//
// # When a call ends
//
// After each failure the policy asks in this order, and ends the call at the
// first that applies: is the error marked [Permanent]? is the context done? does
// [If] refuse? are there as many retries as [MaxRetries] allows? is it a
// rejection that names no time, or a longer one than the largest delay? would
// the pause exceed the context's deadline or [MaxElapsed]? is the [Budget]
// spent? A pause that cannot help is not begun: the call ends at once.
//
// A rejection that names a time is waited for, at least that long and at most a
// tenth longer. So is an error that asks for a time, in place of the backoff; but
// a time beyond the bound of [MaxDelay] is cut to it, and does not end the call
// (see [After]). An error that matches context.DeadlineExceeded is retried as long
// as the context of the call is alive: it is an attempt that took too long.
//
// # Guarantees
//
// A context that is done runs nothing, and one that ends during a pause runs
// nothing more. The last error is never lost: it is in the result beside that of
// the context. No delay is negative or overflows, at any attempt. Nothing is
// held during a pause, and nothing is left after a panic or runtime.Goexit. A
// policy starts no goroutine but for a [Hedge], and awaits that.
//
// # Non-goals
//
// A policy does not know whether work may be repeated; the caller does. It does
// not interrupt work that ignores its context.
package retry
