package semaphore_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"runtime"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/weirkit/weir/semaphore"
)

// conn is a connection to something.
type conn struct{ id int }

// A pool of connections: as many as there are permits, made when they are first
// needed. Whoever holds a permit finds an idle connection or makes one.
type pool struct {
	permits *semaphore.Semaphore
	mu      sync.Mutex
	idle    []*conn
	made    int
}

func (p *pool) with(ctx context.Context, use func(*conn) error) error {
	return p.permits.Do(ctx, func(context.Context) error {
		p.mu.Lock()
		var c *conn
		if last := len(p.idle) - 1; last >= 0 {
			c, p.idle = p.idle[last], p.idle[:last]
		} else {
			p.made++
			c = &conn{p.made}
		}
		p.mu.Unlock()
		defer func() {
			p.mu.Lock()
			p.idle = append(p.idle, c)
			p.mu.Unlock()
		}()
		return use(c)
	})
}

// drain closes the pool: nobody gets a connection any more, and when it returns
// nobody uses one.
func (p *pool) drain(ctx context.Context) error {
	n, err := p.permits.AcquireAll(ctx)
	if err != nil {
		return err
	}
	p.permits.Close()
	p.permits.Release(n)
	return nil
}

// A pool of at most three connections for ten users at once.
func Example_connectionPool() {
	ctx := context.Background()
	p := &pool{permits: semaphore.New(3, semaphore.MaxWaiters(100), semaphore.MaxWait(time.Minute))}
	var wg sync.WaitGroup
	for range 10 {
		wg.Go(func() {
			_ = p.with(ctx, func(*conn) error {
				runtime.Gosched() // use it
				return nil
			})
		})
	}
	wg.Wait()
	fmt.Println("at most three were made:", p.made <= 3)
	fmt.Println("drained:", p.drain(ctx))
	fmt.Println("after that:", p.with(ctx, func(*conn) error { return nil }))
	// Output:
	// at most three were made: true
	// drained: <nil>
	// after that: semaphore: closed
}

// Permits are bytes here: however many readers there are, they hold at most a
// mebibyte of buffers together, and one document that is larger than that is
// refused at once instead of waiting for ever.
func Example_byteBudget() {
	ctx := context.Background()
	budget := semaphore.New(1 << 20)

	read := func(r io.Reader, size int64) error {
		permit, err := budget.Permit(ctx, size)
		if err != nil {
			return err
		}
		defer permit.Release()
		_, err = io.ReadFull(r, make([]byte, size))
		return err
	}
	fmt.Println(read(strings.NewReader(strings.Repeat("x", 1000)), 1000))
	err := read(strings.NewReader(""), 2<<20)
	fmt.Println(errors.Is(err, semaphore.ErrTooLarge), err)
	fmt.Println("in use:", budget.Held())
	// Output:
	// <nil>
	// true semaphore: request exceeds the limit
	// in use: 0
}

// Interactive requests go before batch jobs, but a fifth of what is handed out
// is for the jobs, so that they go on under any load.
func Example_priorityLanes() {
	const batch, interactive = 0, 10
	ctx := context.Background()
	s := semaphore.New(1, semaphore.Share(batch, 20))
	s.TryAcquire(1) // busy, so that all the others queue up

	var mu sync.Mutex
	var order []string
	var wg sync.WaitGroup
	lane := func(name string, priority, callers int) {
		for range callers {
			waiting := s.Waiting()
			wg.Go(func() {
				if s.AcquirePriority(ctx, 1, priority) != nil {
					return
				}
				mu.Lock()
				order = append(order, name)
				mu.Unlock()
				s.Release(1)
			})
			for s.Waiting() == waiting { // one after the other, for the example
				runtime.Gosched()
			}
		}
	}
	lane("batch", batch, 2)
	lane("interactive", interactive, 8)
	s.Release(1)
	wg.Wait()
	fmt.Println("first:", order[0])
	fmt.Println("a batch job was among the first three:", slices.Contains(order[:3], "batch"))
	// Output:
	// first: interactive
	// a batch job was among the first three: true
}

// A client that finds out how many calls at once its server can take, and tells
// the calls that mean "too busy" from other answers.
func Example_adaptiveClient() {
	errBusy := errors.New("503 Service Unavailable")
	errNotFound := errors.New("404 Not Found")
	client := semaphore.NewAdaptive(1, 200,
		semaphore.MaxWaiters(1000),
		semaphore.MaxBaseline(time.Second), // slower than that is never normal
		semaphore.Outcomes(func(err error) semaphore.Outcome {
			switch {
			case err == nil, errors.Is(err, errNotFound):
				return semaphore.Success
			case errors.Is(err, errBusy), errors.Is(err, context.DeadlineExceeded):
				return semaphore.Dropped
			}
			return semaphore.Ignored
		}),
	)
	ctx := context.Background()
	body, err := semaphore.DoAdaptive(ctx, client, func(context.Context) (string, error) { return "hello", nil })
	fmt.Println(body, err)
	fmt.Println(client.Do(ctx, func(context.Context) error { return errNotFound }))

	call, err := client.Acquire(ctx) // in two steps, where a function does not fit
	if err != nil {
		return
	}
	defer call.Ignored() // whatever happens below; the first end counts
	call.Dropped()

	st := client.Stats()
	fmt.Println("limit", st.Limit, "success", st.Success, "dropped", st.Dropped, "ignored", st.Ignored)
	// Output:
	// hello <nil>
	// 404 Not Found
	// limit 1 success 2 dropped 1 ignored 0
}

func ExampleKeyed() {
	perHost := semaphore.NewKeyed[string](2) // two calls at once for each host
	ctx := context.Background()
	_ = perHost.Do(ctx, "a.example", func(context.Context) error {
		fmt.Println("hosts in use:", perHost.Len(), "calls to this one:", perHost.Held("a.example"))
		return nil
	})
	fmt.Println("hosts in use:", perHost.Len())
	// Output:
	// hosts in use: 1 calls to this one: 1
	// hosts in use: 0
}
