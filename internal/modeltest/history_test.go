package modeltest_test

import (
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/anishathalye/porcupine"
	"github.com/stretchr/testify/require"
)

// history records the operations of concurrent clients. Their times are the
// steps of one counter, which orders them as a clock would, only sharper.
type history struct {
	clock atomic.Int64
	mu    sync.Mutex
	ops   []porcupine.Operation
}

// do runs one operation and records it.
func (h *history) do(client int, input any, op func() any) any {
	call := h.clock.Add(1)
	output := op()
	ret := h.clock.Add(1)
	h.mu.Lock()
	defer h.mu.Unlock()
	h.ops = append(h.ops, porcupine.Operation{ClientId: client, Input: input, Call: call, Output: output, Return: ret})
	return output
}

// check runs clients at once on a fresh object, many times over, and requires
// that what they saw could have happened one operation after the other.
func check(t *testing.T, m porcupine.Model, edit func([]porcupine.Operation) []porcupine.Operation, clients int, start func() func(h *history, client int, rng *rand.Rand)) {
	t.Helper()
	rounds := 400
	if testing.Short() {
		rounds = 20
	}
	for round := range rounds {
		client := start()
		var h history
		var wg sync.WaitGroup
		for c := range clients {
			wg.Go(func() {
				client(&h, c, rand.New(rand.NewPCG(uint64(round), uint64(c))))
			})
		}
		wg.Wait()
		if edit != nil {
			h.ops = edit(h.ops)
		}
		result := porcupine.CheckOperationsTimeout(m, h.ops, 10*time.Second)
		if result != porcupine.Ok {
			for _, op := range h.ops {
				t.Logf("%3d-%3d client %d: %s", op.Call, op.Return, op.ClientId, m.DescribeOperation(op.Input, op.Output))
			}
		}
		require.Equal(t, porcupine.Ok, result, "round %d: no order of these operations explains what was seen", round)
	}
}
