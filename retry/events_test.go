package retry_test

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"

	"github.com/weirkit/weir/internal/testkit"
	"github.com/weirkit/weir/retry"
)

func TestEventsTellOfRetriesBeforeThePauseAndOfTheEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		begin := time.Now()
		var got []any
		p := constant(time.Second, retry.MaxRetries(2), retry.On(retry.Events{
			Retry:  func(r retry.Retry) { got = append(got, time.Since(begin), r) },
			GaveUp: func(g retry.GaveUp) { got = append(got, time.Since(begin), g) },
		}))
		s := scripted(errBoom)
		err := p.Do(t.Context(), s.run)
		assert.Equal(t, []any{
			time.Duration(0), retry.Retry{Attempt: 1, Err: errBoom, Delay: time.Second},
			time.Second, retry.Retry{Attempt: 2, Err: errBoom, Delay: time.Second},
			2 * time.Second, retry.GaveUp{Attempts: 3, Err: err},
		}, got)
	})
}

func TestASuccessAndACallThatDidNotBeginMakeNoEvent(t *testing.T) {
	p := constant(0, retry.On(retry.Events{
		Retry:  func(retry.Retry) { t.Error("Retry") },
		GaveUp: func(retry.GaveUp) { t.Error("GaveUp") },
	}))
	assert.NoError(t, p.Do(t.Context(), succeed))
	done, cancel := context.WithCancel(t.Context())
	cancel()
	assert.Error(t, p.Do(done, succeed))
}

func TestEveryFailedCallGivesUpOnce(t *testing.T) {
	for name, s := range map[string]*script{
		"permanent": scripted(retry.Permanent(errBoom)),
		"refused":   scripted(refusal{}),
		"exhausted": scripted(errBoom),
	} {
		n := 0
		p := constant(0, retry.On(retry.Events{GaveUp: func(g retry.GaveUp) {
			n++
			assert.Equal(t, len(s.at), g.Attempts, name)
		}}))
		assert.Error(t, p.Do(t.Context(), s.run))
		assert.Equal(t, 1, n, name)
	}
}

func TestAHandlerMayUseThePolicyAndMayPanic(t *testing.T) {
	var p *retry.Policy
	inner := scripted(errBoom, nil)
	p = constant(0, retry.AttemptTimeout(time.Hour), retry.On(retry.Events{Retry: func(r retry.Retry) {
		if len(inner.at) == 0 {
			assert.NoError(t, p.Do(t.Context(), inner.run))
		}
	}}))
	assert.NoError(t, p.Do(t.Context(), scripted(errBoom, nil).run))
	assert.Len(t, inner.at, 2)

	p = constant(0, retry.On(retry.Events{Retry: func(retry.Retry) { panic("handler") }}))
	end := testkit.Run(func() { _ = p.Do(t.Context(), scripted(errBoom).run) })
	assert.Equal(t, testkit.End{Panicked: true, Value: "handler"}, end)
	assert.NoError(t, p.Do(t.Context(), succeed), "the policy still works")
}
