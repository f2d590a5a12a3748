package generator

// Collect returns the values that are left and ends the generator. With an error,
// see Err, it returns the values that came before that. Without [Buffer] it runs
// the producer on this stack.
func (g *Generator[T]) Collect() ([]T, error) {
	values := g.collect()
	return values, g.Err()
}

func (g *Generator[T]) collect() (values []T) {
	c := g.made()
	if c.ended.Load() != nil {
		return nil
	}
	c.enter(nil)
	defer c.turn.give()
	g.each(func(v T) bool {
		values = append(values, v)
		return true
	})
	return values
}

// CollectN returns the next n values, which follow on each other even if others
// pull at the same time, and leaves the rest. Fewer than n mean that the generator
// has ended: the error is that of Err. It takes none if n is less than 1.
func (g *Generator[T]) CollectN(n int) ([]T, error) {
	values := g.collectN(n)
	if len(values) < n {
		return values, g.Err()
	}
	return values, nil
}

func (g *Generator[T]) collectN(n int) (values []T) {
	c := g.made()
	if n < 1 || c.ended.Load() != nil {
		return nil
	}
	c.enter(nil)
	defer c.turn.give()
	for len(values) < n {
		v, ok := g.take(nil)
		if !ok {
			break
		}
		values = append(values, v) // grows with what is there, whatever n is
	}
	return values
}
