package stream_test

import (
	"math"
	"runtime"
	"testing"
	"testing/synctest"
	"time"
	"weak"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/weirkit/weir/internal/stream"
)

func TestARingSizeThatNobodyCanMeanPanics(t *testing.T) {
	for _, size := range []int{math.MinInt, -1, 0, stream.MaxRing + 1} {
		assert.Panics(t, func() { stream.NewRing[int](size) }, "size %d", size)
	}
	assert.PanicsWithValue(t, "stream: ring size must be between 1 and 1073741824, got 0",
		func() { stream.NewRing[int](0) })
}

func TestItemsComeOutInOrder(t *testing.T) {
	for _, size := range []int{1, 2, 3, 4, 5, 7, 8, 64, 65, 129, 1000, 10_000} {
		r := stream.NewRing[int](size)
		n := max(1000, 3*size)
		go func() {
			defer r.Close()
			for i := range n {
				r.Push(i)
			}
		}()
		for i := range n {
			v, ok := r.Next()
			require.True(t, ok, "size %d", size)
			require.Equal(t, i, v, "size %d", size)
		}
		_, ok := r.Next()
		assert.False(t, ok)
	}
}

func TestPushWaitsWhenSizeItemsAreThere(t *testing.T) {
	for _, size := range []int{1, 2, 3, 5, 8, 100} {
		synctest.Test(t, func(t *testing.T) {
			r := stream.NewRing[int](size)
			pushed := 0
			go func() {
				for r.Push(pushed) {
					pushed++
				}
			}()
			synctest.Wait()
			assert.Equal(t, size, pushed)

			// An eighth of it free, not less, and the producer goes on.
			part := (size + 7) / 8
			for i := range part {
				synctest.Wait()
				assert.Equal(t, size, pushed, "%d of %d taken", i, size)
				_, ok := r.Next()
				require.True(t, ok)
			}
			synctest.Wait()
			assert.Equal(t, size+part, pushed)
			r.Stop()
			synctest.Wait()
		})
	}
}

func TestAnItemIsThereAsSoonAsItIsPushed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := stream.NewRing[time.Time](1000)
		go func() {
			defer r.Close()
			for range 100 {
				time.Sleep(time.Second) // the source blocks
				r.Push(time.Now())
			}
		}()
		n := 0
		for pushed, ok := r.Next(); ok; pushed, ok = r.Next() {
			assert.Equal(t, pushed, time.Now(), "it waited in the ring")
			n++
		}
		assert.Equal(t, 100, n)
	})
}

func TestWhatIsInAClosedRingIsDelivered(t *testing.T) {
	r := stream.NewRing[int](8)
	for i := range 5 {
		require.True(t, r.Push(i))
	}
	r.Close()
	r.Close()
	for i := range 5 {
		v, ok := r.Next()
		require.True(t, ok)
		assert.Equal(t, i, v)
	}
	for range 3 {
		_, ok := r.Next()
		assert.False(t, ok)
	}
}

func TestWhatIsInAStoppedRingIsDropped(t *testing.T) {
	r := stream.NewRing[int](8)
	require.True(t, r.Push(1))
	require.True(t, r.Push(2))
	v, ok := r.Next()
	require.True(t, ok)
	require.Equal(t, 1, v)
	assert.False(t, r.Stopped())
	r.Stop()
	r.Stop()
	assert.True(t, r.Stopped())
	assert.False(t, r.Push(3))
	v, ok = r.Next()
	assert.False(t, ok)
	assert.Zero(t, v)
}

func TestStopWakesBothSides(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		full := stream.NewRing[int](2)
		empty := stream.NewRing[int](2)
		ends := make(chan bool, 2)
		go func() {
			for full.Push(1) {
			}
			ends <- true
		}()
		go func() {
			_, ok := empty.Next()
			ends <- !ok
		}()
		synctest.Wait()
		require.Empty(t, ends, "both sleep")
		full.Stop()
		empty.Stop()
		assert.True(t, <-ends)
		assert.True(t, <-ends)
	})
}

func TestCloseWakesTheConsumer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := stream.NewRing[int](2)
		go func() {
			time.Sleep(time.Second)
			r.Close()
		}()
		_, ok := r.Next()
		assert.False(t, ok)
	})
}

func TestNextUntilSomethingThatIsDoneNeverWaits(t *testing.T) {
	done := make(chan struct{})
	close(done)
	r := stream.NewRing[int](2)
	_, ok := r.NextUntil(done)
	assert.False(t, ok)
	r.Push(7)
	v, ok := r.NextUntil(done)
	assert.True(t, ok)
	assert.Equal(t, 7, v)
	_, ok = r.NextUntil(done)
	assert.False(t, ok)
}

func TestNextUntilLeavesWithoutAnItemWhenDone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := stream.NewRing[int](2)
		done := make(chan struct{})
		go func() {
			time.Sleep(time.Second)
			close(done)
		}()
		_, ok := r.NextUntil(done)
		assert.False(t, ok)

		// The ring is as it was, and what is there is preferred to done.
		require.True(t, r.Push(1))
		v, ok := r.NextUntil(done)
		assert.True(t, ok)
		assert.Equal(t, 1, v)
		_, ok = r.NextUntil(done)
		assert.False(t, ok)

		go func() {
			time.Sleep(time.Second)
			r.Push(2)
		}()
		v, ok = r.NextUntil(t.Context().Done())
		assert.True(t, ok)
		assert.Equal(t, 2, v)
	})
}

func TestAPushLeavesWithoutItsItemWhenDone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := stream.NewRing[int](1)
		done := make(chan struct{})
		r.Until(done)
		require.True(t, r.Push(1))
		go func() {
			time.Sleep(time.Second)
			close(done)
		}()
		assert.False(t, r.Push(2))

		// The ring is as it was, and room is preferred to done.
		v, ok := r.Next()
		assert.True(t, ok)
		assert.Equal(t, 1, v)
		assert.True(t, r.Push(3))
		v, ok = r.Next()
		assert.True(t, ok)
		assert.Equal(t, 3, v)
	})
}

func TestDrainedMeansClosedAndAllTaken(t *testing.T) {
	r := stream.NewRing[int](2)
	assert.False(t, r.Drained())
	r.Push(1)
	r.Close()
	assert.False(t, r.Drained())
	r.Next()
	assert.True(t, r.Drained())
}

func TestATakenItemIsNotKeptAlive(t *testing.T) {
	r := stream.NewRing[*[64]byte](4)
	var refs []weak.Pointer[[64]byte]
	for range 4 {
		p := new([64]byte)
		refs = append(refs, weak.Make(p))
		r.Push(p)
	}
	for range 3 {
		_, ok := r.Next()
		require.True(t, ok)
	}
	runtime.GC()
	for i, ref := range refs[:3] {
		assert.Nil(t, ref.Value(), "item %d", i)
	}
	assert.NotNil(t, refs[3].Value(), "it is still in the ring")
	runtime.KeepAlive(r)
}

// Both bubbles and the code outside use rings of their own in one process.
func TestRingsWorkInTwoBubblesAndOutside(t *testing.T) {
	use := func(t *testing.T) {
		r := stream.NewRing[int](1)
		go func() {
			defer r.Close()
			for i := range 100 {
				r.Push(i)
			}
		}()
		sum := 0
		for v, ok := r.Next(); ok; v, ok = r.Next() {
			sum += v
		}
		assert.Equal(t, 4950, sum)
	}
	use(t)
	synctest.Test(t, use)
	synctest.Test(t, use)
	use(t)
}

func TestPushAndNextAllocateNothing(t *testing.T) {
	r := stream.NewRing[[4]int](8)
	n := testing.AllocsPerRun(1000, func() {
		for i := range 8 {
			r.Push([4]int{i})
		}
		for range 8 {
			r.Next()
		}
	})
	assert.Zero(t, n)
}

func TestARingCostsOneAllocation(t *testing.T) {
	var r *stream.Ring[int]
	assert.LessOrEqual(t, testing.AllocsPerRun(100, func() { r = stream.NewRing[int](64) }), 1.0)
	runtime.KeepAlive(r)
}

func TestARingCostsWhatItsInputFills(t *testing.T) {
	const rings = 100
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	for range rings {
		r := stream.NewRing[int](stream.MaxRing)
		for i := range 10 {
			r.Push(i)
		}
		v, ok := r.Next()
		require.True(t, ok)
		require.Zero(t, v)
	}
	runtime.ReadMemStats(&after)
	assert.Less(t, (after.TotalAlloc-before.TotalAlloc)/rings, uint64(4096), "bytes for ten items")
}
