package state

import (
	"math"
	"reflect"
	"sync/atomic"
	"unsafe"
)

// A rep is a value without its type, as a [source] keeps it. The shape of the type says how:
//
//   - A value of 8 bytes or less without pointers is in bits. So a Set of a number allocates
//     nothing.
//   - A single pointer is in ptr.
//   - Anything else has a box of its own, to which ptr points. The box is never written
//     again.
type rep struct {
	bits uint64
	ptr  unsafe.Pointer
}

// A shape says how values of a type are kept.
type shape uint8

const (
	inBits shape = iota
	inPtr
	boxed
)

func shapeOf(t reflect.Type) shape {
	switch t.Kind() {
	case reflect.Pointer, reflect.Map, reflect.Chan, reflect.Func, reflect.UnsafePointer:
		return inPtr
	}
	if t.Size() <= 8 && !pointers(t) {
		return inBits
	}
	return boxed
}

// pointers reports whether values of type t hold any.
func pointers(t reflect.Type) bool {
	switch t.Kind() {
	case reflect.Bool, reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64,
		reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64, reflect.Uintptr,
		reflect.Float32, reflect.Float64, reflect.Complex64, reflect.Complex128:
		return false
	case reflect.Array:
		return pointers(t.Elem())
	case reflect.Struct:
		for i := range t.NumField() {
			if pointers(t.Field(i).Type) {
				return true
			}
		}
		return false
	}
	return true
}

// pack returns v as a rep.
func pack[T any](s shape, v T) (r rep) {
	switch s {
	case inBits:
		*(*T)(unsafe.Pointer(&r.bits)) = v
	case inPtr:
		*(*T)(unsafe.Pointer(&r.ptr)) = v
	default:
		box := new(T)
		*box = v
		r.ptr = unsafe.Pointer(box)
	}
	return r
}

// unpack returns the value of r. For the zero rep that is the zero T.
func unpack[T any](s shape, r rep) (v T) {
	switch s {
	case inBits:
		return *(*T)(unsafe.Pointer(&r.bits))
	case inPtr:
		return *(*T)(unsafe.Pointer(&r.ptr))
	default:
		if r.ptr != nil {
			v = *(*T)(r.ptr)
		}
		return v
	}
}

// A form is a shape and a likeness, in four bits each.
type form uint8

func formOf(s shape, l likeness) form { return form(s) | form(l)<<4 }

// plain is the form of values that are kept in bits and compared by them.
const plain = form(inBits) | form(byRep)<<4

func (f form) shape() shape       { return shape(f & 15) }
func (f form) likeness() likeness { return likeness(f >> 4) }

// valueOf returns the value of s, which is of type T. It needs no lock.
func valueOf[T any](s *source) T {
	if s.form.shape() == inBits {
		bits := s.bits.Load()
		return *(*T)(unsafe.Pointer(&bits))
	}
	return unpack[T](s.form.shape(), rep{ptr: atomic.LoadPointer(&s.ptr)})
}

// load returns the value of s. It needs no lock.
func (s *source) load() rep {
	if s.form.shape() == inBits {
		return rep{bits: s.bits.Load()}
	}
	return rep{ptr: atomic.LoadPointer(&s.ptr)}
}

// store makes r the value. books is held.
func (s *source) store(r rep) {
	if s.form.shape() == inBits {
		s.bits.Store(r.bits)
		return
	}
	atomic.StorePointer(&s.ptr, r.ptr)
}

// A likeness says how values are compared. If == compares bits, pointers or float64s, no
// function is called.
type likeness uint8

const (
	byFunc likeness = iota
	byRep
	byFloat
	never // == is not defined
)

func likenessOf(t reflect.Type) likeness {
	switch t.Kind() {
	case reflect.Bool, reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64,
		reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64, reflect.Uintptr,
		reflect.Pointer, reflect.Chan, reflect.UnsafePointer:
		return byRep
	case reflect.Float64:
		return byFloat
	}
	if !t.Comparable() {
		return never
	}
	return byFunc
}

// alike reports whether two values are equal, if that takes no function; else false.
func (s *source) alike(a, b rep) bool {
	switch s.form.likeness() {
	case byRep:
		return a == b
	case byFloat:
		return math.Float64frombits(a.bits) == math.Float64frombits(b.bits)
	}
	return false
}
