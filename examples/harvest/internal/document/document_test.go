package document_test

import (
	"encoding/json"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/weirkit/weir/examples/harvest/internal/document"
)

const text = `// Package shop sells.
package shop

import (
	"io"
	"fmt"
	again "fmt"
)

const Max, min = 1, 2

var Default = New()

type Cart[K comparable, V any] struct{}
type basket struct{}

func New() *Cart[int, int] { return nil }
func (c *Cart[K, V]) Add(K, V) {}
func (c Cart[K, V]) drop()     {}
func (b *basket) Exported()    {}
func (*basket) WriteTo(io.Writer) { fmt.Println(again.Sprint()) }
`

func TestParse(t *testing.T) {
	got, err := document.Parse("shop/shop.go", []byte(text))
	require.NoError(t, err)
	assert.Equal(t, document.Document{
		Path:     "shop/shop.go",
		Package:  "shop",
		Imports:  []string{"fmt", "io"},
		Exported: []string{"Cart", "Cart.Add", "Default", "Max", "New"},
		Lines:    21,
		Size:     int64(len(text)),
	}, got)
}

func TestAFileThatIsNotGoGivesNoDocument(t *testing.T) {
	for _, text := range []string{"", "package", "package p; func {", "\x7fELF"} {
		got, err := document.Parse("broken.go", []byte(text))
		require.Error(t, err, "%q", text)
		assert.ErrorContains(t, err, "broken.go")
		assert.Zero(t, got)
	}
}

func TestEmptyListsAreNotNull(t *testing.T) {
	got, err := document.Parse("p.go", []byte("package p"))
	require.NoError(t, err)
	assert.Equal(t, 1, got.Lines, "a last line without a newline counts")
	out, err := json.Marshal(got)
	require.NoError(t, err)
	assert.JSONEq(t, `{"path":"p.go","package":"p","imports":[],"exported":[],"lines":1,"size":9}`, string(out))
}
