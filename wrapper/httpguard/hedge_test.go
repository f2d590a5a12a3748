package httpguard_test

import (
	"context"
	"net/http"
	"net/http/httptest"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"

	"github.com/weirkit/weir/wrapper"
	"github.com/weirkit/weir/wrapper/httpguard"
)

func TestAHedgeOfAHandlerHasNoEffect(t *testing.T) {
	hedge := wrapper.Hedge(10 * time.Millisecond)
	k := wrapper.NewKeyed(func(string) []wrapper.Layer { return []wrapper.Layer{hedge} })
	tests := []struct {
		name  string
		layer wrapper.Layer
	}{
		{"alone", hedge},
		{"behind a key", wrapper.PerKey(k)},
		{"inside a wrapper", wrapper.Compose(wrapper.Timeout(time.Minute), hedge)},
		{"of somebody else", wrapper.Func(func(ctx context.Context, next func(context.Context) error) error { return hedge.Do(ctx, next) })},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				runs := 0
				h := httpguard.Handler(wrapper.Compose(tt.layer), http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
					runs++
					time.Sleep(time.Second)
					assert.NoError(t, r.Context().Err())
					w.WriteHeader(http.StatusCreated)
				}), httpguard.Key(func(*http.Request) any { return "tenant" }))
				rec := httptest.NewRecorder()
				h.ServeHTTP(rec, httptest.NewRequest(http.MethodGet, "/", nil))
				assert.Equal(t, http.StatusCreated, rec.Code)
				assert.Equal(t, 1, runs)
			})
		})
	}
}
