package bus

import (
	"context"
	"unsafe"

	"github.com/seed-ec287111/tether"
	"github.com/seed-ec287111/tether/internal/handle"
	"github.com/seed-ec287111/tether/internal/visit"
)

// An envelope is a value in a queue.
type envelope[T any] struct {
	Message[T]
	ctx context.Context // has the values of the publisher's context, and does not end
}

// enqueue connects call by way of a queue.
func (s *subscription[T]) enqueue(n *node, call handler[T]) *tether.Connection {
	b, owner, pc := s.bus, s.scope, s.pc
	return handle.Enqueue(handle.Queueing{
		List: &n.list, Owner: s.owner, Options: s.opts, PC: pc, Once: s.once,
		Entry: func(queue func(any) (in, counted bool)) unsafe.Pointer {
			return visit.Word(func(ctx context.Context, m Message[T]) error {
				if in, counted := queue(&envelope[T]{m, visit.Endless(ctx)}); !in && !counted {
					return errLost
				}
				return nil
			})
		},
		Handle: func(v any) {
			e := v.(*envelope[T])
			err := visit.One(e.ctx, owner, func(ctx context.Context) error { return call(ctx, e.Message) },
				func() any { return e.Value })
			if err != nil && !marked(e.ctx) {
				b.letter(e.ctx, e.Topic, e.Value, newHandlerError(owner, pc, e.Topic, err))
			}
		},
	}).(*tether.Connection)
}
