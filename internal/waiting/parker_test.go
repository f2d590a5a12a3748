package waiting_test

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/weirkit/weir/internal/waiting"
)

// parkers returns n of them, each with a number.
func parkers(n int) []*waiting.Parker {
	out := make([]*waiting.Parker, n)
	for i := range out {
		p := waiting.NewParker()
		out[i] = &p
	}
	return out
}

// taken returns which of ps have a token, and takes it.
func taken(ps []*waiting.Parker) (out []int) {
	for i, p := range ps {
		select {
		case <-p.Token():
			out = append(out, i)
		default:
		}
	}
	return out
}

func TestAChainGivesEachOneToken(t *testing.T) {
	tests := []struct {
		name          string
		first, second []int
		want          []int
	}{
		{"nobody", nil, nil, nil},
		{"one", []int{1}, nil, []int{1}},
		{"joined to nobody", nil, []int{0, 2}, []int{0, 2}},
		{"both", []int{3, 1}, []int{0, 2}, []int{0, 1, 2, 3}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			ps := parkers(4)
			for range 2 { // what was sent left its chain: another takes it
				var a, b waiting.Chain
				for _, i := range tt.first {
					a.Add(ps[i])
				}
				for _, i := range tt.second {
					b.Add(ps[i])
				}
				a.Join(b)
				assert.Empty(t, taken(ps), "before Send")
				a.Send()
				assert.Equal(t, tt.want, taken(ps))
				assert.Empty(t, taken(ps), "a second token")
			}
		})
	}
}

func TestWhoIsAddedAfterAJoinIsLast(t *testing.T) {
	ps := parkers(3)
	var a, b waiting.Chain
	a.Add(ps[0])
	b.Add(ps[1])
	a.Join(b)
	a.Add(ps[2])
	a.Send()
	assert.Equal(t, []int{0, 1, 2}, taken(ps))
}

// TestAChainSendsInOrder: the second has nothing while the first has not taken an
// earlier token.
func TestAChainSendsInOrder(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ps := parkers(2)
		var full, c waiting.Chain
		full.Add(ps[0])
		full.Send()
		c.Add(ps[0])
		c.Add(ps[1])
		go c.Send()
		synctest.Wait()
		assert.Empty(t, ps[1].Token())
		<-ps[0].Token()
		synctest.Wait()
		assert.Equal(t, []int{0, 1}, taken(ps))
	})
}

func TestAfterDeliversOnceAndForTheLastCallAlone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := parkers(1)[0]
		p.Stop() // nothing to stop
		start := time.Now()
		p.After(time.Second)
		time.Sleep(500 * time.Millisecond)
		at := <-p.After(time.Second)
		assert.Equal(t, 1500*time.Millisecond, at.Sub(start))

		c := p.After(time.Second)
		p.Stop()
		time.Sleep(time.Minute)
		assert.Empty(t, c)
	})
}

func TestWakingAllocatesNothing(t *testing.T) {
	p := parkers(1)[0]
	p.After(time.Hour)
	defer p.Stop()
	require.Zero(t, testing.AllocsPerRun(100, func() {
		var c waiting.Chain
		c.Add(p)
		c.Send()
		<-p.Token()
		p.After(time.Hour)
	}))
}
