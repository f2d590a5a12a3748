package pipeline_test

import (
	"context"
	"errors"
	"iter"
	"math/rand/v2"
	"runtime"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/weirkit/weir/pipeline"
)

// piece is the numbers of the inputs that it was made of.
type piece []int

// ends notes when something that was made of an input came to its end: was
// dropped, or done by the reader.
type ends struct {
	mu     sync.Mutex
	clock  int
	last   map[int]int // of each input
	counts map[int]int
}

func newEnds() *ends { return &ends{last: map[int]int{}, counts: map[int]int{}} }

func (e *ends) end(p piece) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.clock++
	for _, i := range p {
		e.last[i] = e.clock
		e.counts[i]++
	}
}

func (e *ends) now() int {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.clock
}

// hash is what a stage decides by, so that it decides alike in each run.
func hash(p piece, salt int) int { return (p[0]*31 + len(p)*7 + salt*13) % 97 }

func union(ps []piece) piece {
	all := slices.Concat(ps...)
	slices.Sort(all)
	return slices.Compact(all)
}

// traced deals stages whose items know what they were made of.
type traced struct {
	dice
	ends    *ends
	ordered bool
}

func (d *traced) options() []pipeline.Option {
	opts := d.dice.options()
	if !d.ordered && d.roll(3) == 0 {
		opts = append(opts, pipeline.Unordered())
	}
	return opts
}

func (d *traced) stage(p *pipeline.Pipeline[piece, piece]) *pipeline.Pipeline[piece, piece] {
	salt := d.roll(50)
	same := func(_ context.Context, v piece) (piece, error) { return v, nil }
	switch d.roll(9) {
	case 0:
		return p.Then(same, d.options()...)
	case 1:
		return p.Filter(func(_ context.Context, v piece) (bool, error) {
			if hash(v, salt)%4 == 0 {
				d.ends.end(v)
				return false, nil
			}
			return true, nil
		}, d.options()...)
	case 2:
		return pipeline.FlatMap(p, func(_ context.Context, v piece) iter.Seq2[piece, error] {
			n := hash(v, salt) % 3
			if n == 0 {
				d.ends.end(v)
			}
			return func(yield func(piece, error) bool) {
				for range n {
					if !yield(v, nil) {
						return
					}
				}
			}
		}, d.options()...)
	case 3:
		b := pipeline.Batch(p, 1+salt%6, d.every()...)
		return pipeline.Map(b, pipeline.Lift(union), d.options()...)
	case 4:
		parts := pipeline.Map(pipeline.Batch(p, 1+salt%4, d.every()...), pipeline.Lift(func(ps []piece) []piece {
			all := make([]piece, len(ps))
			for i := range all {
				all[i] = union(ps) // what a batch is made of is made of all in it
			}
			return all
		}))
		return pipeline.Unbatch(parts)
	case 5:
		return d.failing(p, salt)
	case 6:
		return pipeline.MapByKey(p, func(v piece) int { return v[0] % 3 }, same, d.options()...)
	case 7:
		return p.Tap(func(context.Context, piece) error { return nil }, pipeline.Buffer(1+salt%4))
	}
	return pipeline.Scan(p, piece(nil), func(_ context.Context, _, v piece) (piece, error) { return v, nil })
}

func (d *traced) every() []pipeline.Option {
	if d.roll(2) == 0 {
		return nil
	}
	return []pipeline.Option{pipeline.Every(time.Second)}
}

// failing is a stage that skips what fails, gives it to a dead letter or tries
// again.
func (d *traced) failing(p *pipeline.Pipeline[piece, piece], salt int) *pipeline.Pipeline[piece, piece] {
	opts := d.options()
	switch d.roll(3) {
	case 0:
		opts = append(opts, pipeline.OnError(func(e *pipeline.StageError) pipeline.Action {
			d.ends.end(e.Item.(piece))
			return pipeline.Skip
		}))
	case 1:
		opts = append(opts, pipeline.DeadLetter(func(_ context.Context, e *pipeline.StageError) error {
			d.ends.end(e.Item.(piece))
			return nil
		}))
	case 2:
		opts = append(opts, pipeline.OnError(func(e *pipeline.StageError) pipeline.Action {
			if e.Attempt < 3 {
				return pipeline.Retry
			}
			d.ends.end(e.Item.(piece))
			return pipeline.Skip
		}))
	}
	return p.Then(func(_ context.Context, v piece) (piece, error) {
		if hash(v, salt)%5 == 0 {
			return nil, errBoom
		}
		return v, nil
	}, opts...)
}

func (d *traced) build() *pipeline.Pipeline[piece, piece] {
	p := pipeline.New[piece]()
	for len(d.bytes) > 0 {
		p = d.stage(p)
	}
	return p
}

// pieces yields the inputs, and tells how many it has.
func pieces(n int, read *int) iter.Seq[piece] {
	return func(yield func(piece) bool) {
		for i := range n {
			*read = i + 1
			if !yield(piece{i}) {
				return
			}
		}
	}
}

// FuzzCheckpoint looks at the checkpoint of a random pipeline at moments when
// nothing moves: it stands at the first input of which something ends later. And
// a run that is stopped has done all that is below its checkpoint.
func FuzzCheckpoint(f *testing.F) {
	seeds := rand.New(rand.NewPCG(3, 4))
	for range 120 {
		b := make([]byte, 2+seeds.IntN(24))
		for i := range b {
			b[i] = byte(seeds.IntN(256))
		}
		f.Add(uint8(seeds.IntN(256)), uint8(seeds.IntN(256)), b)
	}
	f.Fuzz(func(t *testing.T, n, stopAt uint8, bytes []byte) {
		bytes = bytes[:min(len(bytes), 30)]
		synctest.Test(t, func(t *testing.T) { checkpointsAreExact(t, int(n), bytes) })
		synctest.Test(t, func(t *testing.T) { aStopLeavesNothingOut(t, int(n), int(stopAt), bytes) })
	})
}

func checkpointsAreExact(t *testing.T, n int, bytes []byte) {
	type look struct {
		at, read int
		low      int64
	}
	var looks []look
	d := &traced{dice: dice{slices.Clone(bytes)}, ends: newEnds()}
	p := d.build()
	read := 0
	run := p.Start(t.Context(), pieces(n, &read), pipeline.Checkpoints(0))
	results := 0
	for v, err := range run.Results() {
		require.NoError(t, err)
		if results++; results%7 == 1 {
			synctest.Wait()
			looks = append(looks, look{d.ends.now(), read, run.Checkpoint()})
		}
		d.ends.end(v)
	}
	require.NoError(t, run.Wait())
	require.Equal(t, int64(n), run.Checkpoint(), "all of %s is done", p)
	for _, l := range looks {
		want := int64(l.read)
		for i := range l.read {
			if d.ends.last[i] > l.at {
				want = int64(i)
				break
			}
		}
		require.Equal(t, want, l.low, "%s, %d inputs, %+v", p, n, l)
	}
}

func aStopLeavesNothingOut(t *testing.T, n, stopAt int, bytes []byte) {
	whole := &traced{dice: dice{slices.Clone(bytes)}, ends: newEnds(), ordered: true}
	read := 0
	run := whole.build().Start(t.Context(), pieces(n, &read))
	for v, err := range run.Results() {
		require.NoError(t, err)
		whole.ends.end(v)
	}
	part := &traced{dice: dice{slices.Clone(bytes)}, ends: newEnds(), ordered: true}
	p := part.build()
	run = p.Start(t.Context(), pieces(n, &read), pipeline.Checkpoints(0))
	for v, err := range run.Results() {
		require.NoError(t, err)
		if stopAt--; stopAt < 0 {
			break
		}
		part.ends.end(v)
	}
	for i := range int(run.Checkpoint()) {
		require.Equal(t, whole.ends.counts[i], part.ends.counts[i], "input %d of %s", i, p)
	}
}

// lowAfter is where the checkpoint of a run stands that is left in the loop of
// one more than so many results.
func lowAfter(t *testing.T, p *pipeline.Pipeline[int, int], n, results int) int64 {
	t.Helper()
	run := p.Start(t.Context(), numbers(n), pipeline.Checkpoints(0))
	for _, err := range run.Results() {
		require.NoError(t, err)
		if results--; results < 0 {
			break
		}
	}
	return run.Checkpoint()
}

func first(v []int) int { return v[0] }

func TestWhereACheckpointStands(t *testing.T) {
	twice := func(context.Context, int) iter.Seq2[int, error] {
		return func(yield func(int, error) bool) { _ = yield(1, nil) && yield(2, nil) }
	}
	all := 1000 // more results than there are
	w, b := pipeline.Workers(3), pipeline.Buffer(2)
	src := pipeline.New[int]
	tests := []struct {
		name    string
		p       *pipeline.Pipeline[int, int]
		results int
		want    int64
	}{
		{"everything", src().Then(add(1)), all, 20},
		{"a result in its loop is not done", src().Then(add(1)), 4, 4},
		{"dropped items before the result", src().Filter(func(_ context.Context, v int) (bool, error) { return v%5 == 4, nil }, w), 1, 9},
		{"half of an input", pipeline.FlatMap(src(), twice), 3, 1},
		{"half of an input, workers", pipeline.FlatMap(src(), twice, w), 3, 1},
		{"both halves", pipeline.FlatMap(src(), twice, b), 4, 2},
		{"take", src().Take(7), all, 7},
		{"take behind workers", src().Then(add(1), w).Take(7), all, 7},
		{"take before workers", src().Take(7).Then(add(1), w), all, 7},
		{"take and take", src().Take(9).Then(add(1), b).Take(7).Tap(func(context.Context, int) error { return nil }), all, 7},
		{"take of both halves", pipeline.FlatMap(src(), twice).Take(6), all, 2}, // whether there is a third part of number 2 nobody knows
		{"take of half", pipeline.FlatMap(src(), twice).Take(7), all, 3},
		{"take of half, workers", pipeline.FlatMap(src(), twice, w).Take(7), all, 3},
		{"take of half, unordered workers", pipeline.FlatMap(src(), twice, pipeline.Workers(1), pipeline.Window(1), pipeline.Unordered()).Take(7), all, 3},
		{"take of batches", pipeline.Map(pipeline.Batch(src(), 4).Take(2), pipeline.Lift(first)), all, 8},
		{"take of half a batch", pipeline.Unbatch(pipeline.Batch(src(), 4)).Take(6), all, 4},
		{"take of a whole batch", pipeline.Unbatch(pipeline.Batch(src(), 4)).Take(8), all, 8},
		{"take while", src().TakeWhile(func(_ context.Context, v int) (bool, error) { return v < 7, nil }), all, 7},
		{"skip", src().Skip(15).Then(add(1), w), 2, 17},
		{"distinct", pipeline.Distinct(src(), 50, func(v int) int { return v / 10 }), all, 20},
		{"windows", pipeline.Map(pipeline.Slide(src(), 4, 1), pipeline.Lift(first)), 3, 3},
		{"windows to the end", pipeline.Map(pipeline.Slide(src(), 7, 3), pipeline.Lift(first), w), all, 20},
		{"windows with gaps", pipeline.Map(pipeline.Slide(src(), 2, 5), pipeline.Lift(first)), 2, 10},
		{"take of windows", pipeline.Map(pipeline.Slide(src(), 4, 1).Take(3), pipeline.Lift(first)), all, 3},
		{"windows of time", pipeline.Map(pipeline.SlideTime(src(), time.Second, time.Second, 100), pipeline.Lift(first)), all, 20},
		{"the limit of a window of time", pipeline.Map(pipeline.SlideTime(src(), time.Second, time.Second, 3), pipeline.Lift(first)), 0, 17},
		{"batches by time", pipeline.Map(pipeline.Batch(src(), 6, pipeline.Every(time.Hour)), pipeline.Lift(first)), 2, 12},
		{"joined", pipeline.Join(src().Then(add(1), w), src().Filter(even, b)), 3, 7}, // the results are 2, 4, 6 and 8
		{"throttled", src().Throttle(layer(func(ctx context.Context, fn func(context.Context) error) error { return fn(ctx) })), 4, 4},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				got := lowAfter(t, tt.p, 20, tt.results)
				assert.Equal(t, tt.want, got)
			})
		})
	}
}

func TestAFailedItemIsWhereTheCheckpointStands(t *testing.T) {
	deadLetterFails := pipeline.DeadLetter(func(context.Context, *pipeline.StageError) error { return errors.New("full") })
	for name, opts := range map[string][]pipeline.Option{
		"fused": nil, "workers": {pipeline.Workers(4)}, "buffered": {pipeline.Buffer(3)},
		"dead letter": {deadLetterFails}, "dead letter, workers": {deadLetterFails, pipeline.Workers(2)},
		"unordered": {pipeline.Workers(1), pipeline.Window(2), pipeline.Unordered()},
	} {
		bad := func(_ context.Context, v int) (int, error) {
			if v == 11 {
				return 0, errBoom
			}
			return v, nil
		}
		run := pipeline.New[int]().Then(bad, opts...).Then(add(1), pipeline.Workers(2)).
			Start(t.Context(), numbers(50), pipeline.Checkpoints(0))
		require.ErrorIs(t, run.Wait(), errBoom)
		if name == "unordered" {
			assert.LessOrEqual(t, run.Checkpoint(), int64(11), name)
			continue
		}
		assert.Equal(t, int64(11), run.Checkpoint(), name)
	}
	for _, fault := range []func(){func() { panic("x") }, runtime.Goexit} {
		run := pipeline.New[int]().Tap(func(_ context.Context, v int) error {
			if v == 11 {
				fault()
			}
			return nil
		}).Start(t.Context(), numbers(50), pipeline.Checkpoints(0))
		require.Error(t, run.Wait())
		assert.Equal(t, int64(11), run.Checkpoint())
	}
}

// One item that is slow holds the checkpoint, and memory stays that of what is
// under way, however many overtake it.
func TestASlowItemHoldsTheCheckpoint(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		release := make(chan struct{})
		slow := func(_ context.Context, v int) (int, error) {
			if v == 3 {
				<-release
			}
			return v, nil
		}
		run := pipeline.New[int]().Then(slow, pipeline.Workers(2), pipeline.Unordered()).
			Start(t.Context(), numbers(100_000), pipeline.Checkpoints(0))
		n := 0
		for _, err := range run.Results() {
			require.NoError(t, err)
			if n++; n == 99_999 {
				assert.Equal(t, int64(3), run.Checkpoint())
				close(release)
			}
		}
		assert.Equal(t, int64(100_000), run.Checkpoint())
	})
}

func TestDrainLeavesTheCheckpointBehindWhatWasTaken(t *testing.T) {
	for _, s := range shapes() {
		taken := int64(0)
		run := (&probe{}).build(s).Start(t.Context(), func(yield func(int) bool) {
			for i := range 100_000 {
				taken++
				if !yield(i) {
					return
				}
			}
		}, pipeline.Checkpoints(0))
		n := 0
		for _, err := range run.Results() {
			require.NoError(t, err)
			if n++; n == 100 {
				run.Drain()
			}
		}
		assert.Equal(t, taken, run.Checkpoint(), s.name)
	}
	// What waits for more items to make a window of is not done, if more will come.
	run := pipeline.Slide(pipeline.New[int](), 4, 1).Start(t.Context(), numbers(1000), pipeline.Checkpoints(0))
	last := 0
	for w, err := range run.Results() {
		require.NoError(t, err)
		last = w[0]
		run.Drain()
	}
	assert.Equal(t, int64(last+1), run.Checkpoint())
}

// A job that is stopped at random moments, and goes on where it stopped, leaves
// no item out, and does again only what was under way.
func TestAJobOfRunsGoesOnWhereItStopped(t *testing.T) {
	const n = 3000
	for _, opts := range [][]pipeline.Option{nil, {pipeline.Workers(4)}, {pipeline.Workers(4), pipeline.Unordered()}, {pipeline.Buffer(5)}} {
		var mu sync.Mutex
		stored := map[int]int{}
		low := int64(0)
		for low < n {
			p := pipeline.Map(pipeline.Batch(pipeline.New[int]().Then(add(0), opts...), 7), func(_ context.Context, b []int) ([]int, error) {
				mu.Lock()
				defer mu.Unlock()
				for _, v := range b {
					stored[v]++
				}
				return b, nil
			}, opts...)
			run := p.Start(t.Context(), numbers(n), pipeline.Checkpoints(low))
			end := 1 + rand.IntN(100)
			for _, err := range run.Results() {
				require.NoError(t, err)
				if end--; end == 0 {
					break
				}
			}
			require.GreaterOrEqual(t, run.Checkpoint(), low)
			low = run.Checkpoint()
		}
		require.Len(t, stored, n)
	}
}

func TestCheckpointsKeepTheNumbersOfTheItems(t *testing.T) {
	run := pipeline.New[int]().Then(add(0)).Start(t.Context(), numbers(10), pipeline.Checkpoints(7))
	assert.Equal(t, int64(7), run.Checkpoint(), "nobody has read yet")
	var got []int
	for v, err := range run.Results() {
		require.NoError(t, err)
		got = append(got, v)
	}
	assert.Equal(t, []int{7, 8, 9}, got)
	assert.Equal(t, int64(10), run.Checkpoint())
	assert.Equal(t, int64(10), run.Stats().Checkpoint)

	none := pipeline.New[int]().Start(t.Context(), numbers(1))
	defer none.Stop()
	assert.Equal(t, int64(-1), none.Stats().Checkpoint)
	assert.PanicsWithValue(t, "pipeline: this run has no checkpoint; give Start the option Checkpoints", func() { none.Checkpoint() })
	assert.PanicsWithValue(t, "pipeline: a checkpoint must be at least 0, got -1", func() { pipeline.Checkpoints(-1) })
}
