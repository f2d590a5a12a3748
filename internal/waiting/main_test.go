package waiting_test

import (
	"testing"

	"go.uber.org/goleak"

	"github.com/weirkit/weir/internal/testkit"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m, testkit.LeakProfile()) }
