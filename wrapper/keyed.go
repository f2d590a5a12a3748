package wrapper

import (
	"context"
	"sync"

	"github.com/weirkit/weir/internal/ctxerr"
	"github.com/weirkit/weir/internal/list"
	"github.com/weirkit/weir/internal/mono"
)

// Keyed is a wrapper for each key: a host, a tenant, a queue. Make it with
// NewKeyed; the zero value is not usable. It must not be copied, and is safe for
// concurrent use.
//
// A wrapper is made when its key is first used. It is forgotten when no call of
// it runs and it was not used for the time of IdleAfter, or earlier, the one that
// went unused for longest first, if there would be more than MaxKeys. What its
// parts know goes with it: a new wrapper of the same key begins with a full bucket
// and a closed breaker. If all keys that there may be have calls running, a call
// with a new key gets ErrTooManyKeys.
//
// Cost: two short critical sections of one mutex for each call. There is no
// goroutine and no timer: what is idle goes when other calls come.
type Keyed[K comparable] struct {
	make  func(key K) []Layer
	cfg   keyedConfig
	clock mono.Clock

	mu     sync.Mutex
	keys   map[K]*keyedEntry[K]
	idle   list.List[keyedEntry[K], *keyedEntry[K]] // the one that went unused for longest first
	closed bool
}

// keyedEntry is the wrapper of a key. The mutex of its Keyed guards it.
type keyedEntry[K comparable] struct {
	list.Node[keyedEntry[K]]

	key   K
	w     *Wrapper
	calls int
	since int64 // idle since then
}

// Links is for package list.
func (e *keyedEntry[K]) Links() *list.Node[keyedEntry[K]] { return &e.Node }

// NewKeyed returns a wrapper for each key, of the layers that layers returns
// for it. Parts that belong to all keys are returned for each: one semaphore for
// the whole program, and a limiter and a breaker for each host. layers may be
// called at the same time for several keys, and twice for one.
func NewKeyed[K comparable](layers func(key K) []Layer, opts ...KeyedOption) *Keyed[K] {
	if layers == nil {
		panic("wrapper: NewKeyed needs a function that returns the layers of a key, got nil")
	}
	checkOptions("NewKeyed", opts)
	return &Keyed[K]{make: layers, cfg: newKeyedConfig(opts), clock: mono.New(), keys: map[K]*keyedEntry[K]{}}
}

// Do is Wrapper.Do with the wrapper of key. It panics if key is not equal to
// itself, as NaN.
func (k *Keyed[K]) Do(ctx context.Context, key K, fn func(context.Context) error) error {
	needsFunction("Do", fn != nil)
	e, err := k.enter(ctx, key)
	if err != nil {
		return err
	}
	defer k.leave(e)
	return e.w.Do(ctx, fn)
}

// DoKeyed is Do with the wrapper of key.
func DoKeyed[K comparable, T any](ctx context.Context, k *Keyed[K], key K, fn func(context.Context) (T, error), opts ...DoOption[T]) (T, error) {
	needsFunction("DoKeyed", fn != nil)
	checkOptions("DoKeyed", opts)
	e, err := k.enter(ctx, key)
	if err != nil {
		var c doConfig[T]
		for _, o := range opts {
			o.apply(&c)
		}
		if c.fallback != nil {
			return c.fallback(ctx, err)
		}
		var zero T
		return zero, err
	}
	defer k.leave(e)
	return Do(ctx, e.w, fn, opts...)
}

// enter counts a call into the entry of key. A call that is over takes no place
// from another key.
func (k *Keyed[K]) enter(ctx context.Context, key K) (*keyedEntry[K], error) {
	k.mustBeMade()
	if key != key { // it would never be found again, nor forgotten
		panic("wrapper: a key must be equal to itself, which NaN is not")
	}
	if ctx.Err() != nil {
		return nil, ctxerr.Of(ctx)
	}
	e, err := k.use(key, nil)
	if e != nil || err != nil {
		return e, err
	}
	return k.use(key, Compose(k.make(key)...)) // made outside the mutex: it is user code
}

// mustBeMade panics unless NewKeyed made k.
func (k *Keyed[K]) mustBeMade() {
	if k == nil {
		panic("wrapper: a Keyed is needed, got nil; make one with NewKeyed")
	}
	if k.make == nil {
		panic("wrapper: the zero Keyed is not usable, make one with NewKeyed")
	}
}

// use counts a call into the entry of key. Without one it makes one of fresh, or
// returns nil if that is nil.
func (k *Keyed[K]) use(key K, fresh *Wrapper) (*keyedEntry[K], error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.closed {
		return nil, ErrClosed
	}
	e := k.keys[key]
	if e == nil {
		if fresh == nil {
			return nil, nil //nolint:nilnil // neither is there
		}
		if !k.roomLocked() {
			return nil, ErrTooManyKeys
		}
		e = &keyedEntry[K]{key: key, w: fresh}
		k.keys[key] = e
	}
	k.idle.Remove(e)
	e.calls++
	return e, nil
}

// roomLocked makes room for one more key, if that can be.
func (k *Keyed[K]) roomLocked() bool {
	k.expireLocked()
	if len(k.keys) < k.cfg.maxKeys {
		return true
	}
	e := k.idle.PopFront()
	if e == nil {
		return false
	}
	delete(k.keys, e.key)
	return true
}

// expireLocked forgets what was idle for too long.
func (k *Keyed[K]) expireLocked() {
	limit := k.clock.Now() - int64(k.cfg.idleAfter)
	for e := k.idle.Front(); e != nil && e.since <= limit; e = k.idle.Front() {
		k.idle.Remove(e)
		delete(k.keys, e.key)
	}
}

// leave counts a call out.
func (k *Keyed[K]) leave(e *keyedEntry[K]) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if e.calls--; e.calls > 0 {
		return
	}
	e.since = k.clock.Now()
	k.idle.PushBack(e)
	k.expireLocked()
}

// Len returns the number of keys that have a wrapper.
func (k *Keyed[K]) Len() int {
	k.mustBeMade()
	k.mu.Lock()
	defer k.mu.Unlock()
	return len(k.keys)
}

// Close refuses new calls of all keys with ErrClosed and waits for those
// running. It is idempotent and always returns nil.
func (k *Keyed[K]) Close() error { return k.Shutdown(context.Background()) }

// Shutdown is Close that waits no longer than ctx.
func (k *Keyed[K]) Shutdown(ctx context.Context) error {
	k.mustBeMade()
	k.mu.Lock()
	k.closed = true
	var running []*Wrapper
	for _, e := range k.keys {
		running = append(running, e.w)
	}
	k.mu.Unlock()
	for _, w := range running {
		if err := w.Shutdown(ctx); err != nil {
			return err
		}
	}
	return nil
}
