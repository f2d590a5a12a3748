package wrapper_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/weirkit/weir/wrapper"
)

// subject is a context with what grows from it.
type subject struct {
	start        starter
	parent       context.Context
	ctx          context.Context
	end          context.CancelFunc
	cause        error
	cancelParent func()
	children     []context.Context
	cancels      []func()
	fired        []*atomic.Int64
	stops        []func() bool
}

func newSubject(start starter, parent int) *subject {
	s := &subject{start: start}
	s.parent, s.cancelParent = parents[parent].make(start)
	s.ctx, s.end, s.cause = start(s.parent, limit)
	return s
}

// do performs op and says what could be seen of it.
func (s *subject) do(op byte) string {
	seen := ""
	switch op {
	case 'e':
		seen = s.name(s.ctx.Err())
	case 'c':
		seen = s.name(context.Cause(s.ctx))
	case 'd':
		seen = fmt.Sprint(closed(s.ctx.Done()))
	case 'v':
		seen = fmt.Sprint(s.ctx.Value(key("k")), s.ctx.Value(7))
	case 'l':
		at, ok := s.ctx.Deadline()
		seen = fmt.Sprint(at.UnixNano(), ok)
	case 's':
		time.Sleep(30 * time.Millisecond)
	case 'S':
		time.Sleep(10 * time.Millisecond)
	case 'p':
		s.cancelParent()
		if _, ok := s.parent.(*foreign); !ok { // whose children hear of it through a goroutine
			seen = s.sight()
		}
	case 'x':
		s.end()
		seen = s.sight()
	case 'q':
		if len(s.cancels) > 0 {
			s.cancels[0]()
		}
	case 'z':
		if len(s.stops) > 0 {
			seen = fmt.Sprint(s.stops[0]())
		}
	default:
		s.grow(op)
	}
	synctest.Wait()
	return seen
}

// grow lets something grow from s.
func (s *subject) grow(op byte) {
	behind := context.WithValue(s.ctx, key("k"), "child")
	switch op {
	case 'k':
		s.child(context.WithCancel(s.ctx))
	case 'K':
		s.child(context.WithCancel(behind))
	case 'g':
		if len(s.children) > 0 {
			s.child(context.WithCancel(s.children[len(s.children)-1]))
		}
	case 't':
		s.child(context.WithTimeoutCause(s.ctx, 41*time.Millisecond, errOuter))
	case 'n':
		ctx, cancel, _ := s.start(s.ctx, 41*time.Millisecond)
		s.child(ctx, cancel)
	case 'w':
		s.child(context.WithoutCancel(s.ctx), func() {})
	case 'a':
		s.after(s.ctx)
	case 'A':
		s.after(behind)
	}
}

func (s *subject) child(ctx context.Context, cancel context.CancelFunc) {
	s.children, s.cancels = append(s.children, ctx), append(s.cancels, cancel)
}

func (s *subject) after(ctx context.Context) {
	fired := &atomic.Int64{}
	s.fired = append(s.fired, fired)
	s.stops = append(s.stops, context.AfterFunc(ctx, func() { fired.Add(1) }))
}

// sight is what can be seen of s without a look at its context.
func (s *subject) sight() string {
	var seen strings.Builder
	for _, c := range s.children {
		at, ok := c.Deadline()
		fmt.Fprint(&seen, " child ", s.name(c.Err()), " ", s.name(context.Cause(c)), " ",
			c.Done() != nil && closed(c.Done()), " ", at.UnixNano(), ok)
	}
	return seen.String()
}

// state is all that can be seen of s.
func (s *subject) state() string {
	return fmt.Sprint(s.name(s.ctx.Err()), " ", s.name(context.Cause(s.ctx)), " ", closed(s.ctx.Done()), s.sight(), s.firings())
}

func (s *subject) firings() string {
	var seen strings.Builder
	for _, f := range s.fired {
		fmt.Fprint(&seen, " fired ", f.Load())
	}
	return seen.String()
}

// name tells errors apart by identity, as programs do that compare with ==.
func (s *subject) name(err error) string {
	if err == s.cause { //nolint:errorlint // identity is what is compared
		return "ours"
	}
	if slices.Contains([]error{nil, context.Canceled, context.DeadlineExceeded, errParent, errOuter}, err) {
		return fmt.Sprint(err)
	}
	if t, ok := err.(*wrapper.TimeoutError); ok { //nolint:errorlint // as above
		return fmt.Sprint("the timeout of ", t.Limit)
	}
	return fmt.Sprintf("unknown: %v", err)
}

func closed(ch <-chan struct{}) bool {
	select {
	case <-ch:
		return true
	default:
		return false
	}
}

func (s *subject) cleanUp() {
	s.end()
	s.cancelParent()
	for _, c := range s.cancels {
		c()
	}
	synctest.Wait()
}

// trial runs one history against the reference and against ours.
//
// looks says whether somebody asks for Err before the parent ends or the call
// returns. If nobody does, the reference may have seen our deadline where ours
// can only see the parent's end or the return: the one difference that is
// allowed. (A foreign parent that ends twice, with another cause the second
// time, is the same case.)
type trial struct {
	want, got  *subject
	returned   *subject // a reference whose call has returned at once, until ours has returned
	looks      bool
	begin      time.Time
	ended      bool // the parent
	blind      bool // the two need no longer be equal
	err, cause error
}

// before notes what an op is going to hide.
func (h *trial) before(op byte) {
	hides := h.returned != nil && op == 'x' || op == 'p'
	if hides && h.looks {
		_, _ = h.want.ctx.Err(), h.got.ctx.Err()
	}
	switch {
	case op == 'p':
		first := limit
		if wrapper.IsDeadline(h.got.parent) { // whose own return may hide its deadline
			first = sooner
		}
		if !h.looks && h.err == nil && (time.Since(h.begin) >= first || h.ended) {
			h.blind = true
		}
		h.ended = true
	case op == 'x' && h.returned != nil:
		if time.Since(h.begin) >= limit && !wrapper.DeadlineArmed(h.got.ctx) && h.got.parent.Err() == nil {
			h.want = h.returned
		}
		h.returned = nil
	}
	if h.returned != nil && strings.IndexByte("pwgq", op) >= 0 { // what arms nothing
		h.returned.do(op)
	}
}

// step performs op on both, for which a sleep passes at once, and compares.
func (h *trial) step(t *testing.T, op byte, history string) {
	t.Helper()
	h.before(op)
	w := h.want.do(op)
	g := w
	if op != 's' && op != 'S' {
		g = h.got.do(op)
	}
	if !h.blind {
		require.Equal(t, w, g, "of the last op in %s", history)
		require.Equal(t, h.want.sight()+h.want.firings(), h.got.sight()+h.got.firings(), "after %s", history)
	}
	if op == 'e' || op == 'c' {
		if err := h.got.ctx.Err(); err != nil && h.err == nil {
			h.err, h.cause = err, context.Cause(h.got.ctx)
		}
	}
	if h.err != nil {
		require.Equal(t, h.err, h.got.ctx.Err(), "Err changed in %s", history)
		require.Equal(t, h.cause, context.Cause(h.got.ctx), "Cause changed in %s", history)
	}
}

// conform runs ops against the reference and against ours, compares what can be
// seen after each, and that an end never changes.
func conform(t *testing.T, parent int, ops string, looks bool) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		h := &trial{looks: looks, begin: time.Now()}
		h.want, h.got = newSubject(reference, parent), newSubject(wrapper.StartDeadline, parent)
		defer h.got.cleanUp()
		defer h.want.cleanUp()
		h.returned = newSubject(reference, parent)
		defer h.returned.cleanUp()
		h.returned.end()
		for i := range ops {
			h.step(t, ops[i], parents[parent].name+": "+ops[:i+1])
		}
		if !h.blind {
			require.Equal(t, h.want.state(), h.got.state(), "%s: at the end of %s", parents[parent].name, ops)
		}
	})
}

func TestDeadlineConformsToContextOnEveryShortHistory(t *testing.T) {
	const alphabet = "ecdvspxkKa"
	for p := range parents {
		t.Run(parents[p].name, func(t *testing.T) {
			for a := range alphabet {
				for b := range alphabet {
					for c := range alphabet {
						conform(t, p, string([]byte{alphabet[a], alphabet[b], alphabet[c], 's', 's', 'e', 'x', 'c'}), true)
					}
				}
			}
		})
	}
}

func TestDeadlineConformsToContextOnRandomHistories(t *testing.T) {
	alphabets := []string{"eecdvlssssSSpxkKgtnwqaAz", "sssSSvlwpxeck"} // the second leaves time to pass before anybody listens
	rnd := rand.New(rand.NewPCG(1, 2))
	for i := range 6000 {
		alphabet, ops := alphabets[i%2], make([]byte, 3+rnd.IntN(14))
		for i := range ops {
			ops[i] = alphabet[rnd.IntN(len(alphabet))]
		}
		conform(t, rnd.IntN(len(parents)), string(ops), rnd.IntN(2) == 0)
	}
}

func FuzzDeadline(f *testing.F) {
	f.Add(1, "sssspce", false)
	f.Add(7, "asspxe", true)
	f.Add(3, "dKgAsssSce", true)
	f.Add(2, "cnkKpe", false)
	f.Add(1, "ssssxec", false)
	f.Fuzz(func(t *testing.T, parent int, ops string, looks bool) {
		if len(ops) > 40 || parent < 0 {
			t.Skip()
		}
		conform(t, parent%len(parents), ops, looks)
	})
}
