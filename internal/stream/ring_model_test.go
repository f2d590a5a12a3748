package stream_test

import (
	"bytes"
	"context"
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/require"

	"github.com/weirkit/weir/internal/stream"
)

// FuzzRing runs a random program of both sides against a slice. The producer
// and the consumer are goroutines that do one operation when told; synctest.Wait
// then says which of them sleep, so the model knows what each state allows:
//
//   - a push sleeps only if less than an eighth of the size is free, and always
//     if size items are there;
//   - a take sleeps exactly if nothing is there.
func FuzzRing(f *testing.F) {
	f.Add(1, []byte{0, 0, 1, 1, 2, 1})
	f.Add(2, []byte{1, 0, 0, 0, 0, 1, 1, 1, 3})
	f.Add(70, bytes.Repeat([]byte{0, 1, 2, 0, 3, 5, 0, 1, 2, 4}, 80)) // changes pieces
	f.Add(5, []byte{0, 0, 0, 0, 0, 0, 1, 1, 1, 0, 0, 0, 1, 1, 2, 1, 1, 1, 1, 1})
	f.Fuzz(func(t *testing.T, size int, program []byte) {
		if size < 1 || size > 200 || len(program) > 900 {
			t.Skip()
		}
		synctest.Test(t, func(t *testing.T) { runRingProgram(t, size, program) })
	})
}

// side is a goroutine that does one operation at a time.
type side struct {
	do   chan func()
	busy bool
}

func newSide() *side {
	s := &side{do: make(chan func())}
	go func() {
		for op := range s.do {
			op()
			s.busy = false
		}
	}()
	return s
}

func (s *side) start(op func()) {
	s.busy = true
	s.do <- op
	synctest.Wait()
}

func runRingProgram(t *testing.T, size int, program []byte) {
	r := stream.NewRing[int](size)
	producer, consumer := newSide(), newSide()
	var queue []int // the model
	pushed, closed, stopped := 0, false, false
	var got int
	var gotOK, pushOK bool

	// settle brings the model to what both sides did: an end of a push and an
	// end of a take may each have let the other side go on.
	settlePush := func() {
		require.Equal(t, !stopped, pushOK)
		if pushOK {
			queue = append(queue, pushed)
		}
		pushed++
	}
	settleTake := func() {
		if !gotOK {
			require.True(t, stopped || closed && len(queue) == 0)
			return
		}
		require.NotEmpty(t, queue)
		require.Equal(t, queue[0], got)
		queue = queue[1:]
	}
	for _, op := range program {
		pushing, taking := producer.busy, consumer.busy
		switch op % 8 {
		case 0, 1, 2:
			if pushing || closed {
				continue
			}
			v := pushed
			pushing = true
			producer.start(func() { pushOK = r.Push(v) })
		case 3, 4:
			if taking {
				continue
			}
			taking = true
			consumer.start(func() { got, gotOK = r.Next() })
		case 5:
			if taking {
				continue
			}
			taking = true
			consumer.start(func() {
				gotOK = !r.Each(context.Background(), func(v int) bool { got = v; return false })
			})
		case 6:
			if pushing || len(program)%2 == 0 {
				continue
			}
			closed = true
			r.Close()
		case 7:
			if len(program)%3 == 0 {
				continue
			}
			stopped = true
			r.Stop()
		}
		synctest.Wait()
		// A push that ended while a take waits comes first, and the other way
		// round: when both end in one step the sleeping one was let go.
		switch pushEnded, takeEnded := pushing && !producer.busy, taking && !consumer.busy; {
		case pushEnded && takeEnded && len(queue) > 0:
			settleTake()
			settlePush()
		case pushEnded && takeEnded:
			settlePush()
			settleTake()
		case pushEnded:
			settlePush()
		case takeEnded:
			settleTake()
		}
		require.LessOrEqual(t, len(queue), size)
		if consumer.busy {
			require.Empty(t, queue, "the consumer sleeps although an item is there")
			require.False(t, closed || stopped)
		}
		if producer.busy {
			require.Greater(t, len(queue), size-(size+7)/8, "the producer sleeps although an eighth of the ring is free")
			require.False(t, stopped)
		}
	}
	r.Stop()
	synctest.Wait()
	close(producer.do)
	close(consumer.do)
}
