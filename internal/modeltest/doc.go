// Package modeltest holds tests that need more than the standard library: the
// histories of concurrent clients are recorded and checked for linearizability
// with porcupine, and state machines are driven by rapid. It is a module of its
// own, so that no user's module graph knows these.
//
// Run it with
//
//	cd internal/modeltest && GOWORK=off go test ./...
package modeltest
