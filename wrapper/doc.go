// Package wrapper puts several policies around one call, in an order that is
// right by default: bounded concurrency, a rate limit, retries, a circuit
// breaker, timeouts, and layers of your own.
//
// # Words
//
// A layer is a policy around a call: anything with the method Do of [Layer]. A
// wrapper is a stack of layers, and a layer itself. An operation is one Do of a
// wrapper; with a retry it is several attempts. A rejection is an error of a
// call that was refused before it ran.
//
// # Choosing
//
//   - [New] builds the standard order from a [Config], which may come from a
//     file or the environment, with [Parts] of your own where you have them. It is
//     what most need.
//   - [Compose] stacks layers of your own choice, leftmost outermost: shared
//     parts, other orders, timeouts ([Timeout], [AttemptTimeout]), hedging
//     ([Hedge]), panics as errors ([Recover]), foreign limiters ([Limiter]) and
//     semaphores ([Semaphore]), and middleware ([Func]).
//   - [Wrapper.Do] runs a function without a result, [Do] one with a result, with
//     [Fallback] and [Discard] if need be.
//   - [Process] and [Settle] run one for every item of a slice, [ProcessSeq] and
//     [Stream] for those of a sequence.
//   - [NewKeyed] has a wrapper for each host or tenant, [PerKey] a layer of that
//     kind. [WithOverride] lets one call differ from the others.
//   - [Wrapper.Explain] and [Wrapper.Vet] say what a composition means.
//   - Package httpguard puts a wrapper around HTTP clients and handlers.
//
// # The standard order
//
//	total timeout > retry > breaker ready? > rate limit > semaphore > breaker acquire > attempt timeout > call
//
// [New] says why each part is where it is.
//
// # Guarantees
//
// Whatever ends a call (result, error, rejection, panic, runtime.Goexit, end of
// the context), every permit, probe and token that was taken for it is given
// back before Do returns or the panic goes on. The call runs on the caller's
// goroutine, unless a layer says otherwise. A context that is done runs nothing
// and changes nothing. A call through layers of this SDK allocates nothing but
// one context for each timeout, with the exceptions that [Do] names.
//
// # Non-goals
//
// A timeout is cooperative: nothing can stop a function that does not look at
// its context. A wrapper does not know the result of a call: where a result is a
// failure, the function returns an error.
//
// # Example
//
//	w, err := wrapper.New(wrapper.Config{MaxConcurrency: 10, RateLimit: 50, RetryAttempts: 3})
//	...
//	user, err := wrapper.Do(ctx, w, func(ctx context.Context) (User, error) { return load(ctx, 42) })
package wrapper
