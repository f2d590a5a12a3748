package cli_test

import (
	"context"
	"os"
	"testing"

	"go.uber.org/goleak"

	"github.com/weirkit/weir/examples/harvest/internal/cli"
)

// asCommand makes the test binary the command itself: a run of its own process
// can be killed.
const asCommand = "HARVEST_TEST_AS_COMMAND"

func TestMain(m *testing.M) {
	if os.Getenv(asCommand) != "" {
		os.Exit(cli.Run(context.Background(), os.Args[1:], os.Stdout, os.Stderr))
	}
	goleak.VerifyTestMain(m)
}
