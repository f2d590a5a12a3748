package rejection_test

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"

	"github.com/weirkit/weir/internal/rejection"
)

type foreign struct {
	rejected bool
	after    time.Duration
}

func (foreign) Error() string               { return "foreign" }
func (f foreign) Rejected() bool            { return f.rejected }
func (f foreign) RetryAfter() time.Duration { return f.after }

func TestIs(t *testing.T) {
	full := rejection.New("queue full")
	tests := []struct {
		name string
		err  error
		want bool
	}{
		{"nil", nil, false},
		{"plain", errors.New("boom"), false},
		{"sentinel", full, true},
		{"wrapped", fmt.Errorf("call: %w", full), true},
		{"joined", errors.Join(errors.New("boom"), full), true},
		{"foreign type that was rejected", foreign{rejected: true}, true},
		{"foreign type that ran", foreign{rejected: false}, false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			assert.Equal(t, tt.want, rejection.Is(tt.err))
		})
	}
}

func TestAfterIsKnownOnlyWhenPositive(t *testing.T) {
	tests := []struct {
		name string
		err  error
		want time.Duration
		ok   bool
	}{
		{"nil", nil, 0, false},
		{"plain", errors.New("boom"), 0, false},
		{"sentinel", rejection.New("full"), 0, false},
		{"known", foreign{after: time.Second}, time.Second, true},
		{"negative", foreign{after: -time.Second}, 0, false},
		{"wrapped", fmt.Errorf("call: %w", foreign{after: time.Minute}), time.Minute, true},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			d, ok := rejection.After(tt.err)
			assert.Equal(t, tt.want, d)
			assert.Equal(t, tt.ok, ok)
		})
	}
}

func TestSentinelMatchesItself(t *testing.T) {
	full := rejection.New("full")
	assert.ErrorIs(t, fmt.Errorf("a: %w", full), full)
	assert.NotErrorIs(t, full, rejection.New("closed"))
}
