package scope

import (
	"context"
	"errors"
	"io"
	"io/fs"
	"reflect"
)

// fail handles the error of an owned goroutine of s, which still counts as running. The
// first error ends s, and is the cause. A later one that only says that s ends is ignored.
// Any other becomes part of what Destroy returns.
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

// Failure returns the error by which a goroutine ended s, nil if there is none.
func (s *Scope) Failure() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if errs := s.past.errors(); errs != nil {
		return errs.failure
	}
	return nil
}

// endBy ends s with the given cause, as Cancel does, and reports whether this call began
// the end. A staged scope ends in its stages.
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
	t := s.begin(cause, false) // not nil, because the caller runs
	t.async = true
	s.tree.mu.Unlock()
	t.leave()
	return true
}

// ends reports whether err says that s ends, or that something was closed.
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

// netClosed is the text of net.ErrClosed. Programs knew that error by its text before it
// had a name. To import package net for the value would link the resolver, and with cgo the
// C library, into every program that uses signals. A test compares the two.
const netClosed = "use of closed network connection"

// says reports whether known holds for err or for an error that it wraps. Of joined errors
// it must hold for each.
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

// Same reports whether err is target, which is not nil. It asks the value whether it can be
// compared, and not the type: a comparable type may have fields of interface types whose
// values can't be compared.
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
