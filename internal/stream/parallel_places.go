package stream

import "sync/atomic"

// places is a ring of pointers whose memory is made as it is first reached, so that
// a short input does not pay for a large window. One goroutine reserves; a place is
// read and written by others after it was reserved.
type places[T any] struct {
	blocks []atomic.Pointer[block[T]]
	mask   int64 // of the ring
}

const (
	blockBits   = 5
	blockPlaces = 1 << blockBits
)

type block[T any] [blockPlaces]atomic.Pointer[T]

// placesFor returns a ring of at least n places.
func placesFor[T any](n int) places[T] {
	blocks := 1
	for blocks*blockPlaces < n {
		blocks *= 2
	}
	return places[T]{make([]atomic.Pointer[block[T]], blocks), int64(blocks*blockPlaces - 1)}
}

// at returns what is in place i, nil if there has not been anything.
func (p *places[T]) at(i int64) *T {
	i &= p.mask
	if b := p.blocks[i>>blockBits].Load(); b != nil {
		return b[i&(blockPlaces-1)].Load()
	}
	return nil
}

// place is a place that is reserved.
func (p *places[T]) place(i int64) *atomic.Pointer[T] {
	i &= p.mask
	return &p.blocks[i>>blockBits].Load()[i&(blockPlaces-1)]
}

// reserve makes place i, if it is not there.
func (p *places[T]) reserve(i int64) *atomic.Pointer[T] {
	if b := &p.blocks[(i&p.mask)>>blockBits]; b.Load() == nil {
		b.Store(new(block[T]))
	}
	return p.place(i)
}
