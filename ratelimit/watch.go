package ratelimit

import (
	"slices"
	"sync"
	"sync/atomic"
)

// watch is who wants to know when the rate, the burst or the tokens of a limiter are
// changed: each [Multi] for which somebody waits.
type watch struct {
	any atomic.Bool
	mu  sync.Mutex
	by  []*Multi // guarded by mu; replaced, never written to
}

func (w *watch) add(m *Multi) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.by = append(slices.Clip(w.by), m)
	w.any.Store(true)
}

func (w *watch) remove(m *Multi) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.by = slices.DeleteFunc(slices.Clone(w.by), func(have *Multi) bool { return have == m })
	w.any.Store(len(w.by) > 0)
}

// changed tells them. It is called outside every lock.
func (w *watch) changed() {
	if !w.any.Load() {
		return
	}
	w.mu.Lock()
	by := w.by
	w.mu.Unlock()
	for _, m := range by {
		m.review()
	}
}
