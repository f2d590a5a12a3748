package fanout

import (
	"context"
	"fmt"
)

// setting has one bit for each option.
type setting uint16

const (
	setWorkers setting = 1 << iota
	setCrew
	setThreshold
	setUnordered
	setWindow
	setCollectErrors
	setKeepFailures
	setTimeout
	setGuard
	setProgress
	setPanicsAsErrors
)

// What the functions can honour.
const (
	onEach     = setWorkers | setTimeout | setGuard | setProgress | setPanicsAsErrors
	onCollect  = setCollectErrors | setKeepFailures
	onSlices   = onEach | setThreshold | onCollect
	onOutcomes = onEach | setThreshold // where each item, or the first error, is all there is
	onStreams  = onEach | setCrew | setUnordered | setWindow | setCollectErrors
	onChans    = onStreams | setKeepFailures
	onGroups   = onEach | onCollect
)

// function is one that takes options: its name, and which.
type function struct {
	name  string
	takes setting
}

// configure makes the config of a call of f with these arguments.
func (f function) configure(ctx context.Context, n int, callable bool, opts []Option) *config {
	check(ctx, f.name, callable)
	return newConfig(f, opts, n)
}

// refuse panics on an option that f cannot honour: to drop it would look as if it
// were in force.
func (f function) refuse(given setting) {
	const (
		streams = "Stream, StreamByKey, StreamChan and Chan"
		slices  = "the functions on slices and maps"
	)
	for _, o := range [...]struct {
		is          setting
		name, where string
	}{
		{setCrew, "a Crew", streams + "; use Workers"},
		{setThreshold, "Threshold", slices},
		{setUnordered, "Unordered", streams},
		{setWindow, "Window", streams},
		{setCollectErrors, "CollectErrors", "functions that stop at the first error and could go on"},
		{setKeepFailures, "KeepFailures", "functions that return one error for all items"},
	} {
		if given&o.is&^f.takes != 0 {
			panic(fmt.Sprintf("fanout: %s cannot honour %s, which is for %s", f.name, o.name, o.where))
		}
	}
}
