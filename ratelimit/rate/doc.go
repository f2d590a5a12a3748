// Package rate has the names and the semantics of golang.org/x/time/rate over the
// limiter of package ratelimit: a program changes one import. It allows an event
// at less than half the cost (go run ./cmd/table ratelimit/ in bench), and does not
// have the original's faults.
//
// Where it behaves differently:
//
//	what                              here                              golang.org/x/time/rate
//	a timestamp older than the last   mints nothing                     turns the clock back: tokens are
//	                                                                    gained twice (golang/go#65508, #71360)
//	first timestamp before the        later ones are taken relative     -
//	limiter was made                  to it
//	SetLimit with waiters             they are repriced, both ways;     they keep the time they were given
//	                                  who cannot make its deadline
//	                                  fails at once
//	SetBurst with waiters             who asks for more than the new    they are not affected
//	                                  burst fails
//	a waiter is cancelled             all behind it move up             its slot is lost to those behind it
//	Wait while the limit is 0         waits for SetLimit                sleeps for 292 years
//	errors of Wait                    the same texts; errors.Is finds   have no identity (golang/go#54541)
//	                                  ratelimit.ErrWouldExceedDeadline
//	                                  and context.DeadlineExceeded, or
//	                                  ratelimit.ErrExceedsBurst
//	deadline equal to the wait        fails at once                     a race of two timers
//	WaitN above the burst with a      the context's error               the error about the burst
//	context that is done
//	ReserveN while the limit is 0     refused, if the tokens are not    OK, for in 292 years
//	                                  there
//	n = 0 while tokens are owed       allowed, at once                  refused, or waits until they
//	                                                                    are paid
//	negative n                        panics                            adds tokens
//	NaN as a limit                    panics                            is unlimited
//	Limit above 1e12                  is 1e12 (Inf is unlimited)        -
//	Limit below one in 292 years      is 0                              -
//	burst above 2^38                  is 2^38 inside                    -
//	burst below 0                     has no tokens                     owes them
//	from Inf to a limit               the bucket is full                it is a nanosecond later
//	a second Cancel                   does nothing                      may give tokens back twice
//	Cancel after later reservations   gives back what no later promise  the same, but what came in between
//	                                  is built on                       two cancellations is miscounted
//	Cancel of several, the last       gives back all                    from the third on perhaps
//	first                                                               nothing, for a nanosecond that
//	                                                                    was rounded
//	arithmetic                        integers, exact                   float64
//
// All else is the same, and a test in bench runs the two beside each other (go test
// ./cases -run DropIn): the zero Limiter rejects everything, a burst of 0 allows
// nothing unless the limit is Inf, n above the burst is never allowed, a
// reservation can be cancelled until its time has come, and Sometimes runs what it
// did.
//
// New code should use package ratelimit, which has more: decisions that say when,
// bounds for the queue, other rates than per second, several limits at once.
package rate
