// Package modeltest checks the primitives with model checkers that no user's
// module graph should see: recorded histories of concurrent calls are searched
// for an order that a sequential model allows (porcupine), and random sequences
// of calls are compared with a model and shrunk (rapid). It holds tests alone.
package modeltest
