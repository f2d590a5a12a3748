// Package job indexes a source tree: it walks and parses in parallel, posts in
// batches through one guard, puts what the guard gave up back into a queue, and
// checks in the end what the service has.
package job
