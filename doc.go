// Package weir is the root of an SDK of concurrency patterns. It holds no code:
// import the package of the pattern you need, or compose several with wrapper.
//
//	pipeline    stages that items flow through, fused or parallel
//	fanout      one function over many items, or many functions at once
//	generator   values made on demand, prefetched if asked for
//	ratelimit   how often work may start
//	semaphore   how much work may run at once
//	breaker     stop calling what is broken, probe until it is well
//	retry       try again, later, and not too often
//	wrapper     the above around one call, in an order that is right by default
//
// Every policy has the method
//
//	Do(ctx context.Context, fn func(context.Context) error) error
//
// and anything with that method is a layer that [wrapper.Compose],
// [fanout.Guard] and [pipeline.Guard] accept.
//
// [wrapper.Compose]: https://pkg.go.dev/github.com/weirkit/weir/wrapper#Compose
// [fanout.Guard]: https://pkg.go.dev/github.com/weirkit/weir/fanout#Guard
// [pipeline.Guard]: https://pkg.go.dev/github.com/weirkit/weir/pipeline#Guard
package weir
