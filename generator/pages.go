package generator

import (
	"context"
	"errors"
	"fmt"
)

// ErrCursor is returned by Err when the pages go in a circle, as with one that is
// its own next page: a crawl that went on would never end.
var ErrCursor = errors.New("generator: the pages go in a circle")

// Pages returns a generator of the items of a paged source. fetch gets the cursor
// of a page and returns its items and the cursor of the next page; the zero value
// of C, such as an empty token, means that there is none. The first page is that
// of cursor first. A page may be empty; items beside an error are dropped. No page
// is fetched before an item of it is wanted, except ahead of the consumer with
// [Buffer].
//
// A cursor that comes again is [ErrCursor]: at once if it is that of the same page,
// and otherwise after at most three times as many pages as there are different ones.
func Pages[T any, C comparable](ctx context.Context, first C, fetch func(ctx context.Context, cursor C) (items []T, next C, err error), opts ...Option) *Generator[T] {
	mustHave(fetch != nil, "fetch")
	return New(ctx, func(ctx context.Context, yield func(T) bool) error {
		var none C
		circle := circle[C]{at: first, limit: 1}
		for cursor := first; ; {
			items, next, err := fetch(ctx, cursor)
			if err != nil {
				return err
			}
			for _, item := range items {
				if !yield(item) {
					return nil
				}
			}
			switch {
			case next == none:
				return nil
			case next == cursor, circle.closedBy(next):
				return fmt.Errorf("%w: %v", ErrCursor, cursor)
			case ctx.Err() != nil: // empty pages ask nobody
				return ctx.Err()
			}
			cursor = next
		}
	}, opts...)
}

// circle finds out that a walk goes in a circle, whose length it does not know, by
// remembering one place: Brent's algorithm, https://doi.org/10.1007/BF01933190.
type circle[C comparable] struct {
	at           C
	steps, limit uint64
}

func (c *circle[C]) closedBy(next C) bool {
	if next == c.at {
		return true
	}
	if c.steps++; c.steps == c.limit {
		c.at, c.steps, c.limit = next, 0, 2*c.limit
	}
	return false
}
