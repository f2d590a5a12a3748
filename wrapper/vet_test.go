package wrapper_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"

	"github.com/weirkit/weir/breaker"
	"github.com/weirkit/weir/ratelimit"
	"github.com/weirkit/weir/retry"
	"github.com/weirkit/weir/semaphore"
	"github.com/weirkit/weir/wrapper"
)

func TestVetWarnsAboutOrdersThatHurt(t *testing.T) {
	b, l, s, r := breaker.New(), ratelimit.New(ratelimit.PerSecond(50), 10), semaphore.New(10), retry.New()
	settings := strings.NewReplacer("Breaker:", b.String()+":", "Retry:", r.String()+":")
	tests := []struct {
		name   string
		layers []wrapper.Layer
		want   []string // the beginnings
	}{
		{"the standard order", []wrapper.Layer{wrapper.Timeout(time.Second), r, b, l, s, wrapper.AttemptTimeout(time.Second / 2)}, nil},
		{"nothing", nil, nil},
		{"a semaphore outside a retry", []wrapper.Layer{s, r}, []string{"Semaphore(10): is outside a retry"}},
		{"a foreign one too", []wrapper.Layer{wrapper.Semaphore(s), r}, []string{"Semaphore(*semaphore.Semaphore): is outside a retry"}},
		{"a limiter outside a retry", []wrapper.Layer{l, wrapper.Func(straight), r}, []string{"Limiter(50/s, burst 10): is outside a retry"}},
		{"two retries", []wrapper.Layer{r, s, retry.New()}, []string{"Semaphore(10): is outside a retry", "Retry: is inside another retry"}},
		{"two retries, one of them nested", []wrapper.Layer{r, wrapper.Compose(wrapper.Compose(retry.New()))}, []string{"Retry: is inside another retry"}},
		{"a hedge in a retry is none", []wrapper.Layer{r, wrapper.Hedge(time.Second)}, nil},
		{"a breaker outside a retry", []wrapper.Layer{b, r}, []string{"Breaker: is outside a retry"}},
		{"a breaker inside a limiter", []wrapper.Layer{l, b}, []string{"Breaker: is inside a limiter or a semaphore"}},
		{"a timeout that cannot matter", []wrapper.Layer{wrapper.Timeout(time.Second), s, wrapper.AttemptTimeout(time.Second)}, []string{"AttemptTimeout(1s): is inside Timeout(1s), which ends first"}},
		{"an attempt timeout around a retry", []wrapper.Layer{wrapper.AttemptTimeout(time.Second), r}, []string{"AttemptTimeout(1s): is outside a retry"}},
		{"one part twice", []wrapper.Layer{s, wrapper.Compose(s)}, []string{"Semaphore(10): stands here twice"}},
		{"two parts of a kind", []wrapper.Layer{s, semaphore.New(1)}, nil},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			w := wrapper.Compose(tt.layers...)
			warnings := w.Vet()
			if assert.Len(t, warnings, len(tt.want), "%v", warnings) {
				for i, warning := range warnings {
					assert.True(t, strings.HasPrefix(warning.String(), settings.Replace(tt.want[i])), "%v", warning)
					assert.Contains(t, w.Explain(), "warning: "+warning.String()+"\n")
				}
			}
		})
	}
}

func TestNewHasNoWarnings(t *testing.T) {
	assert.Empty(t, newWrapper(t, whole).Vet())
}

func ExampleWrapper_Explain() {
	b := breaker.New(breaker.ConsecutiveFailures(5))
	w := wrapper.Compose(semaphore.New(10), retry.New(), b, ratelimit.New(ratelimit.PerSecond(50), 10))
	fmt.Print(w.Explain())
	// Output:
	// Semaphore(10)                        waits for a permit, and holds it until what is inside has ended
	// Retry(3, backoff at most 2s)         runs all that is inside again, with pauses, until it succeeds or enough is enough
	// Breaker(5 in a row, open 5s) ready?  refuses while it would not admit a call, and takes nothing
	// Limiter(50/s, burst 10)              waits for a token
	// Breaker acquire                      admits the call, starts its clock and judges its error
	// call                                 your function, on the caller's goroutine unless a layer says otherwise
	// warning: Semaphore(10): is outside a retry; its permit is held through every pause: put it inside
	// warning: Breaker(5 in a row, open 5s): is inside a limiter or a semaphore; a call that it refuses has waited and paid already: put it outside, it admits calls behind them
}
