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

// run simulates each strategy inside a bubble of virtual time.
func run(args []string, out io.Writer, bubble func(func(context.Context))) error {
	flags := flag.NewFlagSet("resilience_sim", flag.ContinueOnError)
	flags.SetOutput(out)
	clients := flags.Int("clients", 1000, "number of `clients`; each makes a call a second")
	seed := flags.Uint64("seed", 1, "`seed` of the arrivals")
	svg := flags.String("svg", "resilience.svg", "`file` for the plot; empty for none")
	switch err := flags.Parse(args); {
	case err != nil:
		return err
	case *clients < 100 || *clients > 20_000:
		return fmt.Errorf("-clients must be between 100 and 20000, got %d", *clients)
	case flags.NArg() > 0:
		return fmt.Errorf("unexpected argument %q", flags.Arg(0))
	}
	cfg := defaults(*clients)
	cfg.seed = *seed
	fmt.Fprintf(out, "%d clients in %d processes, a call a second each, timeout %v; the backend could serve %.1f times as much;\n",
		cfg.clients, cfg.processes, cfg.timeout, float64(cfg.workers)/cfg.service.Seconds()/float64(cfg.clients))
	fmt.Fprintf(out, "an outage from %v to %v, then cold caches for %v; all in %v of virtual time.\n\n",
		cfg.outage, cfg.outage+cfg.outageFor, cfg.warmUp, cfg.length)
	var results []result
	for _, s := range strategies() {
		bubble(func(ctx context.Context) { results = append(results, simulate(ctx, s, cfg)) })
	}
	if err := table(out, results); err != nil {
		return err
	}
	if *svg == "" {
		return nil
	}
	return writePlot(*svg, out, results)
}

func writePlot(path string, out io.Writer, results []result) error {
	f, err := os.Create(path) // #nosec G304 -- the user names the file
	if err != nil {
		return err
	}
	if err := plot(f, results); err != nil {
		_ = f.Close()
		return err
	}
	if err := f.Close(); err != nil {
		return err
	}
	_, err = fmt.Fprintln(out, "\nplot:", path)
	return err
}
