package generator

import "fmt"

// MaxBuffer is the largest [Buffer].
const MaxBuffer = 1 << 20

// Option changes how a generator works.
type Option interface{ apply(*config) }

type optionFunc func(*config)

func (f optionFunc) apply(c *config) { f(c) }

type config struct{ buffer int }

func newConfig(opts []Option) config {
	var c config
	for i, o := range opts {
		if o == nil {
			panic(fmt.Sprintf("generator: an option must not be nil, number %d is; leave it out", i))
		}
		o.apply(&c)
	}
	return c
}

// Buffer makes the producer run on a goroutine of its own, up to n values ahead
// of the consumer, so that both work at the same time. The goroutine starts with
// the first pull. Each value can be taken as soon as it is produced; a producer
// that found the buffer full goes on when an eighth of it is free, so the smaller
// the buffer, the more often the two wait for each other. Its memory is taken as the
// values first fill it.
// 0, the default, is no buffer: see [Generator].
func Buffer(n int) Option {
	if n < 0 || n > MaxBuffer {
		panic(fmt.Sprintf("generator: Buffer must be between 0 and %d, got %d", MaxBuffer, n))
	}
	return optionFunc(func(c *config) { c.buffer = n })
}
