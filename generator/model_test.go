package generator_test

import (
	"context"
	"errors"
	"io"
	"math/rand/v2"
	"runtime"
	"slices"
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/weirkit/weir/generator"
	"github.com/weirkit/weir/internal/testkit"
)

// FuzzGenerator runs a random program of calls against a model that is a counter
// and the reason why it stopped. Everything is deterministic but one thing: how far
// a buffered producer is ahead, which no call may show.
func FuzzGenerator(f *testing.F) {
	f.Add(uint8(0), uint8(5), uint8(0), []byte{0, 0, 1, 2, 3, 0, 5, 0})
	f.Add(uint8(3), uint8(20), uint8(1), []byte{1, 0, 2, 9, 3, 4, 0})
	f.Add(uint8(1), uint8(9), uint8(2), []byte{4, 40, 6, 0, 7, 0})
	f.Add(uint8(0), uint8(2), uint8(3), []byte{0, 0, 0, 0, 5})
	f.Add(uint8(4), uint8(2), uint8(1), []byte("7820")) // the producer failed, its last value was peeked at, then the cancel
	f.Fuzz(func(t *testing.T, buffer, length, end uint8, program []byte) {
		if len(program) > 100 {
			t.Skip()
		}
		synctest.Test(t, func(t *testing.T) {
			newModel(t, int(buffer%8), int(length%40), end%4).run(program)
		})
	})
}

// The same with programs of a seeded source, as a part of the ordinary tests.
func TestRandomProgramsBehaveAsTheModel(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	for range 2000 {
		program := make([]byte, r.IntN(30))
		for i := range program {
			program[i] = byte(r.UintN(256))
		}
		synctest.Test(t, func(t *testing.T) {
			newModel(t, r.IntN(4), r.IntN(20), uint8(r.UintN(4))).run(program)
		})
		if t.Failed() {
			return
		}
	}
}

// model is a generator and what it should do.
type model struct {
	t      *testing.T
	g      *generator.Generator[int]
	cancel context.CancelFunc
	begun  bool // the producer
	gone   bool

	buffer, length int
	end            uint8 // how the producer ends: 0 nil, 1 error, 2 panic, 3 Goexit

	next      int // the value that comes next
	cancelled bool
	ended     bool
	err       error // once ended; see checkErr
}

func newModel(t *testing.T, buffer, length int, end uint8) *model {
	m := &model{t: t, buffer: buffer, length: length, end: end}
	ctx, cancel := context.WithCancel(t.Context())
	m.cancel = cancel
	m.g = generator.New(ctx, func(_ context.Context, yield func(int) bool) error {
		m.begun = true
		defer func() { m.gone = true }()
		for i := range length {
			if !yield(i) {
				return errSource
			}
		}
		switch end {
		case 1:
			return errSource
		case 2:
			panic(errSource)
		case 3:
			runtime.Goexit()
		}
		return nil
	}, generator.Buffer(buffer))
	return m
}

func (m *model) run(program []byte) {
	for len(program) > 0 {
		arg := 0
		if len(program) > 1 {
			arg = int(program[1] % 8)
		}
		op := program[0] % 11
		program = program[1:]
		m.step(op, arg)
		m.checkErr()
		if m.ended {
			assert.Equal(m.t, m.begun, m.gone, "the producer outlives its generator")
		}
	}
	m.g.Close()
	assert.Equal(m.t, m.begun, m.gone)
	m.cancel()
}

func (m *model) step(op byte, arg int) {
	switch op {
	case 0:
		m.values(1, func(body func(int) bool) {
			if v, ok := m.g.Next(); ok {
				body(v)
			}
		})
	case 1:
		before := m.next
		m.values(1, func(body func(int) bool) {
			if v, ok := m.g.Peek(); ok {
				body(v)
			}
		})
		m.next = before
	case 2:
		m.values(arg, func(body func(int) bool) {
			got, _ := m.g.CollectN(arg)
			for _, v := range got {
				body(v)
			}
		})
	case 3:
		m.loop(arg, func(body func(int) bool) {
			for v := range m.g.All() {
				if !body(v) {
					break
				}
			}
		})
	case 4:
		m.batches(arg%3+1, arg/3)
	case 5:
		m.g.Close()
		m.finish(nil)
	case 6:
		m.cancel()
		m.cancelled = true
	case 7:
		m.values(1, func(body func(int) bool) {
			v, err := m.g.NextContext(m.t.Context())
			switch {
			case err == nil:
				body(v)
			case m.g.Err() != nil:
				assert.Equal(m.t, m.g.Err(), err)
			default:
				assert.Equal(m.t, io.EOF, err)
			}
		})
	case 8: // with a context that is done: nothing happens
		done, cancel := context.WithCancel(m.t.Context())
		cancel()
		_, err := m.g.NextContext(done)
		assert.Equal(m.t, context.Canceled, err)
	case 9:
		m.loop(arg, func(body func(int) bool) {
			for v, err := range m.g.Stream() {
				if err != nil {
					assert.Equal(m.t, m.g.Err(), err)
				} else if !body(v) {
					break
				}
			}
		})
	case 10:
		synctest.Wait() // a buffered producer runs ahead as far as it can
	}
}

// values expects take to hand over the next n values, or those that are left.
func (m *model) values(n int, take func(body func(int) bool)) {
	want := m.expect(n)
	var got []int
	end := testkit.Run(func() {
		take(func(v int) bool { got = append(got, v); return true })
	})
	ends := len(want) < n
	if ends && end.Returned {
		m.finishAs(m.reason())
	}
	m.checkRaised(end, ends, got, want)
}

// loop expects loop to hand over the values until it leaves after n of them.
func (m *model) loop(n int, loop func(body func(int) bool)) {
	want := m.expect(n + 1)
	var got []int
	end := testkit.Run(func() {
		loop(func(v int) bool { got = append(got, v); return len(got) <= n })
	})
	ends := len(want) <= n
	m.checkRaised(end, ends, got, want)
	switch {
	case !end.Returned:
	case ends:
		m.finishAs(m.reason())
	default:
		m.finish(nil)
	}
}

// batches is loop in batches of size, and leaves after n of them.
func (m *model) batches(size, n int) {
	want := slices.Collect(slices.Chunk(m.expect((n+1)*size), size))
	var got [][]int
	end := testkit.Run(func() {
		for b := range m.g.Batches(size) {
			if got = append(got, b); len(got) > n {
				break
			}
		}
	})
	if raised := !end.Returned; raised && len(want) > 0 && len(want[len(want)-1]) < size {
		want = want[:len(want)-1] // the panic comes before a last batch that is not full
	}
	full := len(want) > n && len(want[n]) == size
	m.checkRaised(end, !full, flat(got), flat(want))
	require.Len(m.t, got, len(want))
	switch {
	case !end.Returned:
	case full:
		m.finish(nil)
	default:
		m.finishAs(m.reason())
	}
}

func flat(batches [][]int) []int { return slices.Concat(batches...) }

// expect returns the next n values as far as there are any, and counts them.
func (m *model) expect(n int) []int {
	var want []int
	for ; n > 0 && !m.ended && !m.cancelled && m.next < m.length; n-- {
		want = append(want, m.next)
		m.next++
	}
	return want
}

const (
	byContext = iota
	byProducer
)

// reason tells what ends a generator that has no more values.
func (m *model) reason() int {
	if m.cancelled {
		return byContext
	}
	return byProducer
}

func (m *model) finishAs(reason int) {
	switch {
	case reason == byContext:
		m.finish(context.Canceled)
	case m.end == 0:
		m.finish(nil)
	case m.end == 1:
		m.finish(errSource)
	case m.end == 2 && m.buffer > 0:
		m.finish(&generator.PanicError{})
	case m.end == 3 && m.buffer > 0:
		m.finish(generator.ErrGoexit)
	default:
		m.finish(generator.ErrAborted)
	}
}

// finish notes the first reason.
func (m *model) finish(err error) {
	if !m.ended {
		m.ended, m.err = true, err
	}
}

// checkRaised checks values, and that a panic or Goexit of a producer on the
// caller's stack passed through the call that met it, and only that.
func (m *model) checkRaised(end testkit.End, ends bool, got, want []int) {
	met := ends && !m.ended && !m.cancelled && m.buffer == 0
	raised := met && m.end >= 2
	if raised || end.Returned {
		// CollectN loses what it held when the panic passed through.
		if !raised || len(got) > 0 || len(want) == 0 {
			require.Equal(m.t, want, got)
		}
	}
	require.Equal(m.t, raised && m.end == 2, end.Panicked, "%v", end.Value)
	require.Equal(m.t, raised && m.end == 3, end.Exited)
	if raised {
		m.finish(generator.ErrAborted)
	}
}

func (m *model) checkErr() {
	err := m.g.Err()
	var panicked *generator.PanicError
	failed := errors.As(err, &panicked) || errors.Is(err, generator.ErrGoexit)
	if errors.As(m.err, &panicked) {
		require.True(m.t, failed && !errors.Is(err, generator.ErrGoexit), "%v", err)
		return
	}
	if failed && m.ended && m.buffer > 0 && m.end >= 2 {
		return // ahead of a consumer that left, or of the cancel; it is not hidden
	}
	if m.buffer > 0 && m.next == m.length && m.end == 1 && errors.Is(m.err, context.Canceled) && errors.Is(err, errSource) {
		return // it had failed before the cancel, and all its values were out
	}
	require.Equal(m.t, m.err, err)
}
