// Package ratelimit bounds how often work may start: calls to a server, messages
// sent, bytes written a second.
//
// # Words
//
// A limiter is a bucket of tokens. It holds at most burst of them, gains them at a
// rate, and an operation takes some. A caller that finds them there is granted;
// one that does not is denied, or waits. A reservation is tokens that are taken now
// and used later.
//
// # Choosing
//
//   - [Limiter.Do] and [Limiter.Wait] wait for a token. It is what batch jobs and
//     clients need.
//   - [Limiter.Allow] and [Limiter.Take] never wait: servers refuse, and a
//     [Decision] says when to come back.
//   - [Keyed] is a limiter for each user, address or tenant.
//   - [All] is several limits at once, such as ten a second and a thousand a day.
//   - [Adaptive] finds the rate that a server bears by itself.
//   - [FixedWindow] and [SlidingWindow] count as those do who bill by the window.
//   - [Batch] grants below the cost of reading a clock, for hundreds of thousands of
//     decisions a second and more.
//   - [NewReader] and [NewWriter] bound a stream in bytes a second.
//   - [Store] is for a limit that several processes share.
//
// Package ratelimit/rate has the names of golang.org/x/time/rate, and
// ratelimit/httplimit has middleware and a transport for net/http. To bound how
// many run at the same time, use package semaphore instead.
//
// # Guarantees
//
// No window of time, whatever its length, gets more than burst and what the rate
// gains in it, by however many goroutines, across SetRate and SetBurst, and with
// every cancellation; a Reservation that was handed out keeps its time. What is
// there is granted: waiting as long as a [Decision] says succeeds, and one nanosecond
// less does not. The long-run error is below a millionth at any rate up to a billion a
// second. The clock is the monotonic one.
//
// Waiters are served in the order in which they came. One that is cancelled takes
// nothing and all behind it move up; a change of the rate reprices all of them; one
// that cannot be served in time fails at once. A context that is done wins over a
// token and changes nothing. There is no background goroutine.
//
// # Non-goals
//
// A limiter does not know how long operations take or whether they succeed, and it
// is local to its process (but see [Store]). It limits starts by the clock of one
// machine: the server at the other end of a network may see two of them closer
// together.
package ratelimit
