package stream_test

import (
	"context"
	"runtime"
	"testing"
	"testing/synctest"
	"time"
	"weak"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/weirkit/weir/internal/stream"
)

func TestEachHasEveryItemInOrder(t *testing.T) {
	for _, size := range []int{1, 2, 3, 7, 64, 65, 100, 1000, 10_000} {
		r := stream.NewRing[int](size)
		n := max(1000, 3*size)
		go func() {
			defer r.Close()
			for i := range n {
				r.Push(i)
			}
		}()
		got := 0
		more := r.Each(t.Context(), func(v int) bool {
			if v != got {
				t.Fatalf("size %d: got %d, want %d", size, v, got)
			}
			got++
			return true
		})
		assert.True(t, more)
		assert.Equal(t, n, got, "size %d", size)
	}
}

func TestEachEndsWhereItsFunctionSaysNo(t *testing.T) {
	for _, size := range []int{5, 8, 100} {
		r := stream.NewRing[int](size)
		for i := range 5 {
			require.True(t, r.Push(i))
		}
		r.Close()
		var got []int
		assert.False(t, r.Each(context.Background(), func(v int) bool {
			got = append(got, v)
			return v != 2
		}))
		assert.Equal(t, []int{0, 1, 2}, got)

		// The ring goes on with the next item, either way.
		v, ok := r.Next()
		require.True(t, ok)
		assert.Equal(t, 3, v)
		assert.False(t, r.Drained())
		assert.True(t, r.Each(context.Background(), func(v int) bool { got = append(got, v); return true }))
		assert.Equal(t, []int{0, 1, 2, 4}, got)
		assert.True(t, r.Drained())
	}
}

// A producer that waits for room gets it before the function is called, which may
// take its time: a ring of one slot would else not let the two work at once.
func TestEachGivesRoomBackBeforeItCalls(t *testing.T) {
	for _, size := range []int{1, 8, 16, 100} {
		synctest.Test(t, func(t *testing.T) {
			r := stream.NewRing[int](size)
			pushed := 0
			go func() {
				for r.Push(pushed) {
					pushed++
				}
			}()
			synctest.Wait()
			require.Equal(t, size, pushed)
			part := (size + 7) / 8
			r.Each(context.Background(), func(v int) bool {
				synctest.Wait()
				assert.Equal(t, size+(v+1)/part*part, pushed, "of %d, at item %d", size, v)
				return v < 2*size
			})
			r.Stop()
			synctest.Wait()
		})
	}
}

func TestEachAsksItsContextBeforeEachItem(t *testing.T) {
	for cut := range 4 {
		ctx, cancel := context.WithCancel(t.Context())
		r := stream.NewRing[int](8)
		for i := range 4 {
			require.True(t, r.Push(i))
		}
		n := 0
		if cut == 0 {
			cancel()
		}
		assert.True(t, r.Each(ctx, func(int) bool {
			if n++; n == cut {
				cancel()
			}
			return true
		}))
		assert.Equal(t, cut, n)

		// What was not taken is still there.
		v, ok := r.Next()
		require.True(t, ok)
		assert.Equal(t, cut, v)
		cancel()
	}
}

func TestEachStopsWaitingWhenItsContextIsDoneOrTheRingStopped(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		r := stream.NewRing[int](8)
		assert.True(t, r.Each(ctx, func(int) bool { return false }))
		go func() {
			time.Sleep(time.Second)
			r.Stop()
		}()
		assert.True(t, r.Each(context.Background(), func(int) bool { return false }))
	})
}

func TestEachLetsGoOfAnItemBeforeItCalls(t *testing.T) {
	r := stream.NewRing[*[64]byte](4)
	var refs []weak.Pointer[[64]byte]
	for range 4 {
		p := new([64]byte)
		refs = append(refs, weak.Make(p))
		require.True(t, r.Push(p))
	}
	n := 0
	r.Each(context.Background(), func(*[64]byte) bool {
		runtime.GC()
		for i, ref := range refs {
			if i < n {
				assert.Nil(t, ref.Value(), "item %d, at %d", i, n)
			}
		}
		assert.NotNil(t, refs[3].Value())
		n++
		return n < 3
	})
	assert.Equal(t, 3, n)
	runtime.KeepAlive(r)
}

// A push finds out at once, and not only when it would have to wait: a source that
// makes costly items is not to go on until the ring is full.
func TestAPushIntoAStoppedRingFailsAlthoughThereIsRoom(t *testing.T) {
	r := stream.NewRing[int](1000)
	require.True(t, r.Push(1))
	r.Stop()
	for range 3 {
		assert.False(t, r.Push(2))
	}
}
