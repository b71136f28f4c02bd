// Package check finds arguments that can't be used, before they do harm.
package check

import "reflect"

// Nil reports whether v is nil, or of any type that has a nil and holds that: a
// method can be called on such a value, and so an interface that holds it is not nil,
// but what the method does then is seldom what the caller had in mind. Cost: some
// nanoseconds, so it is for calls that make something.
func Nil(v any) bool {
	if v == nil {
		return true
	}
	switch r := reflect.ValueOf(v); r.Kind() {
	case reflect.Pointer, reflect.Func, reflect.Map, reflect.Chan, reflect.Slice, reflect.UnsafePointer:
		return r.IsNil()
	}
	return false // an interface in an interface there is not
}
