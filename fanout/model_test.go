package fanout_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"runtime"
	"slices"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/weirkit/weir/fanout"
	"github.com/weirkit/weir/internal/testkit"
)

// scenario is one call, chosen at random: what its items do, and how they run.
type scenario struct {
	n       int
	acts    []act           // what the item of each index does
	opts    []fanout.Option // that every function takes
	alone   bool            // below the threshold
	serial  bool            // items run one after the other, in order
	keep    int
	recover bool
}

type act int

const (
	succeed act = iota
	fail
	throw
	exit
	cancelAndSucceed
	cancelAndFail
)

func newScenario(seed uint64) scenario {
	r := rand.New(rand.NewPCG(seed, 1)) //nolint:gosec // a seed
	s := scenario{n: r.IntN(60)}
	s.acts = make([]act, s.n)
	rare := 1 + r.IntN(40) // one of so many does something else than succeed
	mean := r.IntN(4)      // what
	for i := range s.acts {
		if r.IntN(rare) > 0 {
			continue
		}
		switch mean {
		case 0:
			s.acts[i] = fail
		case 1:
			s.acts[i] = act(r.IntN(int(cancelAndFail) + 1))
		case 2:
			s.acts[i] = cancelAndSucceed
		}
	}
	workers := 1 + r.IntN(9)
	switch r.IntN(4) {
	case 0: // the default
	case 1:
		s.opts = append(s.opts, fanout.Workers(workers))
		s.alone, s.serial = true, true
	default:
		s.opts = append(s.opts, fanout.Workers(workers))
		s.serial = workers == 1
	}
	if r.IntN(3) == 0 {
		s.keep = 1 + r.IntN(10)
	}
	if s.recover = r.IntN(4) == 0; s.recover {
		s.opts = append(s.opts, fanout.PanicsAsErrors())
	}
	return s
}

// with returns the options of a call, with those that not every function takes.
func (s scenario) with(threshold bool, keep func() fanout.Option) []fanout.Option {
	opts := slices.Clone(s.opts)
	if threshold && s.alone {
		opts = append(opts, fanout.Threshold(100))
	}
	if s.keep > 0 {
		opts = append(opts, keep())
	}
	return opts
}

func (s scenario) keepSome() fanout.Option { return fanout.KeepFailures(s.keep) }

// journal is what happened in a call.
type journal struct {
	mu        sync.Mutex
	ran       []int // in the order in which they began
	failed    []int
	running   int
	faulted   bool
	cancelled bool
}

func (j *journal) begin(i int) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.running++
	j.ran = append(j.ran, i)
}

func (j *journal) end(failed bool, i int) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.running--
	if failed {
		j.failed = append(j.failed, i)
	}
}

func (j *journal) note(b *bool) {
	j.mu.Lock()
	defer j.mu.Unlock()
	*b = true
}

// item does what the scenario says about index i.
func (s scenario) item(j *journal, cancel func(), i int) (err error) {
	j.begin(i)
	a := s.acts[i]
	defer func() { j.end(a == fail || a == cancelAndFail || a == throw && s.recover, i) }()
	switch a {
	case throw:
		if !s.recover {
			j.note(&j.faulted)
		}
		panic(errBoom)
	case exit:
		j.note(&j.faulted)
		runtime.Goexit()
	case cancelAndSucceed, cancelAndFail:
		j.note(&j.cancelled)
		cancel()
	}
	if a == fail || a == cancelAndFail {
		return errBoom
	}
	return nil
}

// play runs the scenario by every function and compares what came out with what a
// plain loop over the same items may do.
func (s scenario) play(t *testing.T) {
	t.Helper()
	for _, c := range calls {
		ctx, cancel := context.WithCancel(t.Context())
		var j journal
		var err error
		end := testkit.Run(func() {
			err = c.call(ctx, upTo(s.n), func(_ context.Context, i int) error { return s.item(&j, cancel, i) }, s.with(true, s.keepSome)...)
		})
		cancel()
		require.Zero(t, j.running, "callbacks run after the return")
		s.check(t, &j, end, err)
	}
}

func (s scenario) check(t *testing.T, j *journal, end testkit.End, err error) {
	t.Helper()
	if s.serial {
		require.True(t, slices.Equal(upTo(len(j.ran)), j.ran), "the items of a plain loop, in its order")
	}
	sorted := slices.Sorted(slices.Values(j.ran))
	require.Equal(t, sorted, slices.Compact(slices.Clone(sorted)), "an item ran twice")
	slices.Sort(j.failed)
	require.Equal(t, j.faulted, !end.Returned, "%+v", end)
	batch, collected := errors.AsType[*fanout.BatchError](err)
	item, one := errors.AsType[*fanout.ItemError](err)
	switch {
	case j.faulted:
	case err == nil:
		require.Len(t, j.ran, s.n, "a success is complete")
		require.Empty(t, j.failed)
	case s.keep > 0 && collected:
		require.Equal(t, len(j.failed), len(batch.Failures)+batch.Dropped)
		require.LessOrEqual(t, len(batch.Failures), s.keep)
		for k, f := range batch.Failures {
			require.Equal(t, j.failed[k], f.Index, "the lowest, in their order")
		}
		require.Equal(t, len(j.ran) < s.n, errors.Is(err, context.Canceled))
	case one:
		require.Zero(t, s.keep)
		require.Equal(t, j.failed[0], item.Index, "the lowest of those that failed")
		require.ErrorIs(t, err, errBoom)
	default:
		require.Equal(t, context.Canceled, err)
		require.True(t, j.cancelled)
		require.Less(t, len(j.ran), s.n)
		require.Empty(t, j.failed)
	}
}

// stream plays the scenario as a stream, and by key.
func (s scenario) stream(t *testing.T, breakAt int) {
	t.Helper()
	opts := s.with(false, fanout.CollectErrors)
	for _, keyed := range []bool{false, true} {
		ctx, cancel := context.WithCancel(t.Context())
		var j journal
		f := func(_ context.Context, i int) (int, error) { return i, s.item(&j, cancel, i) }
		results := fanout.Stream(ctx, slices.Values(upTo(s.n)), f, opts...)
		if keyed {
			results = fanout.StreamByKey(ctx, slices.Values(upTo(s.n)), func(i int) int { return i % 5 }, f, opts...)
		}
		next, fatal := 0, error(nil)
		for v, err := range results {
			require.NoError(t, fatal, "something behind the last error")
			if next == breakAt {
				break
			}
			switch {
			case err == nil:
				require.Equal(t, next, v)
				require.NotContains(t, []act{fail, cancelAndFail}, s.acts[next])
			case s.keep > 0 && errors.Is(err, errBoom) && (s.recover || s.acts[next] != throw):
				item, ok := errors.AsType[*fanout.ItemError](err)
				require.True(t, ok)
				require.Equal(t, next, item.Index)
			default:
				fatal = err
				if item, ok := errors.AsType[*fanout.ItemError](err); ok {
					require.Equal(t, next, item.Index, "where a plain loop would end: %v", err)
				} else {
					require.Equal(t, context.Canceled, err)
					require.True(t, j.cancelled)
				}
			}
			next++
		}
		cancel()
		require.Zero(t, j.running)
		if fatal == nil && (breakAt < 0 || breakAt >= s.n) {
			require.Equal(t, s.n, next, "a success is complete")
		}
	}
}

// group plays the scenario as the tasks of a group whose size changes.
func (s scenario) group(t *testing.T) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	var j journal
	g := fanout.NewGroup(ctx, s.with(false, s.keepSome)...)
	futures := make([]*fanout.Future[int], s.n)
	for i := range futures {
		futures[i] = fanout.Go(g, func(context.Context) (int, error) { return i, s.item(&j, cancel, i) })
		if !s.serial && i%7 == 3 {
			g.SetWorkers(1 + i%5)
		}
	}
	var err error
	end := testkit.Run(func() { err = g.Wait() })
	require.Zero(t, j.running)
	for i, f := range futures {
		v, err := f.Result()
		ran := slices.Contains(j.ran, i)
		require.Equal(t, !ran, errors.Is(err, fanout.ErrSkipped), "%v", err)
		switch a := s.acts[i]; {
		case !ran:
		case a == exit:
			require.Equal(t, fanout.ErrGoexit, err)
		case a == succeed || a == cancelAndSucceed:
			require.NoError(t, err)
			require.Equal(t, i, v)
			continue
		default:
			require.ErrorIs(t, err, errBoom)
		}
		require.Zero(t, v, "a value beside an error")
	}
	one := s
	one.serial = false // its default is not that of a slice, nor is there a threshold
	one.check(t, &j, end, err)
}

func TestRandomCallsDoWhatAPlainLoopMayDo(t *testing.T) {
	for seed := range uint64(1000) {
		s := newScenario(seed)
		ok := t.Run(fmt.Sprint("seed=", seed), func(t *testing.T) {
			s.play(t)
			s.group(t)
			s.stream(t, int(seed%100)-40) //nolint:gosec // small
		})
		if !ok {
			t.Fatalf("seed %d: %+v", seed, s)
		}
	}
}

func FuzzCalls(f *testing.F) {
	f.Add(uint64(0), -1)
	f.Add(uint64(42), 7)
	f.Fuzz(func(t *testing.T, seed uint64, breakAt int) {
		s := newScenario(seed)
		s.play(t)
		s.group(t)
		s.stream(t, breakAt)
	})
}

func FuzzReduce(f *testing.F) {
	f.Add([]byte("associative, not commutative"), 3)
	f.Add([]byte{}, 1)
	f.Fuzz(func(t *testing.T, b []byte, workers int) {
		items := make([]string, len(b))
		for i := range b {
			items[i] = string(b[i : i+1])
		}
		got, err := fanout.Reduce(t.Context(), items, func(_ context.Context, x, y string) (string, error) { return x + y, nil },
			fanout.Workers(1+int(uint(workers)%20))) //nolint:gosec // any number
		if len(b) == 0 {
			require.ErrorIs(t, err, fanout.ErrEmpty)
			return
		}
		require.NoError(t, err)
		require.Equal(t, string(b), got)
	})
}
