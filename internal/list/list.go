// Package list is an intrusive doubly linked list: the elements carry their
// links, so that queueing a waiter allocates nothing and one in the middle
// leaves in constant time.
package list

// Node is embedded in an element. The zero value is an element in no list.
type Node[T any] struct {
	next, prev *T
	queued     bool
}

// Queued reports whether the element is in a list.
func (n *Node[T]) Queued() bool { return n.queued }

// Linked is what a pointer to an element must offer: the address of its Node.
type Linked[T any] interface {
	*T
	Links() *Node[T]
}

// List is a queue of elements. The zero value is empty. It is not safe for
// concurrent use and must not be copied while it holds elements.
type List[T any, P Linked[T]] struct {
	head, tail *T
	n          int
}

// Len returns the number of elements.
func (l *List[T, P]) Len() int { return l.n }

// Front returns the first element, or nil.
func (l *List[T, P]) Front() *T { return l.head }

// Back returns the last element, or nil.
func (l *List[T, P]) Back() *T { return l.tail }

// Next returns the element behind e, or nil.
func (l *List[T, P]) Next(e *T) *T { return P(e).Links().next }

// Prev returns the element before e, or nil.
func (l *List[T, P]) Prev(e *T) *T { return P(e).Links().prev }

// PushBack appends e, which must be in no list.
func (l *List[T, P]) PushBack(e *T) { l.insert(e, l.tail, nil) }

// PushFront puts e first; e must be in no list.
func (l *List[T, P]) PushFront(e *T) { l.insert(e, nil, l.head) }

// InsertBefore puts e, which must be in no list, before mark, which must be in
// this one.
func (l *List[T, P]) InsertBefore(e, mark *T) { l.insert(e, P(mark).Links().prev, mark) }

func (l *List[T, P]) insert(e, prev, next *T) {
	n := P(e).Links()
	if n.queued {
		panic("list: BUG: element is in a list already")
	}
	n.prev, n.next, n.queued = prev, next, true
	if prev != nil {
		P(prev).Links().next = e
	} else {
		l.head = e
	}
	if next != nil {
		P(next).Links().prev = e
	} else {
		l.tail = e
	}
	l.n++
}

// Remove takes e out. It does nothing if e is in no list.
func (l *List[T, P]) Remove(e *T) {
	n := P(e).Links()
	if !n.queued {
		return
	}
	if n.prev != nil {
		P(n.prev).Links().next = n.next
	} else {
		l.head = n.next
	}
	if n.next != nil {
		P(n.next).Links().prev = n.prev
	} else {
		l.tail = n.prev
	}
	*n = Node[T]{}
	l.n--
}

// PopFront removes and returns the first element, or nil.
func (l *List[T, P]) PopFront() *T {
	e := l.head
	if e != nil {
		l.Remove(e)
	}
	return e
}
