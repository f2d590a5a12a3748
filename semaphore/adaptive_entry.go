package semaphore

import "context"

// Entry is a call under way, made by [Adaptive.Enter]. It is a [Call] that is a
// value: it costs no allocation, and nothing stops it from being ended twice. One of
// its methods must be called at the end, once: it gives the permit back.
type Entry struct {
	a     *Adaptive
	began int64
}

// Enter is the first step of a call in two steps, for code that composes policies
// and judges results by their errors, as Do does. The priority is that of
// [Semaphore.AcquirePriority]. Its errors are those of [Semaphore.Acquire].
func (a *Adaptive) Enter(ctx context.Context, priority int) (Entry, error) {
	var err error
	if priority == 0 {
		err = a.made().Acquire(ctx, 1)
	} else {
		err = a.made().AcquirePriority(ctx, 1, priority)
	}
	if err != nil {
		return Entry{}, err
	}
	return Entry{a, a.clock.Now()}, nil
}

// Done ends the call, which has returned err: see [Outcomes]. The permit is back
// even if that panics.
func (e Entry) Done(err error) {
	outcome := Ignored
	defer func() { e.a.done(e.began, outcome) }()
	outcome = mustExist(e.a.classify(err))
}

// Cancel ends the call as one that says nothing about the backend, because it was
// never made.
func (e Entry) Cancel() { e.a.done(e.began, Ignored) }
