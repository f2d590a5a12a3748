package pipeline

import (
	"context"
	"sync"
	"sync/atomic"
	"time"

	"github.com/weirkit/weir/internal/mono"
)

// Stats is a snapshot of a [Run]. The counts of different stages are read one
// after the other, while the run goes on.
type Stats struct {
	// Stages are in the order of the pipeline.
	Stages []StageStats
	// Checkpoint is what [Run.Checkpoint] returns, or -1 without the option
	// Checkpoints.
	Checkpoint int64
	// Discarded counts the results that Wait threw away.
	Discarded int64
	// Stopped says that Stop, or a break out of Results, ended the run.
	Stopped bool
}

// StageStats tells what went through one stage so far. The bottleneck is the
// stage with Queued items whose Busy grows by its Workers in a second; or the
// source, if nothing is queued anywhere.
type StageStats struct {
	// Name is the stage's name as in StageError.
	Name string
	// In and Out count items; what was filtered out or skipped is not in Out.
	In, Out int64
	// Errors counts failed calls; each attempt of a Retry that fails is one.
	Errors int64
	// Busy is the time spent in the function of a Map, Then, Filter or Tap, its
	// Guard included, of all workers together. Of calls of less than 2 µs one in
	// sixteen is timed. It is 0 for other stages, which run in the time of those
	// that follow.
	Busy time.Duration
	// Workers is how many items the stage may work on at once.
	Workers int
	// Queued counts items that wait for a worker of the stage, Begun those that
	// one has begun and that have not been handed on. Both are 0 for a stage
	// without workers of its own.
	Queued, Begun int64
	// Buffered counts items that wait behind the stage, in its Buffer, for what
	// follows. It is 0 for a stage without one, and for one with workers of its own,
	// where they are among Begun.
	Buffered int64
}

// pool is the workers of a stage; the stream engine has them.
type pool interface {
	SetWorkers(n int)
	Workers() int
	Queued() (waiting, begun int64)
}

// meter counts for one stage of one Run. Stream and Collect have none: nobody
// could look at it.
type meter struct {
	*config
	at    int
	clock mono.Clock

	in, out, errors, busy atomic.Int64
	buffered              atomic.Int64
	calls                 atomic.Int64
	seldom                atomic.Bool // calls are fast: time few of them

	mu    sync.Mutex
	pool  pool
	asked int // SetWorkers came before the pool
}

// manyCalls is of how many fast calls one is timed; two looks at the clock cost
// as much as several fast calls.
const (
	manyCalls = 16
	fastCall  = int64(2 * time.Microsecond)
)

// Stats returns what has happened so far.
func (r *Run[Out]) Stats() Stats {
	s := Stats{
		Stages:     make([]StageStats, len(r.stages)),
		Checkpoint: -1,
		Discarded:  r.discarded.Load(),
		Stopped:    r.stopped.Load(),
	}
	if r.inputs != nil {
		s.Checkpoint = r.inputs.low()
	}
	for i, m := range r.stages {
		s.Stages[i] = m.stats()
	}
	return s
}

func (m *meter) stats() StageStats {
	// Out first: a stage never shows more out than it could have got in.
	out := m.out.Load()
	s := StageStats{
		Name: m.label(m.at), In: m.in.Load(), Out: out, Errors: m.errors.Load(),
		Busy: time.Duration(m.busy.Load()), Workers: max(m.workers, 1), Buffered: min(max(m.buffered.Load(), 0), int64(m.buffer)),
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.pool != nil {
		s.Workers = m.pool.Workers()
		s.Queued, s.Begun = m.pool.Queued()
	}
	return s
}

// register makes the workers of a stage known.
func (r *run) register(at int, p pool) {
	if r.stages == nil {
		return
	}
	m := r.stages[at]
	m.mu.Lock()
	defer m.mu.Unlock()
	m.pool = p
	if m.asked > 0 {
		p.SetWorkers(m.asked)
	}
}

func (m *meter) setWorkers(n int) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.asked = n
	if m.pool != nil {
		m.pool.SetWorkers(n)
	}
}

// counted counts what goes into and comes out of a stage, if anybody can ask.
func counted[I, O any](r *run, at int, up producer[I], stage func(producer[I]) producer[O]) producer[O] {
	if r.stages == nil {
		return stage(up)
	}
	m := r.stages[at]
	down := stage(func(ctx context.Context, yield func(I) bool) error {
		return up(ctx, func(v I) bool {
			m.in.Add(1)
			return yield(v)
		})
	})
	return func(ctx context.Context, yield func(O) bool) error {
		return down(ctx, func(v O) bool {
			m.out.Add(1)
			return yield(v)
		})
	}
}

// erred counts a failed call at a stage.
func (r *run) erred(at int) {
	if r != nil && r.stages != nil {
		r.stages[at].errors.Add(1)
	}
}

// timed returns the step with a function whose time is measured, if anybody can
// ask for it.
func (s *step[I, O]) timed(r *run, at int) *step[I, O] {
	if r.stages == nil {
		return s
	}
	m := r.stages[at]
	t := *s
	if s.plain != nil {
		t.plain = func(ctx context.Context, in I) (O, error) {
			begin, weight := m.begin()
			out, err := s.plain(ctx, in)
			m.end(begin, weight)
			return out, err
		}
		return &t
	}
	t.keep = func(ctx context.Context, in I) (O, bool, error) {
		begin, weight := m.begin()
		out, ok, err := s.keep(ctx, in)
		m.end(begin, weight)
		return out, ok, err
	}
	return &t
}

// begin returns the time, and how many calls this one stands for: none if it is
// not timed.
func (m *meter) begin() (begin, weight int64) {
	switch {
	case !m.seldom.Load():
		weight = 1
	case m.calls.Add(1)%manyCalls == 1:
		weight = manyCalls
	default:
		return 0, 0
	}
	return m.clock.Now(), weight
}

func (m *meter) end(begin, weight int64) {
	if weight == 0 {
		return
	}
	d := m.clock.Now() - begin
	seldom := d < fastCall
	if !seldom {
		weight = 1 // the fifteen before it need not have been as slow
	}
	m.busy.Add(d * weight)
	if m.seldom.Load() != seldom {
		m.seldom.Store(seldom)
	}
}
