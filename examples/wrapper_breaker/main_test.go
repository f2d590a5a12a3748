package main

import (
	"strings"
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// TestRun runs the example in virtual time and compares what it prints.
func TestRun(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var out strings.Builder
		require.NoError(t, run(t.Context(), &out))
		assert.Equal(t, want, out.String())
	})
}

const want = `call 1: connection refused (never ran: false)
call 2: connection refused (never ran: false)
breaker: closed -> open
call 3: connection refused (never ran: false)
call 4: breaker: circuit open: connection refused (never ran: true)
call 5: breaker: circuit open: connection refused (never ran: true)
calls that reached the service: 3
breaker: open -> half-open
breaker: half-open -> closed
after the recovery time: <nil>, closed
`
