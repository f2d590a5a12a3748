// Command overload shows what a guard around an HTTP handler costs, and what it
// saves when more requests come than the server can serve: with a limit that
// somebody has set, and with one that finds itself. A real server and a real load
// generator talk over loopback. It prints two tables and writes a plot.
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
	d := flags.Duration("d", 2500*time.Millisecond, "how long each `measurement` takes")
	svg := flags.String("svg", "overload.svg", "`file` for the plot; empty for none")
	switch err := flags.Parse(args); {
	case err != nil:
		return err
	case *d < 10*time.Millisecond || *d > time.Hour:
		return fmt.Errorf("-d must be between 10ms and 1h, got %v", *d)
	}

	say("What the guard costs: 8 clients that ask again at once, a handler that does nothing, best of 3 rounds of %v.\n\n", (*d / 3).Round(time.Millisecond))
	say("%-16s %12s %10s %10s\n", "", "requests/s", "p50", "p99")
	for _, r := range costs(*d / 3) {
		say("%-16s %12.0f %10v %10v\n", r.name, r.rate, r.p50.Round(time.Microsecond), r.p99.Round(time.Microsecond))
	}

	say("\nUnder load: a server that serves %d requests/s, and is slower the more it does at once.\n", capacity)
	say("Good is an answer within %v. Each row took %v. limit is how many could run at once.\n\n", patience, *d)
	say("%-12s %8s %8s %8s %8s %8s %8s %8s\n", "", "offered", "good/s", "late/s", "shed/s", "p50", "p99", "limit")
	all := guards()
	var rows []row
	for _, load := range []float64{0.5, 0.9, 1.2, 2, 4} {
		for _, g := range all {
			r := overload(load, g, *d)
			rows = append(rows, r)
			say("%-12s %7.0f%% %8.0f %8.0f %8.0f %8s %8s %8s\n", r.name, 100*load, r.good, r.late, r.shed,
				orNone(r.p50.Round(time.Millisecond)), orNone(r.p99.Round(time.Millisecond)), orNone(r.limit))
		}
	}
	if *svg == "" {
		return nil
	}
	if err := os.WriteFile(*svg, []byte(plot(all, rows)), 0o600); err != nil {
		return err
	}
	say("\nthe plot is in %s\n", *svg)
	return nil
}

// orNone returns v as a text, for 0 one that says that there is none.
func orNone[T comparable](v T) string {
	var zero T
	if v == zero {
		return "-"
	}
	return fmt.Sprint(v)
}
