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

const want = `Timeout(1s) > Limiter(1000/s, burst 1) > Semaphore(3) > call
one call: user-1
a batch: wrapper: 1 of 5 items failed: item 3: no such user
item 3 failed: no such user
another batch: [user-1 user-2 user-3] <nil>
`
