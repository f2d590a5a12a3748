package list_test

import (
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/weirkit/weir/internal/list"
)

type elem struct {
	list.Node[elem]

	v int
}

func (e *elem) Links() *list.Node[elem] { return &e.Node }

type queue = list.List[elem, *elem]

func values(l *queue) (out []int) {
	for e := l.Front(); e != nil; e = l.Next(e) {
		out = append(out, e.v)
	}
	return out
}

func reversed(l *queue) (out []int) {
	for e := l.Back(); e != nil; e = l.Prev(e) {
		out = append(out, e.v)
	}
	slices.Reverse(out)
	return out
}

// TestListAgainstSlice runs random operations beside a plain slice.
func TestListAgainstSlice(t *testing.T) {
	for seed := range uint64(200) {
		r := rand.New(rand.NewPCG(seed, 1))
		var l queue
		var model []*elem
		for i := range 100 {
			e := &elem{v: i}
			switch op := r.IntN(6); {
			case op == 0:
				l.PushFront(e)
				model = slices.Insert(model, 0, e)
			case op == 1 && len(model) > 0:
				at := r.IntN(len(model))
				l.InsertBefore(e, model[at])
				model = slices.Insert(model, at, e)
			case op == 2 && len(model) > 0:
				at := r.IntN(len(model))
				l.Remove(model[at])
				assert.False(t, model[at].Queued())
				l.Remove(model[at]) // no effect
				model = slices.Delete(model, at, at+1)
			case op == 3 && len(model) > 0:
				require.Same(t, model[0], l.PopFront())
				model = model[1:]
			default:
				l.PushBack(e)
				assert.True(t, e.Queued())
				model = append(model, e)
			}
			var want []int
			for _, e := range model {
				want = append(want, e.v)
			}
			require.Equal(t, want, values(&l), "seed %d", seed)
			require.Equal(t, want, reversed(&l), "seed %d", seed)
			require.Equal(t, len(model), l.Len())
		}
	}
}

func TestPopFrontOfEmptyIsNil(t *testing.T) {
	var l queue
	assert.Nil(t, l.PopFront())
}

func TestAnElementIsInOneListOnly(t *testing.T) {
	var a, b queue
	e := &elem{}
	a.PushBack(e)
	assert.Panics(t, func() { b.PushBack(e) })
}
