package pipeline

import (
	"context"
	"iter"
)

// ForEach runs the pipeline over src and calls f with each item that comes out,
// on this goroutine, until f returns an error. It panics as Collect does.
func (p *Pipeline[In, Out]) ForEach(ctx context.Context, src iter.Seq[In], f func(ctx context.Context, item Out) error) error {
	if f == nil {
		panic("pipeline: ForEach needs a function, got nil")
	}
	check(ctx, src)
	var failed error
	err := block(ctx, p.flow(&run{}, 0, source(src)), func(v Out) bool {
		failed = f(ctx, v)
		return failed == nil
	})
	if failed != nil {
		return rootCause(ctx, failed)
	}
	return err
}

// Drain runs the pipeline over src for what its stages do, and drops what comes
// out. It panics as Collect does.
func (p *Pipeline[In, Out]) Drain(ctx context.Context, src iter.Seq[In]) error {
	_, err := p.Count(ctx, src)
	return err
}

// Count runs the pipeline over src and returns how many items came out, also
// beside an error. It panics as Collect does.
func (p *Pipeline[In, Out]) Count(ctx context.Context, src iter.Seq[In]) (int64, error) {
	check(ctx, src)
	n := int64(0)
	err := block(ctx, p.flow(&run{}, 0, source(src)), func(Out) bool { n++; return true })
	return n, err
}

// SendTo runs the pipeline over src and sends what comes out to ch. It returns
// when everything has been received, or with an error. It does not close ch. It
// panics as Collect does.
func (p *Pipeline[In, Out]) SendTo(ctx context.Context, src iter.Seq[In], ch chan<- Out) error {
	if ch == nil {
		panic("pipeline: SendTo needs a channel, got nil")
	}
	return p.ForEach(ctx, src, func(ctx context.Context, v Out) error {
		select {
		case ch <- v:
			return nil
		case <-ctx.Done():
			return ctx.Err()
		}
	})
}

// Reduce runs the pipeline over src and folds what comes out into one value, in
// order, on this goroutine: f gets what it returned before, at first zero. On an
// error the value is the zero value and means nothing. It panics as Collect
// does.
func Reduce[In, Out, Acc any](ctx context.Context, p *Pipeline[In, Out], src iter.Seq[In], zero Acc, f func(ctx context.Context, acc Acc, item Out) (Acc, error)) (Acc, error) {
	if f == nil {
		panic("pipeline: Reduce needs a function, got nil")
	}
	acc := zero
	err := p.ForEach(ctx, src, func(ctx context.Context, v Out) error {
		next, err := f(ctx, acc, v)
		if err == nil {
			acc = next
		}
		return err
	})
	if err != nil {
		var none Acc
		return none, err
	}
	return acc, nil
}
