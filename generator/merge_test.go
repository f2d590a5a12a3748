package generator_test

import (
	"errors"
	"fmt"
	"iter"
	"runtime"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/weirkit/weir/generator"
	"github.com/weirkit/weir/internal/testkit"
)

func TestMergeGivesEveryValueOnce(t *testing.T) {
	for n := range 6 {
		var seqs []iter.Seq[int]
		for i := range n {
			seqs = append(seqs, generator.Range(i*1000, i*1000+500))
		}
		merged := generator.Merge(seqs...)
		for range 2 { // a loop is a run of its own
			last := map[int]int{}
			total := 0
			for v := range merged {
				total++
				if before, ok := last[v/1000]; ok {
					require.Equal(t, before+1, v, "each sequence in its order")
				}
				last[v/1000] = v
			}
			assert.Equal(t, n*500, total)
		}
	}
}

func TestMergeOfNothingEnds(t *testing.T) {
	for range generator.Merge[int]() {
		t.Error("a value from nowhere")
	}
}

// every yields i*100+k after each period.
func every(period time.Duration, i, n int) iter.Seq[int] {
	return func(yield func(int) bool) {
		for k := range n {
			time.Sleep(period)
			if !yield(i*100 + k) {
				return
			}
		}
	}
}

func TestMergeLetsNoSequenceHoldUpAnother(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		start := time.Now()
		slow, fast := every(10*time.Second, 1, 2), every(3*time.Second, 2, 3)
		var got []string
		for v := range generator.Merge(slow, fast) {
			got = append(got, fmt.Sprint(v, "@", time.Since(start)))
		}
		assert.Equal(t, []string{"200@3s", "201@6s", "202@9s", "100@10s", "101@20s"}, got)
	})
}

func TestLeavingAMergeWaitsForItsSequences(t *testing.T) {
	for at := range 6 {
		synctest.Test(t, func(t *testing.T) {
			var ended [2]bool
			seq := func(i int) iter.Seq[int] {
				return func(yield func(int) bool) {
					defer func() {
						time.Sleep(time.Hour)
						ended[i-1] = true
					}()
					every(time.Duration(i)*time.Second+1, i, 3)(yield)
				}
			}
			n := 0
			for range generator.Merge(seq(1), generator.Concat(seq(2))) {
				if n == at {
					break
				}
				n++
			}
			assert.Equal(t, [2]bool{true, true}, ended)
		})
	}
}

func TestAPanicOfAMergedSequence(t *testing.T) {
	boom := errors.New("boom")
	for at := range 3 {
		synctest.Test(t, func(t *testing.T) {
			var other counted
			bad := func(yield func(int) bool) {
				every(time.Second, 0, at)(yield)
				panic(boom)
			}
			good := func(yield func(int) bool) {
				for range other.seq(1000) {
					time.Sleep(700 * time.Millisecond)
					if !yield(-1) {
						return
					}
				}
			}
			var got []int
			end := testkit.Run(func() {
				for v := range generator.Merge(bad, good) {
					if v >= 0 {
						got = append(got, v)
					}
				}
			})
			assert.True(t, end.Panicked)
			var panicked *generator.PanicError
			require.ErrorAs(t, end.Value.(error), &panicked)
			assert.Equal(t, boom, panicked.Value)
			assert.Equal(t, upTo(at), got)
			assert.True(t, other.ended)
			assert.LessOrEqual(t, other.asked, 1+at*1000/700+1, "the others are stopped at their next value")
		})
	}
}

func TestAGoexitOfAMergedSequence(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var other counted
		end := testkit.Run(func() {
			for range generator.Merge(func(func(int) bool) { runtime.Goexit() }, other.seq(1000)) {
				time.Sleep(time.Second)
			}
		})
		assert.True(t, end.Exited)
		assert.True(t, other.ended)
	})
}

func TestAPanicOfTheBodyOfAMerge(t *testing.T) {
	var c counted
	end := testkit.Run(func() {
		for range generator.Merge(c.seq(10), generator.Range(0, 10)) {
			panic("body")
		}
	})
	assert.Equal(t, "body", end.Value)
	assert.True(t, c.ended)
	end = testkit.Run(func() {
		for range generator.Merge(c.seq(10), generator.Range(0, 10)) {
			runtime.Goexit()
		}
	})
	assert.True(t, end.Exited)
}

func TestMergeOfGenerators(t *testing.T) {
	a := generator.New(t.Context(), count(100))
	b := generator.New(t.Context(), count(100), generator.Buffer(8))
	got := slices.Sorted(generator.Merge(a.All(), b.All()))
	assert.Len(t, got, 200)
	assert.NoError(t, errors.Join(a.Err(), b.Err()))
}
