package scope

import (
	"context"
	"errors"
	"io"
	"io/fs"
	"reflect"
)

// fail is told that an owned goroutine of s, which still counts as running, ended with err.
// The first error ends s, with err as the cause. One that comes later, and only says that s
// ends, is none; every other one is part of what Destroy returns.
func (s *Scope) fail(err error) {
	first := s.endBy(err)
	if !first && says(err, s.ends) {
		return
	}
	s.addError(err)
	if first {
		s.mu.Lock()
		s.past.errs.failure = err
		s.mu.Unlock()
	}
}

// Failure returns the error of a goroutine that ended s by it, nil if there is none.
func (s *Scope) Failure() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if errs := s.past.errors(); errs != nil {
		return errs.failure
	}
	return nil
}

// endBy ends s with the given cause, as Cancel does, and reports whether this call has
// begun that. A staged scope ends in its stages.
func (s *Scope) endBy(cause error) (first bool) {
	if s.staged {
		var st *stages
		if st, first = s.beginStages(cause); first {
			go st.run()
		}
		return first
	}
	s.tree.mu.Lock()
	if !s.Alive() {
		s.tree.mu.Unlock()
		return false
	}
	t := s.begin(cause, false) // not nil, as the caller runs
	t.async = true
	s.tree.mu.Unlock()
	t.leave()
	return true
}

// ends reports whether err says that s ends, or has something of it closed.
func (s *Scope) ends(err error) bool {
	s.mu.Lock()
	cause := s.cause
	s.mu.Unlock()
	return is(err, context.Canceled) || is(err, cause) || wasClosed(err)
}

// wasClosed reports whether err says that something was closed before.
func wasClosed(err error) bool {
	return err.Error() == netClosed || is(err, fs.ErrClosed) || is(err, io.ErrClosedPipe)
}

// netClosed is the text of net.ErrClosed, by which programs knew that error before it had a
// name. To import package net for its value would link the resolver, and with cgo the C
// library, into every program that uses signals. A test compares the two.
const netClosed = "use of closed network connection"

// says reports whether err is, or wraps, what known knows. Of joined errors each must.
func says(err error, known func(error) bool) bool {
	for err != nil {
		if known(err) {
			return true
		}
		if many, ok := err.(interface{ Unwrap() []error }); ok {
			all := many.Unwrap()
			for _, e := range all {
				if !says(e, known) {
					return false
				}
			}
			return len(all) > 0
		}
		err = errors.Unwrap(err)
	}
	return false
}

// Same reports whether err is target, which is not nil. The value is asked and not its type,
// as a type that can be compared may have fields of interface types whose values can't.
func Same(err, target error) bool {
	return reflect.ValueOf(target).Comparable() && err == target //nolint:errorlint // what it wraps does not count
}

// is is [errors.Is] for err alone, without what it wraps.
func is(err, target error) bool {
	if Same(err, target) {
		return true
	}
	own, ok := err.(interface{ Is(error) bool })
	return ok && own.Is(target)
}
