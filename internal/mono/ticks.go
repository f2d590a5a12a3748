package mono

import "time"

// start was taken outside every bubble. Nothing writes to it.
var start = time.Now()

// Ticks reads the clock that every Clock reads, for who wants to know how much time
// passes within one function and has nowhere to keep a base: to take one costs
// nearly two readings. Only the difference of two of them means anything, and only
// of two that were taken both inside the same testing/synctest bubble or both outside: in a
// bubble the clock is another, and each reading negative.
func Ticks() int64 { return int64(time.Since(start)) }
