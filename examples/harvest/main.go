// Command harvest indexes a tree of Go files through a web service that fails
// again and again, and loses nothing. With -h it lists its flags.
package main

import (
	"context"
	"os"
	"os/signal"
	"syscall"

	"github.com/weirkit/weir/examples/harvest/internal/cli"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, stop) // a second Ctrl-C ends the program at once
	os.Exit(cli.Run(ctx, os.Args[1:], os.Stdout, os.Stderr))
}
