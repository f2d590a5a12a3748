package generator

// run calls the producer on this stack with body, see [core.gated], and ends the generator after it: for a loop over a generator that has not been
// pulled yet, or as the coroutine of one that has.
//
// A panic or Goexit of the producer passes through untouched and aborts the
// generator. One of a loop's body passes through, too, and leaves the generator;
// the coroutine's body is ours and only returns.
func (c *core[T]) run(body func(T) bool, loop bool) {
	ctx, ok := c.begin(nil)
	if !ok {
		return
	}
	o := outcome{aborted: true}
	defer func() {
		o.refused = c.shut.Load()&refused != 0
		o.aborted = o.aborted && (!loop || c.body != inside)
		c.conclude(o)
	}()
	o.err = c.produce(ctx, body)
	o.aborted = false
}

// gated returns a function that hands a value to the body of a loop if that is
// still wanted: what a producer on the loop's stack is given.
//
// A function literal that comes into a caller by inlining is not inlined into any
// more, and makes calls of the gate's methods; so this one must not.
//
//go:noinline
func (c *core[T]) gated(body func(T) bool) func(T) bool {
	return func(v T) bool {
		if c.halted() {
			return c.refuse()
		}
		c.body = inside
		return c.passed(body(v))
	}
}

// passing is gated for a coroutine, which hands the value to a pull.
//
//go:noinline
func (c *core[T]) passing(yield func(T) bool) func(T) bool {
	return func(v T) bool {
		return !c.halted() && yield(v) || c.refuse()
	}
}
