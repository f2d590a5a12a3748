// Command resilience_sim shows what retries and breakers do to a backend that
// fails: thousands of clients call it in virtual time, through the real packages,
// and an outage of 20 seconds hits. It prints a table and writes a plot.
//
//	go run ./examples/resilience_sim
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"testing"
	"testing/synctest"
	"time"
)

func main() {
	args, out := os.Args[1:], os.Stdout
	// Virtual time exists in tests alone, and testing.Main runs one in a program.
	// It prints PASS, and exits.
	os.Args = os.Args[:1]
	if null, err := os.OpenFile(os.DevNull, os.O_WRONLY, 0); err == nil {
		os.Stdout = null
	}
	test := testing.InternalTest{Name: "simulation", F: func(t *testing.T) {
		err := run(args, out, func(f func(context.Context)) {
			synctest.Test(t, func(t *testing.T) { f(t.Context()) })
		})
		switch {
		case errors.Is(err, flag.ErrHelp):
			os.Exit(0)
		case err != nil:
			fmt.Fprintln(os.Stderr, "resilience_sim:", err)
			os.Exit(2)
		}
	}}
	testing.Main(func(string, string) (bool, error) { return true, nil }, []testing.InternalTest{test}, nil, nil)
}

// run does what the arguments say; bubble runs a function in virtual time.
func run(args []string, out io.Writer, bubble func(func(context.Context))) error {
	o, err := parse(args, out)
	if err != nil {
		return err
	}
	return report(o, out, bubble)
}

// options are what the arguments say.
type options struct {
	cfg     config
	runs    int
	byOrder bool
	svg     string
}

func parse(args []string, out io.Writer) (options, error) {
	flags := flag.NewFlagSet("resilience_sim", flag.ContinueOnError)
	flags.SetOutput(out)
	clients := flags.Int("clients", 2000, "number of `clients`; each makes a call a second")
	processes := flags.Int("processes", 20, "`number` of processes that the clients are in; each has its own breaker and budget")
	cold := flags.Int("cold", 8, "how many `times` slower the backend is right after the outage")
	warm := flags.Duration("warm", 20*time.Second, "how long it takes until it is as fast as before")
	ramp := flags.Duration("ramp", 20*time.Second, "RampUp of the breakers that have one")
	queue := flags.Duration("queue", 5*time.Second, "how much work the backend's queue holds")
	restart := flags.Duration("restart", 0, "how long the backend is down, and cold again, after its queue was full; 0: it stands that")
	n := flags.Int("runs", 1, "`number` of runs of each strategy")
	byOrder := flags.Bool("orders", false, "compare orders of the parts in place of the strategies")
	seed := flags.Uint64("seed", 1, "`seed` of the arrivals")
	svg := flags.String("svg", "resilience.svg", "`file` for the plot; empty for none")
	fail := func(format string, a ...any) (options, error) { return options{}, fmt.Errorf(format, a...) }
	switch err := flags.Parse(args); {
	case err != nil:
		return options{}, err
	case *clients < 100 || *clients > 20_000:
		return fail("-clients must be between 100 and 20000, got %d", *clients)
	case *processes < 1 || *processes > *clients:
		return fail("-processes must be between 1 and the %d clients, got %d", *clients, *processes)
	case *n < 1 || *n > 1000:
		return fail("-runs must be between 1 and 1000, got %d", *n)
	case *queue <= 0 || *queue > time.Minute:
		return fail("-queue must be above 0s and at most 1m, got %v", *queue)
	case *restart < 0 || *restart > time.Minute:
		return fail("-restart must be between 0s and 1m, got %v", *restart)
	case *cold < 1 || *cold > 20:
		return fail("-cold must be between 1 and 20, got %d", *cold)
	case *warm < time.Second || *warm > time.Minute:
		return fail("-warm must be between 1s and 1m, got %v", *warm)
	case *ramp <= 0 || *ramp > time.Minute:
		return fail("-ramp must be above 0s and at most 1m, got %v", *ramp)
	case flags.NArg() > 0:
		return fail("unexpected argument %q", flags.Arg(0))
	}
	cfg := defaults(*clients)
	cfg.seed, cfg.cold, cfg.warmUp, cfg.rampUp, cfg.restart = *seed, *cold, *warm, *ramp, *restart
	cfg.processes, cfg.queue = *processes, *queue
	cfg.length = max(cfg.length, cfg.end()+*warm+*ramp+20*time.Second) // to see the end of both
	return options{cfg, *n, *byOrder, *svg}, nil
}

// report simulates each strategy inside a bubble of virtual time, and prints
// and plots what came of it.
func report(o options, out io.Writer, bubble func(func(context.Context))) error {
	if _, err := io.WriteString(out, setting(o.cfg, o.runs)); err != nil {
		return err
	}
	list := strategies()
	if o.byOrder {
		list = orders()
	}
	results := runs(o.cfg, list, o.runs, bubble)
	if err := table(out, results); err != nil {
		return err
	}
	if o.svg == "" {
		return nil
	}
	return writePlot(o.svg, out, results)
}

// setting says what is simulated.
func setting(c config, n int) string {
	s := fmt.Sprintf(`%d clients in %d processes, a call a second each, timeout %v; the backend could serve %.1f times as much.
An outage from %v to %v, then cold caches (%d times slower) that take %v to warm up; %v of virtual time.
`, c.clients, c.processes, c.timeout, float64(c.workers)/c.service.Seconds()/float64(c.clients),
		c.outage, c.end(), c.cold, c.warmUp, c.length)
	if c.restart > 0 {
		s += fmt.Sprintf("A full queue makes the backend restart: it is down for %v and then cold again.\n", c.restart)
	}
	if n > 1 {
		s += fmt.Sprintf("Of %d runs each the median, and the range where they differ most.\n", n)
	}
	return s + "\n"
}

func writePlot(path string, out io.Writer, list []results) error {
	f, err := os.Create(path) // #nosec G304 -- the user names the file
	if err != nil {
		return err
	}
	if err := plot(f, list); err != nil {
		_ = f.Close()
		return err
	}
	if err := f.Close(); err != nil {
		return err
	}
	_, err = fmt.Fprintln(out, "\nplot:", path)
	return err
}
