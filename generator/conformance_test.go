package generator_test

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/weirkit/weir/generator"
	"github.com/weirkit/weir/internal/testkit"
)

// The suite: every way to run a producer, every way to consume it, and every way
// to end, at every index. What is asserted holds when the consumer's call or loop
// ends, not some time later. Each case is a bubble, which fails if a goroutine is
// left.

// mode is a way to run a producer.
type mode struct {
	name   string
	pulled bool // pulled before it is consumed, so that there is a coroutine
	opts   []generator.Option
}

var allModes = []mode{
	{name: "direct"},
	{name: "pulled", pulled: true},
	{name: "prefetched-1", opts: []generator.Option{generator.Buffer(1)}},
	{name: "prefetched-3-pulled", pulled: true, opts: []generator.Option{generator.Buffer(3)}},
	{name: "prefetched-64", opts: []generator.Option{generator.Buffer(64)}},
}

func (m mode) prefetched() bool { return m.opts != nil }

// consumers hand each value to body until it says no or there are no more.
var consumers = map[string]func(g *generator.Generator[int], body func(int) bool){
	"Next": func(g *generator.Generator[int], body func(int) bool) {
		defer g.Close()
		for v, ok := g.Next(); ok && body(v); v, ok = g.Next() {
		}
	},
	"All": func(g *generator.Generator[int], body func(int) bool) {
		for v := range g.All() {
			if !body(v) {
				break
			}
		}
	},
	"Batches": func(g *generator.Generator[int], body func(int) bool) {
		for b := range g.Batches(1) {
			if !body(b[0]) {
				break
			}
		}
	},
	"Stream": func(g *generator.Generator[int], body func(int) bool) {
		for v, err := range g.Stream() {
			if err != nil || !body(v) {
				break
			}
		}
	},
	"NextContext": func(g *generator.Generator[int], body func(int) bool) {
		defer g.Close()
		ctx := context.Background()
		for v, err := g.NextContext(ctx); err == nil && body(v); v, err = g.NextContext(ctx) {
		}
	},
	"Peek": func(g *generator.Generator[int], body func(int) bool) {
		defer g.Close()
		for _, ok := g.Peek(); ok; _, ok = g.Peek() {
			if v, ok := g.Next(); !ok || !body(v) {
				return
			}
		}
	},
	"CollectN": func(g *generator.Generator[int], body func(int) bool) {
		defer g.Close()
		for {
			b, _ := g.CollectN(1)
			if len(b) == 0 || !body(b[0]) {
				return
			}
		}
	},
}

const items = 5

// suite runs f for every mode, consumer and index.
func suite(t *testing.T, f func(t *testing.T, m mode, consume func(*generator.Generator[int], func(int) bool), at int)) {
	t.Helper()
	for _, m := range allModes {
		for name, consume := range consumers {
			for at := range items + 1 {
				if m.pulled && at == 0 {
					continue // the first value is the pull's
				}
				t.Run(fmt.Sprintf("%s/%s/at=%d", m.name, name, at), func(t *testing.T) {
					synctest.Test(t, func(t *testing.T) { f(t, m, consume, at) })
				})
			}
		}
	}
}

// probe is a producer that notes how it runs.
type probe struct {
	begun, ended bool
	sawDone      bool // its context was done when yield said no
	after        int  // calls of yield after it said no
	at           int
	event        func(ctx context.Context) error // at index at, in place of the value
	ending       func() error                    // as the last thing
}

func (p *probe) produce(ctx context.Context, yield func(int) bool) (err error) {
	p.begun = true
	defer func() { p.ended = true }()
	for i := range items {
		if p.event != nil && i == p.at {
			if err := p.event(ctx); err != nil {
				return err
			}
		}
		if !yield(i) {
			p.after++
			p.sawDone = ctx.Err() != nil
			if yield(i) { // a producer that does not listen
				panic("yield said yes after it had said no")
			}
			if p.ending != nil {
				return p.ending()
			}
			return errors.New("nobody wants this")
		}
	}
	if p.event != nil && p.at == items {
		return p.event(ctx)
	}
	return nil
}

// start makes the generator and makes the first pull where the mode asks for it.
func (p *probe) start(ctx context.Context, t *testing.T, m mode) (g *generator.Generator[int], got []int) {
	t.Helper()
	g = generator.New(ctx, p.produce, m.opts...)
	if m.pulled {
		v, ok := g.Next()
		require.True(t, ok)
		got = append(got, v)
	}
	return g, got
}

// gone asserts that the generator has ended, now.
func gone(t *testing.T, p *probe, g *generator.Generator[int]) {
	t.Helper()
	assert.Equal(t, p.begun, p.ended, "the producer still runs")
	assert.Equal(t, p.after > 0, p.sawDone, "its context is done when yield says no")
	for range 2 {
		v, ok := g.Next()
		assert.False(t, ok)
		assert.Zero(t, v)
	}
	rest, _ := g.Collect()
	assert.Empty(t, rest)
	for v := range g.All() {
		t.Errorf("%d was handed out", v)
	}
	err := g.Err()
	g.Close()
	assert.Equal(t, err, g.Err(), "Close changes nothing")
}

// upTo returns 0 to n-1.
func upTo(n int) []int {
	var s []int
	for i := range n {
		s = append(s, i)
	}
	return s
}

func TestConformanceEnd(t *testing.T) {
	suite(t, func(t *testing.T, m mode, consume func(*generator.Generator[int], func(int) bool), at int) {
		p := &probe{}
		g, got := p.start(t.Context(), t, m)
		consume(g, func(v int) bool { got = append(got, v); return true })
		assert.Equal(t, upTo(items), got)
		assert.NoError(t, g.Err())
		gone(t, p, g)
	})
}

func TestConformanceBreak(t *testing.T) {
	suite(t, func(t *testing.T, m mode, consume func(*generator.Generator[int], func(int) bool), at int) {
		p := &probe{}
		g, got := p.start(t.Context(), t, m)
		consume(g, func(v int) bool { got = append(got, v); return v < at })
		assert.Equal(t, upTo(min(at+1, items)), got)
		assert.NoError(t, g.Err())
		gone(t, p, g)
	})
}

func TestConformanceError(t *testing.T) {
	suite(t, func(t *testing.T, m mode, consume func(*generator.Generator[int], func(int) bool), at int) {
		p := &probe{at: at, event: func(context.Context) error { return errSource }}
		g, got := p.start(t.Context(), t, m)
		consume(g, func(v int) bool { got = append(got, v); return true })
		assert.Equal(t, upTo(at), got)
		assert.Equal(t, errSource, g.Err())
		gone(t, p, g)
	})
}

func TestConformancePanicOfTheProducer(t *testing.T) {
	suite(t, func(t *testing.T, m mode, consume func(*generator.Generator[int], func(int) bool), at int) {
		p := &probe{at: at, event: func(context.Context) error { panic(errSource) }}
		g, got := p.start(t.Context(), t, m)
		end := testkit.Run(func() {
			consume(g, func(v int) bool { got = append(got, v); return true })
		})
		assert.Equal(t, upTo(at), got)
		if m.prefetched() {
			assert.True(t, end.Returned)
			var panicked *generator.PanicError
			require.ErrorAs(t, g.Err(), &panicked)
			assert.Equal(t, errSource, panicked.Value)
			assert.Contains(t, string(panicked.Stack), "produce")
		} else {
			assert.True(t, end.Panicked)
			assert.Equal(t, errSource, end.Value, "untouched")
			assert.Equal(t, generator.ErrAborted, g.Err())
		}
		gone(t, p, g)
	})
}

func TestConformanceGoexitOfTheProducer(t *testing.T) {
	suite(t, func(t *testing.T, m mode, consume func(*generator.Generator[int], func(int) bool), at int) {
		p := &probe{at: at, event: func(context.Context) error { runtime.Goexit(); return nil }}
		g, got := p.start(t.Context(), t, m)
		end := testkit.Run(func() {
			consume(g, func(v int) bool { got = append(got, v); return true })
		})
		assert.Equal(t, upTo(at), got)
		if m.prefetched() {
			assert.True(t, end.Returned)
			assert.Equal(t, generator.ErrGoexit, g.Err())
		} else {
			assert.True(t, end.Exited)
			assert.Equal(t, generator.ErrAborted, g.Err())
		}
		gone(t, p, g)
	})
}

func TestConformancePanicOfTheBody(t *testing.T) {
	suite(t, func(t *testing.T, m mode, consume func(*generator.Generator[int], func(int) bool), at int) {
		p := &probe{}
		g, got := p.start(t.Context(), t, m)
		end := testkit.Run(func() {
			consume(g, func(v int) bool {
				if v == at {
					panic("body")
				}
				got = append(got, v)
				return true
			})
		})
		assert.Equal(t, upTo(at), got)
		assert.Equal(t, at < items, end.Panicked)
		assert.NoError(t, g.Err(), "the consumer left; that is no failure of the generator")
		gone(t, p, g)
	})
}

func TestConformanceGoexitOfTheBody(t *testing.T) {
	suite(t, func(t *testing.T, m mode, consume func(*generator.Generator[int], func(int) bool), at int) {
		p := &probe{}
		g, got := p.start(t.Context(), t, m)
		end := testkit.Run(func() {
			consume(g, func(v int) bool {
				if v == at {
					runtime.Goexit()
				}
				got = append(got, v)
				return true
			})
		})
		assert.Equal(t, upTo(at), got)
		assert.Equal(t, at < items, end.Exited)
		assert.NoError(t, g.Err())
		gone(t, p, g)
	})
}

func TestConformanceCancelByTheConsumer(t *testing.T) {
	suite(t, func(t *testing.T, m mode, consume func(*generator.Generator[int], func(int) bool), at int) {
		ctx, cancel := context.WithCancelCause(t.Context())
		p := &probe{}
		g, got := p.start(ctx, t, m)
		consume(g, func(v int) bool {
			got = append(got, v)
			if v == at {
				cancel(errSource)
			}
			return true
		})
		assert.Equal(t, upTo(min(at+1, items)), got, "nothing after the cancel")
		if at < items {
			assert.ErrorIs(t, g.Err(), context.Canceled)
			assert.ErrorIs(t, g.Err(), errSource)
		} else {
			assert.NoError(t, g.Err())
			cancel(errSource)
			assert.NoError(t, g.Err(), "it had ended before")
		}
		gone(t, p, g)
	})
}

// The producer's context ends while it works on value at.
func TestConformanceCancelInTheProducer(t *testing.T) {
	for name, returned := range map[string]func(ctx context.Context) error{
		"goes on":       func(context.Context) error { return nil },
		"returns ctx":   func(ctx context.Context) error { return ctx.Err() },
		"returns cause": func(ctx context.Context) error { return context.Cause(ctx) },
		"wraps":         func(ctx context.Context) error { return fmt.Errorf("page 7: %w", ctx.Err()) },
	} {
		t.Run(name, func(t *testing.T) {
			suite(t, func(t *testing.T, m mode, consume func(*generator.Generator[int], func(int) bool), at int) {
				ctx, cancel := context.WithCancelCause(t.Context())
				p := &probe{at: at, event: func(ctx context.Context) error {
					cancel(nil)
					return returned(ctx)
				}}
				g, got := p.start(ctx, t, m)
				consume(g, func(v int) bool { got = append(got, v); return true })
				assert.LessOrEqual(t, len(got), at, "the context wins over what is ready")
				assert.Equal(t, upTo(len(got)), got)
				if !m.prefetched() {
					assert.Len(t, got, at)
				}
				assert.Same(t, context.Canceled, g.Err(), "programs compare with ==")
				gone(t, p, g)
			})
		})
	}
}

// The producer returns the cause alone: that is the context's error, too.
func TestConformanceCauseFromTheProducer(t *testing.T) {
	suite(t, func(t *testing.T, m mode, consume func(*generator.Generator[int], func(int) bool), at int) {
		ctx, cancel := context.WithCancelCause(t.Context())
		p := &probe{at: at, event: func(ctx context.Context) error {
			cancel(errSource)
			return context.Cause(ctx)
		}}
		g, _ := p.start(ctx, t, m)
		consume(g, func(int) bool { return true })
		assert.ErrorIs(t, g.Err(), context.Canceled)
		assert.ErrorIs(t, g.Err(), errSource)
		gone(t, p, g)
	})
}

// The producer waits for something that its context alone can end.
func TestConformanceLeavingWakesTheProducer(t *testing.T) {
	suite(t, func(t *testing.T, m mode, consume func(*generator.Generator[int], func(int) bool), at int) {
		p := &probe{at: at, event: func(ctx context.Context) error { <-ctx.Done(); return ctx.Err() }}
		if at == 0 || !m.prefetched() {
			t.Skip("there is no value to leave at, or the producer runs when it is asked alone")
		}
		g, got := p.start(t.Context(), t, m)
		if len(got) < at {
			consume(g, func(v int) bool { got = append(got, v); return v+1 < at })
		}
		g.Close()
		assert.Equal(t, upTo(at), got)
		assert.NoError(t, g.Err())
		gone(t, p, g)
	})
}

// Nor is a batch that is not full handed out after that.
func TestConformanceABatchIsDroppedAtACut(t *testing.T) {
	cuts := map[string]func(g *generator.Generator[int], cancel func()){
		"cancel": func(_ *generator.Generator[int], cancel func()) { cancel() },
		"Close":  func(g *generator.Generator[int], _ func()) { go g.Close(); synctest.Wait() },
	}
	for name, cut := range cuts {
		t.Run(name, func(t *testing.T) {
			suite(t, func(t *testing.T, m mode, _ func(*generator.Generator[int], func(int) bool), at int) {
				ctx, cancel := context.WithCancel(t.Context())
				defer cancel()
				var g *generator.Generator[int]
				g = generator.New(ctx, func(ctx context.Context, yield func(int) bool) error {
					_ = count(at+1)(ctx, yield)
					synctest.Wait() // they are taken into a batch
					cut(g, cancel)
					<-ctx.Done()
					return nil
				}, m.opts...)
				got := 0
				for b := range g.Batches(3) {
					assert.Len(t, b, 3)
					got++
				}
				assert.Equal(t, (at+1)/3, got)
			})
		})
	}
}

// A producer that returned has no context either: what hangs on it ends, too.
func TestTheProducersContextEndsWithIt(t *testing.T) {
	for _, m := range allModes {
		t.Run(m.name, func(t *testing.T) {
			var of context.Context
			g := generator.New(t.Context(), func(ctx context.Context, yield func(int) bool) error {
				of = ctx
				yield(1)
				return nil
			}, m.opts...)
			_, err := g.Collect()
			require.NoError(t, err)
			assert.Error(t, of.Err())
		})
	}
}

// An error of the producer's own is not replaced by that of the context.
func TestConformanceErrorBesideACancel(t *testing.T) {
	suite(t, func(t *testing.T, m mode, consume func(*generator.Generator[int], func(int) bool), at int) {
		if m.prefetched() {
			t.Skip("the consumer may see the context before the producer's end")
		}
		ctx, cancel := context.WithCancel(t.Context())
		p := &probe{at: at, event: func(context.Context) error { cancel(); return errSource }}
		g, got := p.start(ctx, t, m)
		consume(g, func(v int) bool { got = append(got, v); return true })
		assert.Equal(t, errSource, g.Err())
		gone(t, p, g)
	})
}

func TestConformanceCloseByTheConsumer(t *testing.T) {
	suite(t, func(t *testing.T, m mode, consume func(*generator.Generator[int], func(int) bool), at int) {
		p := &probe{}
		g, got := p.start(t.Context(), t, m)
		consume(g, func(v int) bool {
			got = append(got, v)
			if v == at {
				g.Close()
				g.Close()
			}
			return true
		})
		assert.Equal(t, upTo(min(at+1, items)), got)
		assert.NoError(t, g.Err())
		gone(t, p, g)
	})
}

// A producer that fails while it cleans up, after the consumer left: the error is
// ignored, a panic is not.
func TestConformancePanicAfterABreak(t *testing.T) {
	suite(t, func(t *testing.T, m mode, consume func(*generator.Generator[int], func(int) bool), at int) {
		p := &probe{ending: func() error { panic("cleanup") }}
		g, got := p.start(t.Context(), t, m)
		end := testkit.Run(func() {
			consume(g, func(v int) bool { got = append(got, v); return v < at })
		})
		assert.Equal(t, upTo(min(at+1, items)), got)
		switch {
		case p.after == 0: // the producer had made all its values
			assert.True(t, end.Returned)
			assert.NoError(t, g.Err())
		case m.prefetched():
			assert.True(t, end.Returned)
			var panicked *generator.PanicError
			assert.ErrorAs(t, g.Err(), &panicked)
		default:
			assert.Equal(t, "cleanup", end.Value)
			assert.Equal(t, generator.ErrAborted, g.Err())
		}
		gone(t, p, g)
	})
}

func TestConformanceContextDoneBeforeTheStart(t *testing.T) {
	for _, m := range allModes {
		for name, consume := range consumers {
			t.Run(m.name+"/"+name, func(t *testing.T) {
				ctx, cancel := context.WithCancel(t.Context())
				cancel()
				p := &probe{}
				g := generator.New(ctx, p.produce, m.opts...)
				consume(g, func(v int) bool { t.Errorf("got %d", v); return true })
				assert.False(t, p.begun)
				assert.Same(t, context.Canceled, g.Err())
				gone(t, p, g)
			})
		}
	}
}
