// Package generator makes values on demand: what is costly to make, endless, or
// comes in pages.
//
// # Words
//
// A producer is a function that yields values one after the other. A pull asks
// for the next one. The generator is the consumer's handle: it runs the producer
// as far as values are pulled, or with a buffer a bounded number of values ahead.
// A step turns one iterator into another.
//
// # Choosing
//
//   - A plain [iter.Seq] or [iter.Seq2] is enough where a loop consumes all of it
//     and nothing can fail. The steps of this package ([Map], [Filter], [Take] and
//     so on) work on those, and [From] makes a generator of one.
//   - A [Generator] adds a context that ends it, an error, values one at a time
//     ([Generator.Next]) or in slices ([Generator.Batches]), and one way to end it
//     from anywhere.
//   - [Buffer] makes producer and consumer work at the same time.
//   - To work on the values in parallel, hand [Generator.All] to package fanout or
//     pipeline.
//
// # Guarantees
//
// Nothing runs before the first pull. When the generator has ended, for whatever
// reason, its producer has returned; no goroutine is left, and nothing more is
// handed out. Each value can be taken as soon as it is made. No error and no
// panic is lost, and none is made up: leaving a loop is not a failure.
//
// # Non-goals
//
// A generator is for one pass and cannot be rewound. It hands each value to one
// consumer; there is no broadcast. A producer that computes without ever asking
// its context cannot be interrupted.
//
// # Example
//
//	files := generator.New(ctx, func(ctx context.Context, yield func(string) bool) error {
//		return filepath.WalkDir(root, func(path string, _ fs.DirEntry, err error) error {
//			if err == nil && !yield(path) {
//				return filepath.SkipAll
//			}
//			return err
//		})
//	})
//	for path := range files.All() {
//		fmt.Println(path)
//	}
//	if err := files.Err(); err != nil {
//		return err
//	}
package generator
