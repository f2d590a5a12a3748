package ratelimit

import (
	"context"
	"fmt"
	"sync/atomic"
)

// Batch is a [Limiter] for a great many decisions: it takes tokens in blocks and
// hands them out by one atomic addition each, without reading the clock. So a grant
// costs a fraction of reading it.
//
// No window gets more than burst and what the rate gains in it, as with a Limiter.
// It may get less: what is left of a block does not count as part of the bucket, so
// after a pause at most burst is there and at least burst less the size of a block;
// and where several goroutines take a block at the same moment, the tokens that one
// block holds may be lost. Use it where burst is many blocks and a few tokens in a
// hundred do not matter.
//
// Make it with [NewBatch]; it must not be copied, and it is safe for concurrent use.
type Batch struct {
	_      [64]byte
	credit atomic.Int64 // tokens left of a block; below 0 for a moment
	_      [64]byte
	size   int64
	burst  int
	bucket *Limiter // of burst - size, as the credit is out of it
}

// NewBatch returns a limiter that takes tokens in blocks of that size. It panics if
// burst is not between 2 and [MaxBurst], or size not between 1 and half of burst.
func NewBatch(r Rate, burst, size int) *Batch {
	checkBurst(burst)
	if size < 1 || size > burst/2 {
		panic(fmt.Sprintf("ratelimit: the size of a block must be between 1 and half the burst, %d, got %d", burst/2, size))
	}
	return &Batch{size: int64(size), burst: burst, bucket: New(r, burst-size)}
}

// Allow takes a token if there is one, and reports whether it did.
func (b *Batch) Allow() bool {
	if b.credit.Load() > 0 && b.credit.Add(-1) >= 0 {
		return true
	}
	return b.refill()
}

// refill takes a block, one token of which is for the caller, or a single token.
func (b *Batch) refill() bool {
	mustBeMade(b.bucket != nil, "Batch", "NewBatch")
	if !b.bucket.AllowN(int(b.size)) {
		return b.bucket.Allow()
	}
	for {
		have := b.credit.Load()
		// More than a block must not lie outside the bucket: that would be too much
		// in one window.
		if b.credit.CompareAndSwap(have, min(max(have, 0)+b.size-1, b.size)) {
			return true
		}
	}
}

// Wait waits until there is a token and takes it. Its errors are those of
// [Limiter.Wait].
func (b *Batch) Wait(ctx context.Context) error {
	mustBeMade(b.bucket != nil, "Batch", "NewBatch")
	if ctx.Err() == nil && b.bucket.Waiting() == 0 && b.Allow() {
		return nil
	}
	return b.bucket.Wait(ctx)
}

// Do waits for a token and runs fn on this goroutine; see [Limiter.Do].
func (b *Batch) Do(ctx context.Context, fn func(context.Context) error) error {
	mustHave(fn != nil)
	if err := b.Wait(ctx); err != nil {
		return err
	}
	return fn(ctx)
}

// SetRate is [Limiter.SetRate]. Up to a block of tokens may still be handed out.
func (b *Batch) SetRate(r Rate) { b.bucket.SetRate(r) }

// Rate returns the rate.
func (b *Batch) Rate() Rate { return b.bucket.Rate() }

// Burst returns the burst.
func (b *Batch) Burst() int { return b.burst }
