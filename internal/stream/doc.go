// Package stream is what fanout, pipeline and generator share: how items are
// handed from one goroutine to another, and how work on them is claimed, put in
// order and stopped.
//
// # Words
//
// An item goes from a producer to a consumer. A boundary is where it changes
// goroutines; between two boundaries it is passed by a plain call. A source may
// block, so an item that is ready never waits for the next one to come.
//
// # Guarantees
//
// Every wait ends when its side is told to stop. Nothing here starts a goroutine
// that it does not wait for, holds a mutex while it blocks, or keeps a channel or
// timer beyond the object that made it: all of it works inside a
// testing/synctest bubble.
package stream
