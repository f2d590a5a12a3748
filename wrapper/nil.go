package wrapper

import (
	"fmt"
	"reflect"
)

// isNil reports whether v is nil, or a nil pointer, function, map or channel in an
// interface: what a constructor returned that failed, or a variable that was never
// set. It would be called like anything else, and fail in the middle of a call.
func isNil(v any) bool {
	switch r := reflect.ValueOf(v); r.Kind() {
	case reflect.Invalid:
		return true
	case reflect.Pointer, reflect.Func, reflect.Map, reflect.Chan:
		return r.IsNil()
	default: // no nil of its kind has methods that could not be called
		return false
	}
}

// checkLayers panics if a layer is nil.
func checkLayers(layers []Layer) {
	for i, l := range layers {
		if isNil(l) {
			panic(fmt.Sprintf("wrapper: layer %d is nil (%T); leave it out", i, l))
		}
	}
}

// checkOptions panics if an option is nil.
func checkOptions[O any](of string, opts []O) {
	for i, o := range opts {
		if isNil(o) {
			panic(fmt.Sprintf("wrapper: option %d of %s is nil; leave it out", i, of))
		}
	}
}

// needsFunction panics if there is no function to run: it is asked before
// anything is taken.
func needsFunction(of string, there bool) {
	if !there {
		panic("wrapper: " + of + " needs a function, got nil")
	}
}

// needsWrapper panics without a wrapper to run something in, and on a zero one.
func needsWrapper(of string, w *Wrapper) {
	if w == nil {
		panic("wrapper: " + of + " needs a wrapper, got nil; Compose() is one without layers")
	}
	if w.first == nil {
		panic("wrapper: the zero Wrapper is not usable, make one with New or Compose")
	}
}
