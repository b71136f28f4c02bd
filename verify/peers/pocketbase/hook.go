// Package pocketbase is the API of package tools/hook of github.com/pocketbase/pocketbase on
// package hook.
package pocketbase

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"

	"github.com/seed-ec287111/tether"
	"github.com/seed-ec287111/tether/hook"
)

// A Resolver is an event: a pointer to a struct that embeds Event.
type Resolver interface {
	Next() error
	onward() *func() error
}

// Event is to be embedded in the structs of events.
type Event struct{ next func() error }

// Next calls the handler that follows, if there is one.
func (e *Event) Next() error {
	if e.next == nil {
		return nil
	}
	return e.next()
}

func (e *Event) onward() *func() error { return &e.next }

// A Handler is one of a hook's. Those of lower Priority are called first.
type Handler[T Resolver] struct {
	Func     func(T) error
	Id       string //nolint:staticcheck // the original's spelling
	Priority int
}

// A Hook has handlers that are called one inside the other. The zero Hook is ready; one made
// by New ends with its owner.
type Hook[T Resolver] struct {
	chain hook.Chain[T, struct{}]

	mu    sync.Mutex // guards the fields below
	owner *tether.Owner
	bound map[string]*binding[T]
	made  int // ids
}

// A binding is the place of an id in the chain.
type binding[T Resolver] struct {
	f        atomic.Pointer[func(T) error]
	priority int
	conn     *tether.Connection
}

// New returns a hook whose handlers live in owner.
func New[T Resolver](owner *tether.Owner) *Hook[T] { return &Hook[T]{owner: owner} }

// Bind makes handler one of the hook's, in place of one of the same id, and returns the id.
func (h *Hook[T]) Bind(handler *Handler[T]) string {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.owner == nil {
		h.owner = tether.NewOwner("hook", tether.Unattended())
	}
	if h.bound == nil {
		h.bound = make(map[string]*binding[T])
	}
	for handler.Id == "" {
		h.made++
		if id := fmt.Sprintf("handler %d", h.made); h.bound[id] == nil {
			handler.Id = id
		}
	}
	b := h.bound[handler.Id]
	if b != nil && b.priority == handler.Priority { // in the same place
		b.f.Store(&handler.Func)
		return handler.Id
	}
	if b != nil {
		b.conn.Disconnect()
	}
	b = &binding[T]{priority: handler.Priority}
	b.f.Store(&handler.Func)
	b.conn = h.chain.Use(h.owner, func(ctx context.Context, e T, next rest[T]) (struct{}, error) {
		return struct{}{}, within(e, func() error { _, err := next(ctx, e); return err }, *b.f.Load())
	}, tether.Priority(^handler.Priority)) // here it is the higher ones that come first
	h.bound[handler.Id] = b
	return handler.Id
}

type rest[T any] = func(context.Context, T) (struct{}, error)

// within calls f with an e whose Next is next.
func within[T Resolver](e T, next func() error, f func(T) error) error {
	at := e.onward()
	outer := *at
	*at = next
	defer func() { *at = outer }()
	return f(e)
}

// BindFunc is Bind of a function, with priority 0 and an id of its own.
func (h *Hook[T]) BindFunc(f func(T) error) string { return h.Bind(&Handler[T]{Func: f}) }

// Unbind removes the handlers with these ids.
func (h *Hook[T]) Unbind(ids ...string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, id := range ids {
		if b := h.bound[id]; b != nil {
			b.conn.Disconnect()
			delete(h.bound, id)
		}
	}
}

// UnbindAll removes all handlers.
func (h *Hook[T]) UnbindAll() {
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, b := range h.bound {
		b.conn.Disconnect()
	}
	clear(h.bound)
}

// Length returns the number of handlers.
func (h *Hook[T]) Length() int { return h.chain.Len() }

// Trigger calls the handlers and then the functions given, each inside the one before.
func (h *Hook[T]) Trigger(event T, last ...func(T) error) error {
	_, err := h.chain.Run(context.Background(), event, func(_ context.Context, e T) (struct{}, error) {
		return struct{}{}, in(e, last)
	})
	return err
}

// in calls fs, each inside the one before.
func in[T Resolver](e T, fs []func(T) error) error {
	if len(fs) == 0 {
		return nil
	}
	return within(e, func() error { return in(e, fs[1:]) }, fs[0])
}

// A Tagger is an event with tags.
type Tagger interface {
	Resolver
	Tags() []string
}

// A TaggedHook binds handlers that are only for events with one of its tags, or for all if
// it has none.
type TaggedHook[T Tagger] struct {
	*Hook[T]
	tags []string
}

// NewTaggedHook returns a TaggedHook of h.
func NewTaggedHook[T Tagger](h *Hook[T], tags ...string) *TaggedHook[T] {
	return &TaggedHook[T]{h, tags}
}

// CanTriggerOn reports whether the handlers are for events with these tags.
func (h *TaggedHook[T]) CanTriggerOn(tags []string) bool {
	return len(h.tags) == 0 || slices.ContainsFunc(tags, func(t string) bool { return slices.Contains(h.tags, t) })
}

// Bind is Hook.Bind.
func (h *TaggedHook[T]) Bind(handler *Handler[T]) string {
	f := handler.Func
	handler.Func = func(e T) error {
		if h.CanTriggerOn(e.Tags()) {
			return f(e)
		}
		return e.Next()
	}
	return h.Hook.Bind(handler)
}

// BindFunc is Hook.BindFunc.
func (h *TaggedHook[T]) BindFunc(f func(T) error) string { return h.Bind(&Handler[T]{Func: f}) }
