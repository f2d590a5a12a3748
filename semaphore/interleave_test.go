package semaphore_test

import (
	"testing"

	"github.com/stretchr/testify/require"
)

// ended reports whether all calls have returned.
func (m *machine) ended(s *mState) bool {
	for i := range s.actors {
		if a := &s.actors[i]; a.pc != "next" || int(a.op) < mOps && m.ops[i][a.op].do != 0 {
			return false
		}
	}
	return true
}

// check says what is wrong with a state, if anything.
func (m *machine) check(s *mState) string {
	var out, panics, want int8
	ended := m.ended(s)
	for i := range s.actors {
		a := &s.actors[i]
		panics += a.panics
		if !m.wrong[i] || ended {
			out += a.balance
		}
		if m.hasAll(s, i) {
			for j := range s.actors {
				if j != i && s.actors[j].balance > 0 {
					return "somebody has permits beside one who has all"
				}
			}
			if s.word.flags&mAll == 0 {
				return "an AcquireAll lost its rule"
			}
		}
		if !m.wrong[i] && a.panics > 0 {
			return "a right release panicked"
		}
		for _, op := range m.ops[i] {
			if m.wrong[i] && op.do == 'r' {
				want++
			}
		}
	}
	switch {
	case s.unsure:
		return "somebody acquired on a word in transition"
	case out > mFirst && (s.word.flags&mResized == 0 || out > mHighest):
		return "more permits are out than there are"
	case !ended:
		return ""
	case panics != want:
		return "a wrong release did not panic"
	case out != mHeldOf(s.word, s.low) || s.limit != mFirst-s.low.used:
		return "permits were lost or made"
	case s.mu != 0 || s.word.flags&(mWaiting|mWoken) != 0:
		return "something is left over"
	case s.word.flags&mAll != 0:
		return "the rule of an AcquireAll has not ended"
	}
	return ""
}

// hasAll reports whether actor i has all permits and has not begun to release.
func (m *machine) hasAll(s *mState, i int) bool {
	a := &s.actors[i]
	if a.pc != "next" && m.ops[i][a.op].do != 's' {
		return false
	}
	last := a.op - 1
	for last >= 0 && m.ops[i][last].do == 's' {
		last--
	}
	return last >= 0 && m.ops[i][last] == mOp{'a', mWantAll}
}

// explore goes through every order, and returns how many states there are. From
// each of them everybody's return must be within reach, and where nobody can take
// a step all have returned: nobody sleeps for ever or spins for ever.
func (m *machine) explore(t *testing.T) int {
	t.Helper()
	start := mState{limit: mFirst, all: mFirst}
	for i := range start.actors {
		start.actors[i].pc = "next"
	}
	ids := map[mState]int{start: 0}
	states := []mState{start}
	var before [][]int
	var done []int
	before = append(before, nil)
	for at := 0; at < len(states); at++ {
		stuck := true
		for i := range mActors {
			next := states[at]
			if !m.step(&next, i) {
				continue
			}
			stuck = false
			id, seen := ids[next]
			if !seen {
				if wrong := m.check(&next); wrong != "" {
					require.Fail(t, wrong, "%+v", next)
				}
				id = len(states)
				ids[next] = id
				states, before = append(states, next), append(before, nil)
			}
			before[id] = append(before[id], at)
		}
		if stuck {
			if !m.ended(&states[at]) {
				require.Fail(t, "somebody sleeps for ever", "%+v", states[at])
			}
			done = append(done, at)
		}
	}
	ends := make([]bool, len(states))
	for len(done) > 0 {
		at := done[len(done)-1]
		done = done[:len(done)-1]
		if !ends[at] {
			ends[at] = true
			done = append(done, before[at]...)
		}
	}
	for at := range ends {
		if !ends[at] {
			require.Fail(t, "they go on for ever", "%+v", states[at])
		}
	}
	return len(states)
}

// TestEveryOrderOfThreeCallersIsRight goes through the machine of
// interleave_machine_test.go.
func TestEveryOrderOfThreeCallersIsRight(t *testing.T) {
	take := func(n int8) mOp { return mOp{'a', n} }
	back, limit := func(n int8) mOp { return mOp{'r', n} }, func(n int8) mOp { return mOp{'s', n} }
	type ops = [mOps]mOp
	pair := func(n int8) ops { return ops{take(n), back(0)} }
	for _, m := range []machine{
		{name: "three take two of three", ops: [mActors]ops{pair(2), pair(2), pair(2)}},
		{name: "one wants everything", ops: [mActors]ops{pair(mWantAll), pair(1), pair(3)}},
		{name: "two want everything", ops: [mActors]ops{pair(mWantAll), pair(mWantAll), pair(1)}},
		{name: "one releases in pieces what it took as a whole", ops: [mActors]ops{{take(mWantAll), back(1), back(2)}, pair(2), pair(mWantAll)}},
		{name: "the limit rises", ops: [mActors]ops{pair(3), pair(2), {limit(5)}}},
		{name: "the limit falls", ops: [mActors]ops{pair(2), pair(2), {limit(2)}}},
		{name: "the limit falls below a request", ops: [mActors]ops{pair(3), pair(3), {limit(2)}}},
		{name: "the limit rises and falls under an AcquireAll", ops: [mActors]ops{pair(mWantAll), pair(2), {limit(5), limit(2)}}},
		{name: "two set the limit", ops: [mActors]ops{{limit(2), limit(5)}, {limit(4)}, pair(2)}},
		{name: "all after the limit rose", ops: [mActors]ops{{limit(5), take(4), back(0)}, pair(2), pair(mWantAll)}},
		{name: "all after the limit fell", ops: [mActors]ops{{limit(1), take(1), back(0)}, pair(1), {limit(2)}}},
		{name: "one releases too much", ops: [mActors]ops{pair(3), pair(1), {back(7)}}, wrong: [mActors]bool{2: true}},
		{name: "two release too much", ops: [mActors]ops{{take(2), back(1), back(1)}, {back(7)}, {back(6)}}, wrong: [mActors]bool{1: true, 2: true}},
		{name: "one releases too much under an AcquireAll", ops: [mActors]ops{pair(mWantAll), pair(1), {back(7)}}, wrong: [mActors]bool{2: true}},
		{name: "the same, and the limit rises", ops: [mActors]ops{{take(mWantAll), limit(5), back(3)}, pair(1), {back(7)}}, wrong: [mActors]bool{2: true}},
		{
			name: "one releases too much after the limit fell and while it rises",
			ops:  [mActors]ops{{limit(2), take(2), back(0)}, {take(1), back(0), limit(4)}, {back(7)}}, wrong: [mActors]bool{2: true},
		},
		{
			name: "two release too much under an AcquireAll, and the limit rises",
			ops:  [mActors]ops{{take(mWantAll), limit(5), back(3)}, {back(7)}, {back(6)}}, wrong: [mActors]bool{1: true, 2: true},
		},
		{name: "one releases too much while the limit rises", ops: [mActors]ops{pair(3), {limit(5)}, {back(7)}}, wrong: [mActors]bool{2: true}},
		{name: "one releases what nobody has while the limit moves", ops: [mActors]ops{{limit(2), limit(3)}, {limit(1)}, {back(1)}}, wrong: [mActors]bool{2: true}},
		{name: "one releases too much while the limit falls", ops: [mActors]ops{pair(2), {limit(2), limit(3)}, {back(7)}}, wrong: [mActors]bool{2: true}},
	} {
		t.Run(m.name, func(t *testing.T) {
			for _, m.fifo = range []bool{false, true} {
				t.Logf("fifo %t: %d states", m.fifo, m.explore(t))
			}
		})
	}
}
