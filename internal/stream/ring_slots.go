package stream

// Slots are made in pieces that double, from firstSlots to mostSlots: so a large
// ring costs what its input fills, and in the long run a push rarely changes
// pieces.
const (
	firstSlots = 64
	mostSlots  = 4096
)

// slots is a piece of a [Ring]. The pieces are linked to a circle that has exactly
// as many slots as the ring has room. The producer makes them on its first lap;
// the consumer sees a piece only behind an item that is in it.
type slots[T any] struct {
	items []T
	next  *slots[T]
}

// make makes the piece behind one of the given size, where the ring has left slots
// more and begins with first.
func (s *slots[T]) make(before int, left uint64, first *slots[T]) {
	n := min(left, uint64(max(firstSlots, min(2*before, mostSlots)))) // #nosec G115 -- at least firstSlots
	s.items = make([]T, n)
	if s.next = first; n < left {
		s.next = &slots[T]{}
	}
}

// side is where one side of a ring stands: in the piece for the items from begin up
// to end.
type side[T any] struct {
	items      []T
	begin, end uint64
	next       *slots[T]
}

// turn goes on to the next piece.
func (s *side[T]) turn() {
	s.begin = s.end
	s.items = s.next.items
	s.end += uint64(len(s.items))
	s.next = s.next.next
}
