package generator

import "context"

// direct is a run of the producer on the stack of whoever wants its values: of a
// loop over a generator that has not been pulled yet, or of the coroutine of one
// that has.
type direct struct {
	state  state
	cancel context.CancelFunc
}

type state uint8

const (
	open    state = iota
	inBody        // still so at the end: the body panicked or exited
	left          // the body said no
	stopped       // Close or the context says no
)

// refuse says no for good, also to a producer that goes on asking.
func (d *direct) refuse(why state) bool {
	if d.state == open || d.state == inBody {
		d.state = why
	}
	d.cancel()
	return false
}

// run calls the producer and ends the generator after it. A panic or Goexit of
// the producer passes through untouched and aborts the generator. loop tells that
// body is that of a loop, whose panic or Goexit leaves the generator instead; the
// coroutine's body is ours and only returns.
func (c *core[T]) run(body func(T) bool, loop bool) {
	ctx, cancel, ok := c.begin(nil)
	if !ok {
		return
	}
	d := &direct{cancel: cancel}
	o := outcome{aborted: true}
	defer func() {
		o.refused = d.state != open
		if loop && (d.state == left || d.state == inBody) {
			c.left = true
			o.aborted = o.aborted && d.state != inBody
		}
		c.conclude(o)
	}()
	o.err = c.produce(ctx, func(v T) bool {
		// halted, by hand: it is not inlined, and this is the whole cost of a value.
		if d.state != open || c.closed.Load() || c.done != nil && c.ctx.Err() != nil {
			return d.refuse(stopped)
		}
		d.state = inBody
		if !body(v) {
			return d.refuse(left)
		}
		d.state = open
		return true
	})
	o.aborted = false
}
