package main

import (
	"fmt"
	"sync"

	"github.com/weirkit/weir/semaphore"
	"github.com/weirkit/weir/wrapper"
)

// guard is one way to protect the server. It lives as long as the program, as
// that of a server does: what it learns at one load it knows at the next.
type guard struct {
	name, about, color string
	layer              wrapper.Layer // nil: bare
	limit              func() string // how many could run at once since it was last asked; nil: bare
}

// guards returns those that are compared. The second is told how much the server
// can do at once, the third is not.
func guards() []guard {
	const waiting = 4 * atOnce
	seen := span{low: 1, high: 1}
	fixed := semaphore.New(atOnce, semaphore.MaxWaiters(waiting))
	adaptive := semaphore.NewAdaptive(1, 1000, semaphore.MaxWaiters(waiting),
		semaphore.On(semaphore.Events{LimitChanged: func(c semaphore.LimitChange) { seen.add(c.To) }}))
	return []guard{
		{"bare", "no guard", "#c0392b", nil, nil},
		{"fixed", fmt.Sprintf("semaphore.New(%d), is told the limit", atOnce), "#1f618d",
			fixed, func() string { return fmt.Sprint(fixed.Limit()) }},
		{"adaptive", "semaphore.NewAdaptive(1, 1000), finds it", "#1e8449",
			adaptive, func() string { return seen.take(adaptive.Limit()) }},
	}
}

// span is the lowest and the highest of numbers. The zero value has none.
type span struct {
	mu        sync.Mutex
	low, high int64
}

func (s *span) add(n int64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.high == 0 {
		s.low = n
	}
	s.low, s.high = min(s.low, n), max(s.high, n)
}

// take returns the span with n, the last number, from which the next one begins.
func (s *span) take(n int64) string {
	s.add(n)
	s.mu.Lock()
	defer s.mu.Unlock()
	low, high := s.low, s.high
	s.low, s.high = n, n
	if low == high {
		return fmt.Sprint(n)
	}
	return fmt.Sprintf("%d-%d", low, high)
}
