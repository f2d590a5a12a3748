package generator

// run calls the producer on this stack and ends the generator after it: for a
// loop over a generator that has not been pulled yet (direct), or as the coroutine
// of one that has.
//
// A panic or Goexit passes through untouched: of the producer, which aborts the
// generator, or of the body of a direct loop, which thereby leaves it.
func (c *core[T]) run(yield func(T) bool, direct bool) {
	ctx, ok := c.begin(nil)
	if !ok {
		return
	}
	wanted, inBody, left := true, false, false
	o := outcome{aborted: true}
	defer func() {
		o.refused = !wanted
		if direct && (left || inBody) {
			c.left = true
			o.aborted = o.aborted && !inBody // the panic or Goexit is the body's own
		}
		c.conclude(o)
	}()
	refuse := func() bool {
		wanted = false // for good, also to a producer that goes on asking
		c.life.Load().cancel()
		return false
	}
	o.err = c.produce(ctx, func(v T) bool {
		if !wanted || c.halted() {
			return refuse()
		}
		wanted, inBody = false, true
		wanted = yield(v)
		inBody, left = false, !wanted
		return wanted || refuse()
	})
	o.aborted = false
}
