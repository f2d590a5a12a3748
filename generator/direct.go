package generator

// state is where a producer on its consumer's stack stands.
type state uint8

const (
	open    state = iota
	inBody        // still so at the end: the body panicked or exited
	left          // the body said no
	stopped       // Close or the context says no
)

// run calls the producer on this stack and ends the generator after it: for a
// loop over a generator that has not been pulled yet, or as the coroutine of one
// that has.
//
// A panic or Goexit of the producer passes through untouched and aborts the
// generator. One of a loop's body passes through, too, and leaves the generator;
// the coroutine's body is ours and only returns.
func (c *core[T]) run(body func(T) bool, loop bool) {
	ctx, cancel, ok := c.begin(nil)
	if !ok {
		return
	}
	at := open
	o := outcome{aborted: true}
	defer func() {
		o.refused = at != open
		if loop && (at == left || at == inBody) {
			c.left = true
			o.aborted = o.aborted && at != inBody
		}
		c.conclude(o)
	}()
	refuse := func(why state) bool {
		if at == open || at == inBody {
			at = why
		}
		c.flags.Or(refused) // for good, also to a producer that goes on asking
		cancel()
		return false
	}
	o.err = c.produce(ctx, func(v T) bool {
		// halted, by hand: it is not inlined, and this is the whole cost of a value.
		if f := c.flags.Load(); f != 0 && (f > askContext || c.ctx.Err() != nil) {
			return refuse(stopped)
		}
		at = inBody
		if !body(v) {
			return refuse(left)
		}
		at = open
		return true
	})
	o.aborted = false
}
