// Package mono is the SDK's clock: monotonic nanoseconds since a base that
// each object takes when it is made.
//
// A package-level base would be wrong inside a testing/synctest bubble, whose
// clock starts in the year 2000: every reading would be negative. And
// time.Since(base) reads one clock where time.Now reads two, about half the
// cost.
package mono

import "time"

// Clock reads monotonic time since the moment it was made. The zero value is
// not usable; call [New]. A Clock is immutable and safe for concurrent use.
type Clock struct{ base time.Time }

// New returns a Clock whose zero is now.
func New() Clock { return Clock{time.Now()} }

// Now returns the nanoseconds since the clock was made. It never goes back.
func (c Clock) Now() int64 { return int64(time.Since(c.base)) }

// Time returns the wall time at which Now reads ns.
func (c Clock) Time(ns int64) time.Time { return c.base.Add(time.Duration(ns)) }

// At returns the reading of Now at t, which may lie before the clock was made.
func (c Clock) At(t time.Time) int64 { return int64(t.Sub(c.base)) }
