// Package waiting is what the primitives with a queue of blocked callers share:
// how one is woken, how several are in order, and what is counted of them.
package waiting
