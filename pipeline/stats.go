package pipeline

import (
	"context"
	"sync/atomic"
)

// Stats is a snapshot of a [Run]. The counts of different stages are read one
// after the other, while the run goes on.
type Stats struct {
	// Stages are in the order of the pipeline.
	Stages []StageStats
	// Discarded counts the results that Wait threw away.
	Discarded int64
	// Stopped says that Stop, or a break out of Results, ended the run.
	Stopped bool
}

// StageStats tells what went through one stage so far.
type StageStats struct {
	// Name is the stage's name as in StageError.
	Name string
	// In and Out count items; what was filtered out or skipped is not in Out.
	In, Out int64
	// Errors counts failed calls; each attempt of a Retry that fails is one.
	Errors int64
}

// meter counts for one stage of one Run. Stream and Collect have none: nobody
// could look at it.
type meter struct {
	*config
	at              int
	in, out, errors atomic.Int64
}

// Stats returns what has happened so far.
func (r *Run[Out]) Stats() Stats {
	s := Stats{
		Stages:    make([]StageStats, len(r.stages)),
		Discarded: r.discarded.Load(),
		Stopped:   r.stopped.Load(),
	}
	for i, m := range r.stages {
		// Out first: a stage never shows more out than it could have got in.
		out := m.out.Load()
		s.Stages[i] = StageStats{Name: m.label(m.at), In: m.in.Load(), Out: out, Errors: m.errors.Load()}
	}
	return s
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
