package main_test

import (
	"testing"

	"go.uber.org/goleak"
)

// TestMain looks for leaks of ours. Peers leave some: ants starts goroutines when
// it is imported, an open breaker of go-resiliency sleeps out its hour, and a
// store of go-limiter purges until it is closed.
func TestMain(m *testing.M) {
	goleak.VerifyTestMain(m, goleak.IgnoreCurrent(),
		goleak.IgnoreAnyFunction("github.com/eapache/go-resiliency/breaker.(*Breaker).timer"),
		goleak.IgnoreAnyFunction("github.com/sethvargo/go-limiter/memorystore.(*store).purge"))
}
