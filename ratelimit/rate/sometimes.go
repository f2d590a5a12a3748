package rate

import (
	"sync"
	"time"

	"github.com/weirkit/weir/internal/mono"
)

// Sometimes runs a function now and then: on the First calls, on Every so many of
// them, and whenever an Interval has passed since it last ran. One of the three is
// enough, and the very first call always runs it; so the zero Sometimes runs it
// once. The fields are read by each Do and must not change after the first. A
// Sometimes must not be copied after that, and is safe for concurrent use.
type Sometimes struct {
	First    int           // run on so many first calls
	Every    int           // run on calls 0, Every, 2*Every ...; 0: not for that
	Interval time.Duration // run when so long has passed; 0: not for that

	// mu is held while the function runs: that calls run one after the other is
	// what programs have been promised, and what their functions rely on.
	mu    sync.Mutex
	count int // calls so far
	ran   bool
	clock mono.Clock // begins at the last run
}

// Do runs f, or not. Another Do waits until f returns, so f should be quick, and
// must not call Do of the same Sometimes. A call whose f panicked does not count.
func (s *Sometimes) Do(f func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.count == 0 || s.count < s.First || s.Every > 0 && s.count%s.Every == 0 || s.Interval > 0 && s.due() {
		f()
		if s.Interval > 0 {
			s.ran, s.clock = true, mono.New()
		}
	}
	s.count++
}

func (s *Sometimes) due() bool { return !s.ran || s.clock.Now() >= int64(s.Interval) }
