package ratelimit

// Learn says how a call went whose token came from Wait, as Do does: an error of
// nil is a Success, one that [ThrottledBy] knows is Throttled, and any other says
// nothing.
func (a *Adaptive) Learn(err error) {
	if err == nil {
		a.Success()
	} else if after, ok := a.cfg.throttled(err); ok {
		a.Throttled(after)
	}
}
