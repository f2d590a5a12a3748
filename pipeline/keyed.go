package pipeline

import (
	"github.com/weirkit/weir/internal/stream"
)

// MapByKey is [Map] with an order for each key: items of one key are worked on
// one after the other, as they came, those of different keys at once on the
// stage's Workers. A key costs memory only while an item of it is in the window.
// key runs on the goroutine that feeds the stage and should be quick.
//
// Results keep the order of the input; with [Unordered], only that of their key.
func MapByKey[In, Mid, Out any, Key comparable](p *Pipeline[In, Mid], key func(Mid) Key, f Stage[Mid, Out], opts ...Option) *Pipeline[In, Out] {
	if key == nil || f == nil {
		panic("pipeline: MapByKey needs two functions, got nil")
	}
	c := newConfig("mapbykey", opts, callOptions()...)
	return attach(p, &step[Mid, Out]{config: c, plain: guarded(c, f), lanes: func(p *stream.Parallel[Mid, kept[Out]]) {
		stream.ByKey(p, key)
	}})
}
