// Package pipeline takes items through stages: several steps, each with its own
// number of workers, over streams of any length in bounded memory.
//
// # Words
//
// A [Pipeline] is a definition: it says what happens to items on their way. A
// stage is one step of it. A run takes the items of one source through all
// stages. Stages with one worker and no buffer are fused: they run in one loop,
// on one goroutine, without a channel in between. A boundary, where items change
// goroutines, is only where [Workers], [Buffer] or [Every] asks for one.
//
// # Choosing
//
//   - [Pipeline.Execute] takes one item through, here and now.
//   - [Pipeline.Collect] takes many through and returns all that comes out.
//   - [Pipeline.Stream] yields what comes out while it is ranged over. It is what
//     most need for long inputs.
//   - [Pipeline.Start] runs in the background, and can be watched and stopped. Its
//     [Run] can report its progress, and a checkpoint, from which a job that was
//     stopped goes on.
//
// For one step over a slice use package fanout instead; to make items, package
// generator.
//
// Stages, by what they do with an item: [Map], Then, Apply, Filter and Tap call
// a function, on any number of Workers; [MapByKey] also keeps the order of each key;
// [FlatMap] makes many of one, [Unbatch] hands on what a slice holds; [Batch],
// [Slide] and [SlideTime] gather; [Scan] keeps a state, [Distinct] drops what came
// before; Take, TakeWhile and Skip cut; Throttle takes each through a policy.
// [Join] and [Pipe2] to [Pipe6] put pipelines together.
//
// A source is any iter.Seq. A channel, a reader or several sequences at once are
// the items of [Receive], [Lines] and [Merge], whose stages end with the run.
//
// # Looking at it
//
// Printed, a pipeline shows its stages, with those that are fused in one pair of
// parentheses; Dot draws it for Graphviz, and Stats of a [Run] counts:
//
//	source -> (then 1, filter 2) -> parse [4 workers] -> (batch 4 [100, every 50ms]) -> results
//
// # Guarantees
//
// When a run or a range over it ends, for whatever reason, everything has
// stopped: no goroutine of it is left and no callback will start. Results are in
// the order of the input, and the outcome is that of a plain loop over it: what
// came before the first failing item is delivered, then its error, and nothing
// behind it is begun. Only [Unordered] gives this up. All that holds for one
// worker, many workers and buffers alike.
//
// Memory is bounded: by a window for each stage with workers, a queue for each
// Buffer, a batch for each Batch. A finished item is visible to the next stage
// at once, however long the source or another item blocks.
//
// A panic or runtime.Goexit of a callback ends the run; then Collect raises it
// on its caller, a panic as a [*PanicError], and a Stream or Run delivers it as
// its error. Execute lets both pass.
//
// # Non-goals
//
// Nothing is kept between runs, and nothing is delivered again after a crash: to
// keep a checkpoint, and to give it to the next run, is for the caller. A
// stage cannot be interrupted: one that does not look at its context is waited
// for.
package pipeline
