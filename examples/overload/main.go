// Command overload shows what a guard around an HTTP handler costs, and what it
// saves when more requests come than the server can serve. A real server and a
// real load generator talk over loopback. It prints two tables and writes a plot.
//
//	go run ./examples/overload
package main

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"time"
)

func main() {
	err := run(os.Args[1:], os.Stdout)
	switch {
	case errors.Is(err, flag.ErrHelp):
	case err != nil:
		_, _ = fmt.Fprintln(os.Stderr, "overload:", err)
		os.Exit(2)
	}
}

func run(args []string, out io.Writer) error {
	say := func(format string, args ...any) { _, _ = fmt.Fprintf(out, format, args...) }
	flags := flag.NewFlagSet("overload", flag.ContinueOnError)
	flags.SetOutput(out)
	d := flags.Duration("d", 3*time.Second, "how long each `measurement` takes")
	svg := flags.String("svg", "overload.svg", "`file` for the plot; empty for none")
	switch err := flags.Parse(args); {
	case err != nil:
		return err
	case *d < 10*time.Millisecond || *d > time.Hour:
		return fmt.Errorf("-d must be between 10ms and 1h, got %v", *d)
	}

	say("What the guard costs: 8 clients that ask again at once, a handler that does nothing, best of 3 rounds of %v.\n\n", *d/3)
	say("%-16s %12s %10s %10s\n", "", "requests/s", "p50", "p99")
	for _, r := range costs(*d / 3) {
		say("%-16s %12.0f %10v %10v\n", r.name, r.rate, r.p50.Round(time.Microsecond), r.p99.Round(time.Microsecond))
	}

	say("\nUnder load: a server that serves %d requests/s, and is slower the more it does at once.\n", capacity)
	say("Good is an answer within %v. Each row took %v.\n\n", patience, *d)
	say("%-12s %8s %8s %8s %8s %10s %10s\n", "", "offered", "good/s", "late/s", "shed/s", "p50", "p99")
	var rows []row
	for _, load := range []float64{0.5, 0.9, 1.2, 2, 4} {
		for _, guarded := range []bool{false, true} {
			r := overload(load, guarded, *d)
			rows = append(rows, r)
			say("%-12s %7.0f%% %8.0f %8.0f %8.0f %10v %10v\n", r.name, 100*load, r.good, r.late, r.shed,
				r.p50.Round(time.Millisecond), r.p99.Round(time.Millisecond))
		}
	}
	if *svg == "" {
		return nil
	}
	if err := os.WriteFile(*svg, []byte(plot(rows)), 0o600); err != nil {
		return err
	}
	say("\nthe plot is in %s\n", *svg)
	return nil
}
