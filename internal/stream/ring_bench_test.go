package stream_test

import (
	"fmt"
	"testing"

	"github.com/weirkit/weir/internal/stream"
)

// One item from a goroutine to another.
func BenchmarkRing(b *testing.B) {
	for _, size := range []int{1, 16, 64, 1024} {
		b.Run(fmt.Sprintf("size=%d/impl=channel", size), func(b *testing.B) {
			c := make(chan int, size)
			go func() {
				defer close(c)
				for i := range b.N {
					c <- i
				}
			}()
			for range c {
			}
		})
		b.Run(fmt.Sprintf("size=%d/impl=channel-done", size), func(b *testing.B) {
			c, done := make(chan int, size), b.Context().Done()
			go func() {
				defer close(c)
				for i := range b.N {
					select {
					case c <- i:
					case <-done:
					}
				}
			}()
			for range c {
			}
		})
		b.Run(fmt.Sprintf("size=%d/impl=ring", size), func(b *testing.B) {
			r := stream.NewRing[int](size)
			go func() {
				defer r.Close()
				for i := range b.N {
					r.Push(i)
				}
			}()
			for _, ok := r.Next(); ok; _, ok = r.Next() {
			}
		})
	}
}

func BenchmarkNewRing(b *testing.B) {
	b.Run("impl=channel", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			_ = make(chan int, 64)
		}
	})
	b.Run("impl=ring", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			_ = stream.NewRing[int](64)
		}
	})
}
