package testkit

import (
	"fmt"
	"reflect"
)

// Memory writes down every field of what p points to, those included that nobody
// else can see: for tests that something is not written.
func Memory(p any) string { return fmt.Sprintf("%+v", reflect.ValueOf(p).Elem()) }
