package weir_test

import (
	"encoding/json"
	"errors"
	"io"
	"os/exec"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

const module = "github.com/weirkit/weir"

// primitives are the packages that stand on the standard library and internal/
// alone, and know nothing of each other.
var primitives = []string{
	"ratelimit", "semaphore", "breaker", "retry", "generator", "fanout", "pipeline",
}

// dep is what go list tells of a package.
type dep struct {
	ImportPath string
	Standard   bool
	Imports    []string
	Deps       []string
}

// graph lists every package of the root module with all that it links.
func graph(t *testing.T) map[string]dep {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "go", "list", "-deps", "-json=ImportPath,Standard,Imports,Deps", "./...")
	out, err := cmd.Output()
	require.NoError(t, err)
	pkgs := map[string]dep{}
	for d := json.NewDecoder(strings.NewReader(string(out))); ; {
		var p dep
		err := d.Decode(&p)
		if errors.Is(err, io.EOF) {
			return pkgs
		}
		require.NoError(t, err)
		pkgs[p.ImportPath] = p
	}
}

// layer returns the first folder of a package of this module, "" for the root
// and for foreign packages.
func layer(path string) string {
	rest, ok := strings.CutPrefix(path, module+"/")
	if !ok {
		return ""
	}
	first, _, _ := strings.Cut(rest, "/")
	return first
}

func ours(path string) bool { return path == module || strings.HasPrefix(path, module+"/") }

// allowed tells whether a package of layer from may link a package to.
func allowed(from string, to dep) bool {
	switch {
	case to.Standard:
		return true
	case !ours(to.ImportPath):
		return false // the exceptions are named in TestThirdPartyCode
	}
	target := layer(to.ImportPath)
	switch {
	case target == "internal" || target == from:
		return true
	case slices.Contains(primitives, from) || from == "internal":
		return false
	case from == "wrapper":
		return slices.Contains(primitives, target)
	case from == "observe":
		return target == "wrapper" || slices.Contains(primitives, target)
	}
	return false
}

func TestLayers(t *testing.T) {
	pkgs := graph(t)
	for _, name := range primitives {
		_, ok := pkgs[module+"/"+name]
		require.True(t, ok, "no package %s", name)
	}
	for path, p := range pkgs {
		from := layer(path)
		if !ours(path) || from == "" {
			continue
		}
		for _, d := range p.Deps {
			to := pkgs[d]
			if ours(d) || slices.Contains(primitives, from) || from == "wrapper" {
				assert.True(t, allowed(from, to), "%s links %s", path, d)
			}
		}
	}
}

func TestThirdPartyCode(t *testing.T) {
	exceptions := map[string][]string{
		"go.uber.org/zap":    {"observe/zaplog"},
		"go.uber.org/goleak": {"internal/testkit"},
	}
	pkgs := graph(t)
	for path, p := range pkgs {
		if !ours(path) {
			continue
		}
		for _, imp := range p.Imports {
			if pkgs[imp].Standard || ours(imp) || imp == "C" || imp == "unsafe" {
				continue
			}
			ok := false
			for prefix, where := range exceptions {
				if imp == prefix || strings.HasPrefix(imp, prefix+"/") {
					ok = slices.Contains(where, strings.TrimPrefix(path, module+"/"))
				}
			}
			assert.True(t, ok, "%s imports %s", path, imp)
		}
	}
}

func TestOnlyTestsImportTheTestKit(t *testing.T) {
	for path, p := range graph(t) {
		assert.False(t, slices.Contains(p.Imports, module+"/internal/testkit"), "%s imports it", path)
	}
}
