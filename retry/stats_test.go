package retry_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"

	"github.com/weirkit/weir/retry"
)

func TestStats(t *testing.T) {
	p := constant(0, retry.MaxRetries(2), retry.Spend(retry.NewBudget(0, 4)), retry.Counted())
	assert.Equal(t, retry.Stats{}, p.Stats())
	assert.NoError(t, p.Do(t.Context(), scripted(nil).run))
	assert.NoError(t, p.Do(t.Context(), scripted(errBoom, nil).run))
	_, _ = retry.Do(t.Context(), p, scriptedInt(errBoom, nil))
	assert.Error(t, p.Do(t.Context(), scripted(errBoom).run))
	assert.Error(t, p.Do(t.Context(), scripted(errBoom).run), "over budget")
	assert.Equal(t, retry.Stats{Calls: 5, Retries: 4, Recovered: 2, GaveUp: 2, OverBudget: 1}, p.Stats())
}

func TestCallsAreNotCountedUnlessAsked(t *testing.T) {
	p := constant(0)
	assert.NoError(t, p.Do(t.Context(), scripted(errBoom, nil).run))
	_, _ = retry.Do(t.Context(), p, scriptedInt(errBoom, errBoom, nil))
	assert.Equal(t, retry.Stats{Calls: -1, Retries: 3, Recovered: 2}, p.Stats())
}

func TestARetryWhosePauseWasCancelledIsNone(t *testing.T) {
	p := constant(time.Hour)
	ctx, cancel := withEarlyEnd(t)
	defer cancel()
	assert.Error(t, p.Do(ctx, scripted(errBoom).run))
	assert.Equal(t, retry.Stats{Calls: -1, GaveUp: 1}, p.Stats())
}

func TestASuccessAtTheFirstAttemptRecoversNothing(t *testing.T) {
	p := constant(0, retry.AttemptTimeout(time.Hour)) // whose first attempt has a context of its own
	assert.NoError(t, p.Do(t.Context(), scripted(nil).run))
	assert.Equal(t, retry.Stats{Calls: -1}, p.Stats())
}
