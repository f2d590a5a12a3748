package semaphore_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/weirkit/weir/semaphore"
)

func ExampleSemaphore_Do() {
	s := semaphore.New(2) // at most two at a time
	var wg sync.WaitGroup
	for range 10 {
		wg.Go(func() {
			_ = s.Do(context.Background(), func(context.Context) error {
				if s.Held() > 2 {
					fmt.Println("never printed")
				}
				return nil
			})
		})
	}
	wg.Wait()
	fmt.Println("held:", s.Held())
	// Output: held: 0
}

func ExampleDo() {
	s := semaphore.New(1)
	n, err := semaphore.Do(context.Background(), s, func(context.Context) (int, error) {
		return 42, nil
	})
	fmt.Println(n, err)
	// Output: 42 <nil>
}

func ExampleSemaphore_Acquire() {
	ctx := context.Background()
	s := semaphore.New(10)
	if err := s.Acquire(ctx, 4); err != nil {
		return // ctx is done, or s is closed: nothing was taken
	}
	defer s.Release(4)
	fmt.Println("held", s.Held(), "of", s.Limit())

	err := s.Acquire(ctx, 11)
	fmt.Println(errors.Is(err, semaphore.ErrTooLarge), err)
	// Output:
	// held 4 of 10
	// true semaphore: request exceeds the limit
}

func ExampleSemaphore_Permit() {
	s := semaphore.New(3)
	p, err := s.Permit(context.Background(), 2)
	if err != nil {
		return
	}
	defer p.Release() // does nothing if an earlier Release did it
	fmt.Println("held:", s.Held())
	p.Release()
	fmt.Println("held:", s.Held())
	// Output:
	// held: 2
	// held: 0
}

func ExampleSemaphore_SetLimit() {
	s := semaphore.New(4)
	s.TryAcquire(4)
	s.SetLimit(2) // takes nothing from who holds permits
	fmt.Println("held", s.Held(), "available", s.Available())
	s.Release(3)
	fmt.Println("held", s.Held(), "available", s.Available())
	// Output:
	// held 4 available 0
	// held 1 available 1
}

func ExampleSemaphore_AcquireAll() {
	ctx := context.Background()
	s := semaphore.New(8)       // readers take one
	n, err := s.AcquireAll(ctx) // the writer takes all: nobody else is in
	if err != nil {
		return
	}
	fmt.Println("alone:", s.Available() == 0)
	s.Release(n)
	fmt.Println("available:", s.Available())
	// Output:
	// alone: true
	// available: 8
}

func ExampleNewWeighted() {
	// The same as with golang.org/x/sync/semaphore.
	ctx := context.Background()
	sem := semaphore.NewWeighted(3)
	if err := sem.Acquire(ctx, 2); err != nil {
		fmt.Println(err)
	}
	fmt.Println(sem.TryAcquire(2), sem.TryAcquire(1))
	sem.Release(3)
	// Output: false true
}

func ExampleMaxWait() {
	s := semaphore.New(1, semaphore.MaxWait(time.Millisecond), semaphore.MaxWaiters(100))
	s.TryAcquire(1)
	fmt.Println(s.Acquire(context.Background(), 1))
	// Output: semaphore: waited too long
}
