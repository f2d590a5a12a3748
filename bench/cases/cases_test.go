package cases_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/weirkit/weir/bench/cases"
	"github.com/weirkit/weir/bench/internal/harness"
)

// TestEveryRowDoesItsWork runs each row once: a row that is refused, or whose
// results are wrong, fails its benchmark.
func TestEveryRowDoesItsWork(t *testing.T) {
	require.NoError(t, harness.SetTime(time.Microsecond))
	tables, err := harness.Run(t.Context(), cases.All(), 1, func(int, harness.Case, string) {})
	require.NoError(t, err)
	packages := map[string]bool{}
	for _, table := range tables {
		packages[table.Case.Package] = true
		assert.Contains(t, table.Results[0].Row, "weir", "%s: ours comes first", table.Case.Name)
		assert.Greater(t, len(table.Results), 1, "%s: no peer beside ours", table.Case.Name)
	}
	assert.Len(t, packages, 8, "a table for every package")
}
