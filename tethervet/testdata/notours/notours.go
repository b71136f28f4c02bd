// Package notours has owners and signals of its own, about which there is nothing
// to say.
package notours

import "context"

type Owner struct{ parent *Owner }

func NewOwner(string) *Owner { return new(Owner) }

func (o *Owner) NewChild(string) *Owner { return &Owner{o} }

func (o *Owner) Destroy() error { return nil }

func (o *Owner) Ended() <-chan struct{} { return nil }

func (o *Owner) Defer(func()) {}

func (o *Owner) Go(func(context.Context)) {}

type Connection struct{}

type Signal[T any] struct{}

func (s *Signal[T]) Connect(*Owner, func(T)) *Connection { return nil }

func (s *Signal[T]) Fire(T) {}

func Wait[T any](context.Context, *Signal[T]) (v T, err error) { return }

func all(ctx context.Context) {
	NewOwner("lost")
	o := NewOwner("o")
	var ping, pong Signal[int]
	ping.Connect(o, func(int) {
		pong.Connect(o, func(int) {})
		o.Destroy()
		<-o.Ended()
	})
	ping.Fire(1)
	Wait(ctx, &pong)
}
