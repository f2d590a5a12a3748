package ratelimit

import "sync"

// limit is a rate with a burst.
type limit struct {
	rate  Rate
	burst int
}

// plan makes the limits that PerKey gives, as cells that are used for their
// constants alone, one for all keys that have the same.
type plan struct {
	room int64 // of each cell; see newCell

	mu    sync.Mutex
	cells map[limit]*cell
}

// maxShared bounds the limits of which a plan knows that some key may have them.
// Those that it forgets stay with their keys.
const maxShared = 1 << 12

// cell returns the one of a limit.
func (p *plan) cell(l limit) *cell {
	p.mu.Lock()
	defer p.mu.Unlock()
	if c := p.cells[l]; c != nil {
		return c
	}
	if p.cells == nil {
		p.cells = map[limit]*cell{}
	}
	if len(p.cells) == maxShared {
		clear(p.cells)
	}
	c := newCell(l.rate, int64(l.burst), p.room, 0)
	p.cells[l] = c
	return c
}

// is reports whether c is the cell of a limit.
func (c *cell) is(l limit) bool { return c.rate == l.rate && c.burst == int64(l.burst) }
