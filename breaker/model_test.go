package breaker_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/weirkit/weir/breaker"
)

// plan is the configuration of a model and of the breaker that is compared with
// it. Zero leaves a rule or a feature out.
type plan struct {
	consecutive, count int
	rate, slow         int // percent
	min                int
	over, window       time.Duration
	last               int
	stuck              int
	age                time.Duration

	openFor, openMax         time.Duration
	probes, need             int
	lease, halfOpenFor, ramp time.Duration
}

func (p plan) rules() []breaker.Rule {
	var r []breaker.Rule
	if p.consecutive > 0 {
		r = append(r, breaker.ConsecutiveFailures(p.consecutive))
	}
	if p.count > 0 {
		r = append(r, breaker.FailureCount(p.count))
	}
	if p.rate > 0 {
		r = append(r, breaker.FailureRate(float64(p.rate)/100, p.min))
	}
	if p.slow > 0 {
		r = append(r, breaker.SlowCallRate(p.over, float64(p.slow)/100, p.min))
	}
	if p.stuck > 0 {
		r = append(r, breaker.StuckCalls(p.age, p.stuck))
	}
	if p.last > 0 {
		return append(r, breaker.CountWindow(p.last))
	}
	return append(r, breaker.Window(p.window))
}

func (p plan) options() []breaker.Option {
	o := []breaker.Option{
		breaker.OpenFor(p.openFor), breaker.HalfOpenProbes(p.probes), breaker.ProbeLease(p.lease),
		breaker.CloseRatio(float64(p.need) / float64(p.probes)),
	}
	for _, r := range p.rules() {
		o = append(o, r)
	}
	if p.openMax > 0 {
		o = append(o, breaker.OpenGrowth(p.openMax))
	}
	if p.halfOpenFor > 0 {
		o = append(o, breaker.HalfOpenFor(p.halfOpenFor))
	}
	if p.ramp > 0 {
		o = append(o, breaker.RampUp(p.ramp))
	}
	return o
}

// outcome is one entry of the model's log.
type outcome struct {
	at           time.Duration
	failed, slow bool
}

// pass is a permit in the model.
type pass struct {
	gen   uint64
	begin time.Duration
	probe bool
	ended bool
	late  bool // the lease is over
	epoch int  // of StuckCalls; -1: not followed
}

// model is a breaker as one would explain it: one caller at a time, no word, no
// timer, no buckets but a log that is looked through.
type model struct {
	plan
	now  time.Duration
	st   breaker.State
	mode breaker.Mode
	gen  uint64

	row                  int
	log                  []outcome
	anchor               time.Duration // where the steps of the window began
	open                 time.Duration // open until; 0: for ever
	half                 time.Duration // half-open until; 0: for ever
	closedAt, openTime   time.Duration
	streak               int
	passed, failed       int
	probing              []*pass
	rampAt               time.Duration
	rampStep, turn       int
	flying               []*pass
	flyAnchor            time.Duration
	flyEpoch             int
	following            bool
	openings, suppressed int64
	expired              int64
	met, stuckMet        bool
}

func (m *model) enter(s breaker.State) {
	m.st = s
	m.gen++
	m.open, m.half = 0, 0
	m.passed, m.failed, m.probing = 0, 0, nil
	m.rampStep = 0
	m.forget()
	m.unfollow()
}

func (m *model) forget()   { m.row, m.log, m.met = 0, nil, false }
func (m *model) unfollow() { m.flying, m.following, m.stuckMet = nil, false, false }

// heal ends an outage that is long over when the next one begins.
func (m *model) heal() {
	if m.st == breaker.Closed && m.now-m.closedAt >= m.openTime {
		m.streak = 0
	}
}

func (m *model) trip() {
	m.heal()
	d := m.openFor
	for range m.streak {
		if m.openMax > 0 {
			d = min(2*d, m.openMax)
		}
	}
	m.streak++
	m.openTime = d
	m.openings++
	m.enter(breaker.Open)
	m.open = m.now + d
}

func (m *model) halfOpen() {
	m.enter(breaker.HalfOpen)
	if m.halfOpenFor > 0 {
		m.half = m.now + m.halfOpenFor
	}
}

func (m *model) closed(gradual bool) {
	m.enter(breaker.Closed)
	m.closedAt = m.now
	if gradual && m.ramp > 0 {
		m.rampStep, m.turn, m.rampAt = 1, 0, m.now+m.ramp/10
	}
}

// mayTrip notes a rule that is met in vain.
func (m *model) mayTrip(noted *bool) bool {
	if m.mode == breaker.Automatic {
		return true
	}
	if !*noted {
		*noted = true
		m.suppressed++
	}
	return false
}

func (m *model) judge() {
	switch {
	case m.passed >= m.need:
		m.closed(true)
	case m.failed > m.probes-m.need:
		m.trip()
	}
}

// seen is the part of the log that the window shows.
func (m *model) seen() (calls, failed, slow int) {
	for _, o := range m.log {
		calls++
		if o.failed {
			failed++
		}
		if o.slow {
			slow++
		}
	}
	return calls, failed, slow
}

// prune drops what the window has left behind.
func (m *model) prune() {
	if m.last > 0 {
		m.log = m.log[max(len(m.log)-m.last, 0):]
		return
	}
	step := m.window / 10
	m.log = slices.DeleteFunc(m.log, func(o outcome) bool {
		begin := (o.at - m.anchor) / step * step
		return m.now-m.anchor >= begin+m.window
	})
}

func (m *model) record(failed, slow bool) {
	if failed {
		m.row++
	} else {
		m.row = 0
	}
	tallied := m.rate > 0 || m.slow > 0
	if !tallied && (m.count == 0 || !failed && m.last == 0) {
		return
	}
	if len(m.log) == 0 {
		m.anchor = m.now
	}
	m.log = append(m.log, outcome{m.now, failed, slow})
	m.prune()
}

func (m *model) met0() bool {
	calls, failed, slow := m.seen()
	return m.consecutive > 0 && m.row >= m.consecutive ||
		m.count > 0 && failed >= m.count ||
		m.rate > 0 && calls >= m.min && failed > 0 && failed*100 >= m.rate*calls ||
		m.slow > 0 && calls >= m.min && slow > 0 && slow*100 >= m.slow*calls
}

func (m *model) acquire() *pass {
	p := &pass{begin: m.now, epoch: -1}
	switch m.st {
	case breaker.Open:
		return nil
	case breaker.HalfOpen:
		if len(m.probing)+m.passed+m.failed >= m.probes {
			return nil
		}
		p.probe = true
		m.probing = append(m.probing, p)
	case breaker.Closed:
		m.turn++
		if s := m.rampStep; s > 0 && m.turn*s/10 == (m.turn-1)*s/10 {
			return nil
		}
		if m.stuck > 0 && m.mode != breaker.ForcedClosed {
			if !m.following {
				m.following, m.flyAnchor, m.flyEpoch = true, m.now, 0
			}
			p.epoch = m.flyEpoch
			m.flying = append(m.flying, p)
		}
	}
	p.gen = m.gen
	return p
}

func (m *model) end(p *pass, o breaker.Outcome) {
	if p.ended || p.gen != m.gen || p.late {
		p.ended = true
		return
	}
	p.ended = true
	m.flying = slices.DeleteFunc(m.flying, func(q *pass) bool { return q == p })
	slow := m.slow > 0 && m.now-p.begin > m.over
	if m.st == breaker.HalfOpen {
		m.probing = slices.DeleteFunc(m.probing, func(q *pass) bool { return q == p })
		switch {
		case o == breaker.Success && !slow:
			m.passed++
		case o != breaker.Ignored:
			m.failed++
		}
		m.judge()
		return
	}
	if o == breaker.Ignored || m.mode == breaker.ForcedClosed {
		return
	}
	m.record(o == breaker.Failure, slow)
	if !m.met0() {
		m.met = false
	} else if m.mayTrip(&m.met) {
		m.trip()
	}
}

// stuckNow is the number of calls that are too old.
func (m *model) stuckNow() (n int) {
	for _, p := range m.flying {
		if m.flyEpoch-p.epoch >= 9 {
			n++
		}
	}
	return n
}

// advance lets d pass, one due moment after the other.
func (m *model) advance(d time.Duration) {
	end := m.now + d
	for {
		next := end + 1
		consider := func(at time.Duration, wanted bool) {
			if wanted {
				next = min(next, at)
			}
		}
		consider(m.open, m.open > 0)
		consider(m.half, m.half > 0)
		consider(m.rampAt, m.rampStep > 0)
		consider(m.flyAnchor+time.Duration(m.flyEpoch+1)*(m.age/8), m.following)
		for _, p := range m.probing {
			consider(p.begin+m.lease, true)
		}
		if next > end {
			break
		}
		m.now = next
		m.due()
	}
	m.now = end
	m.prune()
}

// due does what is due now, one thing.
func (m *model) due() {
	switch {
	case m.following && m.now == m.flyAnchor+time.Duration(m.flyEpoch+1)*(m.age/8):
		m.flyEpoch++
		m.following = len(m.flying) > 0
		m.prune()
		if m.stuckNow() < m.stuck {
			m.stuckMet = false
		} else if m.mayTrip(&m.stuckMet) {
			m.trip()
		}
	case m.rampStep > 0 && m.now == m.rampAt:
		m.rampStep = (m.rampStep + 1) % 10
		m.rampAt += m.ramp / 10
	case m.open > 0 && m.now == m.open:
		m.halfOpen()
	case len(m.probing) > 0 && m.now == m.probing[0].begin+m.lease:
		m.probing[0].late = true
		m.probing = m.probing[1:]
		m.failed++
		m.expired++
		m.judge()
	default:
		m.trip() // half-open for too long
	}
}

func (m *model) hold(mode breaker.Mode) {
	m.mode = mode
	if m.st != breaker.Closed {
		m.closed(false)
	}
	m.rampStep = 0
}

func (m *model) force(op int) {
	switch op {
	case 0:
		m.mode = breaker.ForcedOpen
		if m.st != breaker.Open {
			m.heal()
			m.openings++
			m.enter(breaker.Open)
		}
		m.open = 0
	case 1:
		m.hold(breaker.ForcedClosed)
		m.forget()
		m.unfollow()
	case 2:
		m.hold(breaker.Disabled)
	case 3:
		was := m.mode
		m.mode = breaker.Automatic
		if was == breaker.ForcedOpen {
			m.halfOpen()
		}
	case 4:
		m.hold(breaker.Automatic)
		m.forget()
		m.streak, m.openTime = 0, 0
	case 5:
		m.forget()
		m.unfollow()
	}
}

func force(b *breaker.Breaker, p plan, op int) {
	switch op {
	case 0:
		b.ForceOpen(errDown)
	case 1:
		b.ForceClosed()
	case 2:
		b.Disable()
	case 3:
		b.Resume()
	case 4:
		b.Reset()
	case 5:
		b.SetRules(p.rules()...)
	}
}

// seenState is what is compared after each step.
type seenState struct {
	State                           breaker.State
	Mode                            breaker.Mode
	Gen                             uint64
	Row, Calls, Failed, Slow, Stuck int64
	Probes                          int
	Openings, Suppressed, Expired   int64
	NextProbe                       time.Duration
}

func (m *model) look() seenState {
	s := seenState{State: m.st, Mode: m.mode, Gen: m.gen, Probes: len(m.probing),
		Openings: m.openings, Suppressed: m.suppressed, Expired: m.expired,
		NextProbe: m.open, Row: -1, Calls: -1, Failed: -1, Slow: -1, Stuck: -1}
	calls, failed, slow := m.seen()
	if m.consecutive > 0 {
		s.Row = int64(m.row)
	}
	tallied := m.rate > 0 || m.slow > 0
	if tallied || m.last > 0 && m.count > 0 {
		s.Calls = int64(calls)
	}
	if tallied || m.count > 0 {
		s.Failed = int64(failed)
	}
	if m.slow > 0 {
		s.Slow = int64(slow)
	}
	if m.stuck > 0 {
		s.Stuck = int64(m.stuckNow())
	}
	return s
}

func look(b *breaker.Breaker, start time.Time) seenState {
	s := b.Stats()
	next := time.Duration(0)
	if !s.NextProbeAt.IsZero() {
		next = s.NextProbeAt.Sub(start)
	}
	return seenState{State: b.State(), Mode: s.Mode, Gen: s.Generation, Row: s.ConsecutiveFailures,
		Calls: s.WindowCalls, Failed: s.WindowFailures, Slow: s.WindowSlow, Stuck: s.Stuck,
		Probes: s.Probes, Openings: s.Openings, Suppressed: s.Suppressed, Expired: s.Expired, NextProbe: next}
}

// script yields choices out of bytes, zeros at the end.
type script []byte

func (s *script) pick(n int) int {
	if len(*s) == 0 {
		return 0
	}
	b := (*s)[0]
	*s = (*s)[1:]
	return int(b) % n
}

func draw(s *script) plan {
	const unit = 40 * time.Millisecond // every length is a multiple, so that moments meet
	some := func(of ...int) int { return of[s.pick(len(of))] }
	p := plan{
		consecutive: some(0, 1, 2, 3),
		count:       some(0, 0, 2, 4),
		rate:        some(0, 0, 50, 33, 100),
		slow:        some(0, 0, 0, 50),
		min:         some(1, 3, 4),
		over:        unit * time.Duration(some(1, 3, 50)),
		window:      10 * unit * time.Duration(some(1, 4)),
		last:        some(0, 0, 4, 6),
		stuck:       some(0, 0, 0, 1, 2),
		age:         8 * unit * time.Duration(some(1, 2)),
		openFor:     unit * time.Duration(some(1, 5, 10)),
		openMax:     unit * time.Duration(some(0, 0, 30)),
		probes:      some(1, 2, 3, 5),
		lease:       unit * time.Duration(some(1, 7, 100)),
		halfOpenFor: unit * time.Duration(some(0, 0, 9)),
		ramp:        10 * unit * time.Duration(some(0, 0, 1, 3)),
	}
	p.need = 1 + s.pick(p.probes)
	if p.consecutive+p.count+p.rate+p.slow+p.stuck == 0 {
		p.consecutive = 2
	}
	return p
}

// compare runs a script against a breaker and the model.
func compare(t *testing.T, data []byte) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		s := script(data)
		p := draw(&s)
		start := time.Now()
		b, m := breaker.New(p.options()...), &model{plan: p}
		var permits []*breaker.Permit
		var passes []*pass
		var trace []string
		for len(s) > 0 {
			var step string
			switch op := s.pick(16); {
			case op < 5:
				step = "acquire"
				permit, ok := b.QuickAcquire(t.Context())
				if !ok || op < 3 { // it takes nothing that would have to be given back
					var err error
					permit, err = b.Acquire(t.Context())
					ok = err == nil
				}
				q := m.acquire()
				require.Equal(t, q != nil, ok, "%+v\n%v\nadmitted", p, trace)
				if ok {
					permits, passes = append(permits, &permit), append(passes, q)
				}
			case op < 11 && len(permits) > 0:
				i := s.pick(len(permits))
				o := []breaker.Outcome{breaker.Failure, breaker.Success, breaker.Failure, breaker.Ignored}[s.pick(4)]
				step = fmt.Sprint("end ", i, o)
				switch o {
				case breaker.Success:
					permits[i].Done(nil)
				case breaker.Failure:
					permits[i].Done(errDown)
				case breaker.Ignored:
					permits[i].Cancel()
				}
				m.end(passes[i], o)
			case op < 15:
				d := 20 * time.Millisecond * time.Duration([]int{1, 2, 4, 8, 20, 70}[s.pick(6)])
				step = fmt.Sprint("advance ", d)
				time.Sleep(d)
				m.advance(d)
			default:
				f := s.pick(6)
				step = fmt.Sprint("force ", f)
				force(b, p, f)
				m.force(f)
			}
			trace = append(trace, step)
			require.Equal(t, m.look(), look(b, start), "%+v\n%v", p, trace)
		}
	})
}

func FuzzAgainstTheModel(f *testing.F) {
	for seed := range uint64(20) {
		f.Add(randomScript(seed, 80))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		if len(data) > 400 {
			return
		}
		compare(t, data)
	})
}

func randomScript(seed uint64, n int) []byte {
	r := rand.New(rand.NewPCG(seed, 1))
	data := make([]byte, n)
	for i := range data {
		data[i] = byte(r.Uint32())
	}
	return data
}

func TestRandomScriptsAgainstTheModel(t *testing.T) {
	n := 3000
	if testing.Short() {
		n = 300
	}
	for seed := range uint64(n) {
		compare(t, randomScript(seed, 40+int(seed%200)))
		if t.Failed() {
			t.Fatalf("seed %d", seed)
		}
	}
}
