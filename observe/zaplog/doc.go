// Package zaplog writes the events of the primitives as structured entries of
// go.uber.org/zap:
//
//	b := breaker.New(breaker.On(zaplog.Breaker(logger, "payments")))
//
// Each function takes the name of the object and returns the Events to give to
// its option On. All of their functions that this table names are set, so that a
// program can wrap one that it wants to hear of too.
//
// # Entries
//
// Debug is what happens to single calls in the ordinary course of things, Info
// is a recovery, and Warn is what somebody may have to look at.
//
//	of           message                level            fields
//	[Breaker]    breaker changed state  Warn to open,    breaker, from, to, generation, cause
//	                                    else Info
//	             call refused           Debug            breaker, state, retry_after, cause
//	[Retry]      attempt failed         Debug            retry, attempt, delay, error
//	             attempt hedged         Debug            retry, attempt, delay, won
//	             call gave up           Warn             retry, attempts, error
//	[Limiter]    wait refused           Debug            limiter, n, waited, retry_after, error
//	             long wait              Warn             limiter, n, waited, error
//	[Semaphore]  permits refused        Debug            semaphore, n, priority, waited, error
//	             long wait              Warn             semaphore, n, priority, waited, error
//	             limit changed          Debug            semaphore, previous, limit, latency,
//	                                                     baseline, dropped, probe
//
// The field named after the object is its name. attempt, attempts, n, priority,
// previous and limit are integers, generation is unsigned; won, dropped and probe
// are booleans; delay, waited, retry_after, latency and baseline are durations;
// from, to and state are strings: closed, open or half-open. cause is what opened
// the breaker. Fields that are unknown are left out: retry_after of 0, an error or
// cause of nil, the cause of a change that does not open.
//
// What would make every call dearer is not logged: the Outcome of breakers and
// the Denied of limiters.
//
// # Cost
//
// An entry whose level is off costs a comparison and allocates nothing. Zap's
// sampling bounds what an outage writes; its production configuration has it on.
package zaplog
