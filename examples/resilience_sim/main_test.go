package main

import (
	"context"
	"encoding/xml"
	"errors"
	"flag"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// small is half as long as the default and has a twentieth of the clients, in
// fewer processes, so that each breaker still sees enough calls.
func small() config {
	c := defaults(100)
	c.processes = 5
	c.outage, c.outageFor, c.warmUp, c.rampUp, c.length = 10*time.Second, 10*time.Second, 10*time.Second, 10*time.Second, 70*time.Second
	return c
}

// TestWhatTheStrategiesDo checks what docs/resilience.md says, with room for the
// chance that is in it.
func TestWhatTheStrategiesDo(t *testing.T) {
	got := map[string]result{}
	bubble := func(f func(context.Context)) {
		synctest.Test(t, func(t *testing.T) { f(t.Context()) })
	}
	for _, all := range runs(small(), strategies(), 1, bubble) {
		got[all[0].name] = all.typical()
	}
	load := func(name string) float64 {
		r := got[name]
		return mean(r.load, r.outage, r.end()) / r.before()
	}
	served := func(name string) float64 { return got[name].served() }
	for name, r := range got {
		_, recovered := r.recovery()
		assert.Equal(t, name != "naive retry", recovered, name)
		assert.InDelta(t, 100, mean(r.good, 0, r.outage), 15, "%s, before the outage", name)
	}
	assert.Greater(t, load("naive retry"), 3.5, "each call became four")
	assert.Less(t, served("naive retry"), 0.05, "and that never ended")
	assert.Less(t, load("retry with budget"), 1.4)
	assert.Greater(t, served("retry with budget"), 0.4)
	for _, name := range []string{"breaker", "breaker, ramp-up", "all of them"} {
		assert.Less(t, load(name), 0.5, name)
		assert.Less(t, got[name].wasted, got["nothing"].wasted/3, name)
	}
	assert.Greater(t, served("all of them"), served("nothing"))
}

// TestRampUpSparesAColdBackend has one that is very cold for long: only there
// does a ramp-up make a difference that is larger than chance.
func TestRampUpSparesAColdBackend(t *testing.T) {
	cfg := small()
	cfg.cold, cfg.warmUp, cfg.rampUp, cfg.length = 20, 20*time.Second, 20*time.Second, 50*time.Second
	wasted := map[string]int{}
	for _, s := range strategies() {
		if s.name != "breaker" && s.name != "breaker, ramp-up" {
			continue
		}
		for cfg.seed = range uint64(3) { // a single run may fall out of line
			synctest.Test(t, func(t *testing.T) { wasted[s.name] += simulate(t.Context(), s, cfg).wasted })
		}
	}
	require.Positive(t, wasted["breaker, ramp-up"])
	assert.Less(t, wasted["breaker, ramp-up"], wasted["breaker"])
}

// TestRampUpLetsAFragileBackendComeBack has one that is restarted, and cold again,
// when its queue is full. At full load it never gets warm.
func TestRampUpLetsAFragileBackendComeBack(t *testing.T) {
	cfg := small()
	cfg.queue, cfg.restart, cfg.warmUp, cfg.rampUp, cfg.length = 2*time.Second, 5*time.Second, 20*time.Second, 40*time.Second, 80*time.Second
	served, restarts := map[string]float64{}, map[string]int{}
	for _, s := range strategies() {
		if s.name == "naive retry" || s.name == "all of them" {
			continue
		}
		for cfg.seed = range uint64(3) {
			synctest.Test(t, func(t *testing.T) {
				r := simulate(t.Context(), s, cfg)
				served[s.name] += r.served() / 3
				restarts[s.name] += r.restarts
			})
		}
	}
	t.Log(served, restarts)
	assert.Less(t, served["nothing"], 0.1)
	assert.Greater(t, served["breaker, ramp-up"], 2*served["breaker"])
	assert.Less(t, restarts["breaker, ramp-up"], restarts["breaker"])
}

func TestACrashLosesWhatWasQueuedAndMakesCold(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		cfg := small()
		cfg.workers, cfg.outage, cfg.outageFor, cfg.queue, cfg.restart = 1, 0, 0, 50*time.Millisecond, 5*time.Second
		cfg.cold, cfg.warmUp = 2, 10*time.Second
		b := newBackend(time.Now(), cfg)
		took := func() time.Duration {
			wait, _, err := b.enqueue()
			require.NoError(t, err)
			return wait
		}
		assert.Equal(t, 2*cfg.service, took(), "cold after the outage")
		time.Sleep(time.Minute)
		assert.Equal(t, cfg.service, took(), "warm")
		time.Sleep(cfg.service)
		lost := make(chan error, 3)
		for range 3 {
			go func() { lost <- b.serve(t.Context()) }()
		}
		synctest.Wait()
		assert.ErrorIs(t, b.serve(t.Context()), errDown, "a full queue")
		for range 3 {
			assert.ErrorIs(t, <-lost, errDown)
		}
		time.Sleep(cfg.restart - 1)
		assert.ErrorIs(t, b.serve(t.Context()), errDown)
		time.Sleep(time.Nanosecond)
		assert.Equal(t, 2*cfg.service, took(), "cold again")
		assert.Equal(t, 1, b.restarts)
	})
}

func TestNoServiceTimeOverflows(t *testing.T) {
	cfg := defaults(100)
	cfg.cold, cfg.warmUp = 20, time.Minute
	work, err := newBackend(time.Now(), cfg).work(cfg.end())
	require.NoError(t, err)
	assert.Equal(t, 20*cfg.service, work)
}

func TestWhatTheOrdersDo(t *testing.T) {
	var load []float64
	cfg := small()
	cfg.length = cfg.end() // what comes after is not looked at
	for _, s := range orders() {
		synctest.Test(t, func(t *testing.T) {
			r := simulate(t.Context(), s, cfg)
			load = append(load, mean(r.load, r.outage, r.end())/r.before())
		})
	}
	assert.Less(t, load[0], load[1], "a breaker outside sees one failure for four")
	assert.Greater(t, load[3], 8.0, "stacked retries multiply")
}

func TestTheReportIsATableAndAPlot(t *testing.T) {
	path := filepath.Join(t.TempDir(), "plot.svg")
	o, err := parse([]string{"-clients", "100", "-runs", "1", "-svg", path}, io.Discard)
	require.NoError(t, err)
	o.cfg.outage, o.cfg.outageFor, o.cfg.warmUp, o.cfg.length = 6*time.Second, time.Second, time.Second, 12*time.Second
	var out strings.Builder
	require.NoError(t, report(o, &out, func(f func(context.Context)) {
		synctest.Test(t, func(t *testing.T) { f(t.Context()) })
	}))
	for _, s := range strategies() {
		assert.Contains(t, out.String(), s.name)
	}
	f, err := os.Open(path)
	require.NoError(t, err)
	defer func() { assert.NoError(t, f.Close()) }()
	lines := 0
	for d := xml.NewDecoder(f); ; {
		token, err := d.Token()
		if errors.Is(err, io.EOF) {
			break
		}
		require.NoError(t, err)
		if e, ok := token.(xml.StartElement); ok && e.Name.Local == "polyline" {
			lines++
		}
	}
	assert.Equal(t, 2*len(strategies()), lines)
}

func TestABadFlagGivesOneClearLine(t *testing.T) {
	tests := []struct {
		args []string
		want string
	}{
		{[]string{"-clients", "1"}, "-clients must be between 100 and 20000, got 1"},
		{[]string{"-processes", "0"}, "-processes must be between 1 and the 2000 clients, got 0"},
		{[]string{"-queue", "0s"}, "-queue must be above 0s and at most 1m, got 0s"},
		{[]string{"-runs", "0"}, "-runs must be between 1 and 1000, got 0"},
		{[]string{"-cold", "0"}, "-cold must be between 1 and 20, got 0"},
		{[]string{"-warm", "2h"}, "-warm must be between 1s and 1m, got 2h0m0s"},
		{[]string{"-ramp", "0s"}, "-ramp must be above 0s and at most 1m, got 0s"},
		{[]string{"-restart", "-1s"}, "-restart must be between 0s and 1m, got -1s"},
		{[]string{"more"}, `unexpected argument "more"`},
	}
	for _, tt := range tests {
		assert.EqualError(t, run(tt.args, io.Discard, nil), tt.want)
	}
	assert.ErrorIs(t, run([]string{"-h"}, io.Discard, nil), flag.ErrHelp)
}
