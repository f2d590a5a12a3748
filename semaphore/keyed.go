package semaphore

import (
	"context"
	"hash/maphash"
	"sync"
	"sync/atomic"

	"github.com/weirkit/weir/internal/ctxerr"
	"github.com/weirkit/weir/internal/waiting"
)

// Keyed is a semaphore for each key: so many calls to one host, jobs of one
// tenant. Make it with [NewKeyed]; it must not be copied, and is safe for
// concurrent use.
//
// A key exists while somebody holds one of its permits or waits for one, and
// not a moment longer: an idle semaphore is as good as a new one, so dropping it
// forgets nothing. At most [MaxKeys] keys exist at once.
//
// Cost: one map access under the lock of one of 32 shards, beside what the
// [Semaphore] costs. A key that comes back soon allocates nothing.
type Keyed[K comparable] struct {
	cfg    config
	seed   maphash.Seed
	counts waiting.Counts

	keys   atomic.Int64
	limit  atomic.Int64
	closed atomic.Bool
	shards [keyShards]keyShard[K]
	setMu  sync.Mutex // one SetLimit at a time
}

const (
	keyShards = 32
	keySpares = 4 // idle semaphores that a shard keeps for the next key
)

// keyShard holds some of the keys.
type keyShard[K comparable] struct {
	mu     sync.Mutex
	byKey  map[K]*keyEntry
	spares []*keyEntry
	_      [64]byte // shards side by side are locked by different cores
}

// keyEntry is one key that is in use: pins > 0 or permits of s held.
type keyEntry struct {
	s    *Semaphore
	pins int // callers that are between looking it up and having their answer
}

// NewKeyed returns a semaphore of limit permits for each key. It panics if
// limit is not between 1 and [MaxLimit].
func NewKeyed[K comparable](limit int64, opts ...Option) *Keyed[K] {
	checkLimit(limit)
	k := &Keyed[K]{cfg: newConfig("NewKeyed", opts), seed: maphash.MakeSeed()}
	k.limit.Store(limit)
	return k
}

// Acquire takes n permits of key, waiting until they are there. Its errors are
// those of [Semaphore.Acquire], and [ErrTooManyKeys].
func (k *Keyed[K]) Acquire(ctx context.Context, key K, n int64) error {
	return k.acquire(ctx, key, n, 0)
}

// AcquirePriority is Acquire with a place in the queue of the key: see
// [Semaphore.AcquirePriority].
func (k *Keyed[K]) AcquirePriority(ctx context.Context, key K, n int64, priority int) error {
	checkPriority(priority)
	return k.acquire(ctx, key, n, priority)
}

func (k *Keyed[K]) acquire(ctx context.Context, key K, n int64, priority int) error {
	mustNotBeNegative(n)
	if err := ctxerr.Of(ctx); err != nil {
		return err
	}
	if n == 0 {
		if k.closed.Load() {
			return k.refuse(n, priority, ErrClosed)
		}
		k.countAcquired()
		return nil
	}
	sh := k.shard(key)
	sh.mu.Lock()
	e, err := k.entry(sh, key)
	if err != nil {
		sh.mu.Unlock()
		return k.refuse(n, priority, err)
	}
	if priority == 0 && e.s.TryAcquire(n) {
		sh.mu.Unlock()
		return nil
	}
	e.pins++
	sh.mu.Unlock()
	defer func() { // also if an event panics
		sh.mu.Lock()
		e.pins--
		k.tidy(sh, key, e)
		sh.mu.Unlock()
	}()
	if priority != 0 {
		return e.s.AcquirePriority(ctx, n, priority)
	}
	return e.s.Acquire(ctx, n)
}

// TryAcquire takes n permits of key if they are free and reports whether it
// did; it never waits.
func (k *Keyed[K]) TryAcquire(key K, n int64) bool {
	mustNotBeNegative(n)
	if n == 0 {
		open := !k.closed.Load()
		if open {
			k.countAcquired()
		}
		return open
	}
	sh := k.shard(key)
	sh.mu.Lock()
	defer sh.mu.Unlock()
	e, err := k.entry(sh, key)
	if err != nil {
		return false
	}
	ok := e.s.TryAcquire(n)
	k.tidy(sh, key, e)
	return ok
}

// Release gives n permits of key back. It panics, and leaves everything as it
// was, if fewer are held or n is negative.
func (k *Keyed[K]) Release(key K, n int64) {
	mustNotBeNegative(n)
	if n == 0 {
		return
	}
	sh := k.shard(key)
	sh.mu.Lock()
	defer sh.mu.Unlock() // Release may panic
	e := sh.byKey[key]
	if e == nil {
		panicOverRelease(n, 0)
	}
	e.s.Release(n)
	k.tidy(sh, key, e)
}

// Do runs fn on this goroutine while holding one permit of key: see
// [Semaphore.Do].
func (k *Keyed[K]) Do(ctx context.Context, key K, fn func(context.Context) error) error {
	mustHave(fn != nil)
	if err := k.Acquire(ctx, key, 1); err != nil {
		return err
	}
	defer k.Release(key, 1)
	return fn(ctx)
}

func (k *Keyed[K]) shard(key K) *keyShard[K] {
	if k.seed == (maphash.Seed{}) {
		panic("semaphore: a Keyed must be made by NewKeyed, this one is a zero value")
	}
	if key != key { // true for NaN alone
		panic("semaphore: a key must be equal to itself, which NaN is not")
	}
	return &k.shards[maphash.Comparable(k.seed, key)%keyShards]
}

// entry returns the entry of key and makes it if need be. sh.mu is held.
func (k *Keyed[K]) entry(sh *keyShard[K], key K) (*keyEntry, error) {
	if e := sh.byKey[key]; e != nil {
		return e, nil
	}
	if k.closed.Load() {
		return nil, ErrClosed
	}
	for n := k.keys.Load(); ; n = k.keys.Load() {
		if n >= k.cfg.maxKeys {
			return nil, ErrTooManyKeys
		}
		if k.keys.CompareAndSwap(n, n+1) {
			break
		}
	}
	if sh.byKey == nil {
		sh.byKey = make(map[K]*keyEntry)
	}
	var e *keyEntry
	if last := len(sh.spares) - 1; last >= 0 {
		e, sh.spares = sh.spares[last], sh.spares[:last]
	} else {
		e = &keyEntry{s: newSemaphore(k.limit.Load(), k.cfg, &k.counts)}
	}
	sh.byKey[key] = e
	return e, nil
}

// tidy drops the entry of key if nobody uses it. sh.mu is held, and whoever
// acquires or waits has pinned the entry under it, so idle is idle.
func (k *Keyed[K]) tidy(sh *keyShard[K], key K, e *keyEntry) {
	if e.pins > 0 || e.s.Held() > 0 {
		return
	}
	delete(sh.byKey, key)
	k.keys.Add(-1)
	if len(sh.spares) < keySpares && e.s.word.Load() == bias { // one that was resized or closed is slower

		sh.spares = append(sh.spares, e)
	}
}

func (k *Keyed[K]) countAcquired() {
	if k.cfg.acquired != nil {
		k.cfg.acquired.Add(1)
	}
}

// refuse counts and tells a refusal that no semaphore of a key made.
func (k *Keyed[K]) refuse(n int64, priority int, err error) error {
	k.counts.Rejected.Add(1)
	if f := k.cfg.events.Rejected; f != nil {
		f(Event{N: n, Priority: priority, Err: err})
	}
	return err
}

// each calls f for every semaphore there is, with the lock of its shard held, and
// before, if it is not nil, do for each shard.
func (k *Keyed[K]) each(do func(*keyShard[K]), f func(*Semaphore)) {
	for i := range k.shards {
		sh := &k.shards[i]
		sh.mu.Lock()
		if do != nil {
			do(sh)
		}
		for _, e := range sh.byKey {
			f(e.s)
		}
		sh.mu.Unlock()
	}
}

// SetLimit changes the limit of every key, as [Semaphore.SetLimit] does. It
// takes time in proportion to the number of keys in use.
func (k *Keyed[K]) SetLimit(limit int64) {
	checkLimit(limit)
	k.setMu.Lock()
	defer k.setMu.Unlock()
	k.limit.Store(limit) // a key that comes from here on has it
	k.each(func(sh *keyShard[K]) { sh.spares = nil }, func(s *Semaphore) { s.SetLimit(limit) })
}

// Close makes every acquisition fail with [ErrClosed] from now on, also those
// that wait. Permits that are held are released as ever.
func (k *Keyed[K]) Close() {
	k.closed.Store(true) // no key comes from here on
	k.each(func(sh *keyShard[K]) { sh.spares = nil }, (*Semaphore).Close)
}
