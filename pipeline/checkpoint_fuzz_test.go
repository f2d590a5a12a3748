package pipeline_test

import (
	"context"
	"iter"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

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
