package main

import (
	"bytes"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestAKeyOfOursTakesTheLeastMemory(t *testing.T) {
	const n = 20_000
	keys := make([]string, n)
	for i := range keys {
		keys[i] = string(rune('a'+i%26)) + string(rune(0x4e00+i/26))
	}
	ours, err := measure(limiters[0], keys)
	require.NoError(t, err)
	for _, peer := range limiters[1:] {
		theirs, err := measure(peer, keys)
		require.NoError(t, err)
		assert.Less(t, ours*1.5, theirs, peer.name)
	}
}

func TestTheTableHasALineForEach(t *testing.T) {
	var out bytes.Buffer
	require.NoError(t, run(&out, 100))
	for _, l := range limiters {
		assert.Contains(t, out.String(), "| "+l.name+" |")
	}
	assert.EqualError(t, run(&out, 0), "-keys must be at least 1, got 0")
}
