// Command table prints our benchmarks beside the peers' as tables of ratios.
//
//	go run ./cmd/table -rounds 5 -time 100ms ratelimit breaker/closed
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"runtime"
	"time"

	"github.com/weirkit/weir/bench/cases"
	"github.com/weirkit/weir/bench/internal/harness"
)

func main() {
	rounds := flag.Int("rounds", 5, "rounds; the table gives their median")
	each := flag.Duration("time", 100*time.Millisecond, "time of one benchmark in one round")
	flag.Usage = func() {
		fmt.Fprintln(flag.CommandLine.Output(), "usage: table [-rounds n] [-time d] [word ...]\nwords select cases by package/name")
		flag.PrintDefaults()
	}
	flag.Parse()
	if err := run(*rounds, *each, flag.Args()); err != nil {
		fmt.Fprintln(os.Stderr, "table:", err)
		os.Exit(1)
	}
}

func run(rounds int, each time.Duration, words []string) error {
	if rounds < 1 {
		return fmt.Errorf("-rounds must be at least 1, got %d", rounds)
	}
	if err := harness.SetTime(each); err != nil {
		return err
	}
	selected := harness.Select(cases.All(), words)
	if len(selected) == 0 {
		return fmt.Errorf("no case matches %q", words)
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	tables, err := harness.Run(ctx, selected, rounds, func(round int, c harness.Case, row string) {
		fmt.Fprintf(os.Stderr, "round %d/%d: %s / %s / %s\n", round+1, rounds, c.Package, c.Name, row)
	})
	if err != nil {
		return err
	}
	fmt.Printf("%s %s/%s, GOMAXPROCS=%d, median of %d alternating rounds of %v\n",
		runtime.Version(), runtime.GOOS, runtime.GOARCH, runtime.GOMAXPROCS(0), rounds, each)
	harness.Print(os.Stdout, tables)
	return nil
}
