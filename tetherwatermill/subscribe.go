package tetherwatermill

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/ThreeDotsLabs/watermill/message"

	"github.com/seed-ec287111/tether"
	"github.com/seed-ec287111/tether/hook"
	"github.com/seed-ec287111/tether/internal/handle"
	"github.com/seed-ec287111/tether/internal/scope"
)

// Subscribe arranges for f to be called with every message of topic that sub delivers, one
// at a time, until owner is destroyed. It returns the error of sub.Subscribe, or the cause
// of owner's end if owner is not alive.
//
//   - If f returns nil, the message is acked.
//   - If f returns an error, [OnError] gets it, and the message is nacked after a while,
//     see [Backoff]. The broker sends it again, for as long as f fails. [Refuse] gives it
//     up instead.
//   - If f panics and owner has a panic handler, the handler gets the panic, and the
//     message is nacked likewise. Without a panic handler the program crashes, and the
//     message was not acked.
//   - f acks and nacks nothing itself.
//
// ctx has the values of the message's context. It ends with the message's context, at the
// cut-off of owner, and when f has returned.
//
// Destroy is a barrier. It waits for f, then for its ack to be accepted, then for sub to
// end the subscription. When it returns, nothing is handled any more. Messages that sub had
// delivered and f has not begun are nacked. If sub never says that an ack is accepted,
// Destroy waits as long as [Timeout]. If watermill has no way to say it, Destroy waits for
// a tenth of a second.
//
// The subscription lives in a child of owner that is named as the topic. To end it alone,
// give it an owner of its own. If sub closes it, the child ends, and OnError gets
// [ErrClosed].
//
// Subscribe does not close sub. That is for [tether.Own], and not for [tether.OwnBlocking],
// which would close sub before the last ack. Subscribe panics if an argument is nil or
// topic is empty.
func Subscribe(owner *tether.Owner, sub message.Subscriber, topic string, f func(ctx context.Context, m *message.Message) error, opts ...SubscribeOption) error {
	handle.Scope("tetherwatermill: Subscribe", owner)
	refuseNil("Subscribe", "subscriber", sub)
	if topic == "" {
		panic("tetherwatermill: Subscribe with an empty topic")
	}
	if f == nil {
		panic("tetherwatermill: Subscribe with nil function")
	}
	c := configureSubscribe(opts)
	child := owner.NewChild(topic)
	if !child.Alive() {
		return context.Cause(child.Context())
	}
	return subscribe(child, sub, topic, f, c)
}

// A subscription is what happens between the channel that a subscriber fills and f.
//
// Its end is in order by what holds it: workers are goroutines of the owner, and f is a
// handler of it. So at the cut-off no call of f begins any more, and when the owner unwinds,
// all have returned and every message that f was called with has its ack or nack. Only then
// may the context be cancelled that sub has: a subscriber which sees it ended while an ack
// waits for it, may take the one or the other.
//
// The tempting wrong version gives sub the owner's context. Then the message that f is busy
// with at the cut-off is handled and, half of the time, not acked.
type subscription struct {
	config
	owner    *tether.Owner
	topic    string
	f        func(context.Context, *message.Message) error
	handler  hook.Hook[*message.Message, struct{}] // has one: call
	messages <-chan *message.Message
	cancel   context.CancelFunc // of the context that sub has

	mu       sync.Mutex // guards the fields below
	verdicts []verdict  // the last ones, the oldest at answered modulo its length
	answered int        // so far
}

func subscribe(owner *tether.Owner, sub message.Subscriber, topic string, f func(context.Context, *message.Message) error, c config) (err error) {
	ctx, cancel := context.WithCancel(context.WithoutCancel(owner.Context()))
	s := &subscription{
		config: c, owner: owner, topic: topic, f: f, cancel: cancel, verdicts: make([]verdict, c.workers+remembered),
	}
	begun := false
	defer func() {
		if !begun {
			cancel()
			owner.Destroy()
		}
	}()
	stop := owner.Interrupt(cancel) // if sub.Subscribe waits for something, it lets go
	s.messages, err = sub.Subscribe(ctx, topic)
	stop()
	if err == nil && s.messages == nil {
		err = errors.New("tetherwatermill: the subscriber has returned no channel")
	}
	if err != nil {
		return err
	}
	begun = true
	owner.Defer(s.end) // before the workers: if owner is dead by now, it ends what sub has begun
	handle.Attribute(s.handler.Handle(owner, s.call), scope.PC(f))
	for range s.workers {
		owner.Go(s.work)
	}
	return nil
}

// work handles messages until the owner is cut off. Where it returns earlier, the
// subscription has ended by itself.
func (s *subscription) work(ctx context.Context) {
	defer s.owner.Cancel(ErrClosed)
	failures := 0          // since the last success
	for ctx.Err() == nil { // what was just nacked may be here again
		select {
		case <-ctx.Done():
		case m, ok := <-s.messages:
			if !ok {
				return
			}
			if s.handle(m) {
				failures = 0
				continue
			}
			s.wait(ctx, failures)
			failures++
			s.answer(m, false)
		}
	}
}

// handle reports whether f was called and has returned nil; then it has acked m.
func (s *subscription) handle(m *message.Message) bool {
	returned := false
	defer func() {
		if !returned { // but panicked, or ended the goroutine
			s.answer(m, false)
		}
	}()
	_, err := s.handler.First(m.Context(), m) // an error too if the cut-off came first
	returned = true
	if err == nil {
		s.answer(m, true)
	}
	return err == nil
}

// call is the handler, by which f has the context, the supervision, and the end of one.
func (s *subscription) call(ctx context.Context, m *message.Message) (none struct{}, err error) {
	err = s.f(ctx, m)
	if err == nil || s.over(err) {
		return none, err
	}
	s.onError(&Error{Topic: s.topic, Message: m, Err: err})
	var r *refusal
	if errors.As(err, &r) {
		return none, nil
	}
	return none, err
}

// over reports whether err only says that the owner ends.
func (s *subscription) over(err error) bool {
	ctx := s.owner.Context()
	return ctx.Err() != nil && (errors.Is(err, ctx.Err()) || errors.Is(err, context.Cause(ctx)))
}

// wait waits before the nack that follows these failures in a row, and the one at hand.
func (s *subscription) wait(ctx context.Context, failures int) {
	d := s.first
	for ; failures > 0 && d < s.most; failures-- {
		d *= 2
	}
	timer := time.NewTimer(min(d, s.most))
	defer timer.Stop()
	select {
	case <-ctx.Done():
	case <-timer.C:
	}
}

// end is the owner's cleanup.
func (s *subscription) end() {
	s.settle()
	s.cancel()
	for m := range s.messages {
		m.Nack()
	}
	if context.Cause(s.owner.Context()) == ErrClosed { //nolint:errorlint // that very one
		s.onError(&Error{Topic: s.topic, Err: ErrClosed})
	}
}

// A verdict is an ack or nack that may not have reached the broker yet. A subscriber takes
// it from the message on a goroutine of its own, and ends the message's context afterwards.
type verdict struct {
	accepted <-chan struct{} // nil if the message has a context that does not end
	until    time.Time       // how long that is worth waiting for
}

const (
	// blind is for what no context tells: a nack after which the same message comes again,
	// or the ack of a copy of one. It takes the subscriber that long at most; if it takes
	// longer, the message may come again, as it may always.
	blind = 100 * time.Millisecond

	// remembered is how many verdicts Destroy waits for, besides one for each worker: for
	// subscribers that send many acks at a time. Arbitrary.
	remembered = 64
)

// answer acks or nacks m.
func (s *subscription) answer(m *message.Message, ok bool) {
	v := verdict{m.Context().Done(), time.Now().Add(blind)}
	if ok && v.accepted != nil {
		v.until = time.Now().Add(s.timeout)
	}
	s.mu.Lock()
	s.verdicts[s.answered%len(s.verdicts)] = v
	s.answered++
	s.mu.Unlock()
	if ok {
		m.Ack()
	} else {
		m.Nack()
	}
}

// settle waits until all verdicts are with the broker, or it is not worth it any more.
func (s *subscription) settle() {
	s.mu.Lock()
	all := s.verdicts // nobody answers any more
	s.mu.Unlock()
	for _, v := range all {
		timer := time.NewTimer(time.Until(v.until))
		select {
		case <-v.accepted:
		case <-timer.C:
		}
		timer.Stop()
	}
}
