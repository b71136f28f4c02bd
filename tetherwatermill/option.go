package tetherwatermill

import (
	"fmt"
	"time"

	"github.com/seed-ec287111/tether"
)

// A SubscribeOption is an option of [Subscribe].
type SubscribeOption interface{ subscribe(*config) }

// A PublishOption is an option of [Publish].
type PublishOption interface{ publish(*config) }

// An Option is an option of [Subscribe] and of [Publish].
type Option interface {
	SubscribeOption
	PublishOption
}

type config struct {
	onError func(*Error)
	timeout time.Duration

	workers     int
	first, most time.Duration

	connect []tether.ConnectOption
}

type option func(*config)

func (f option) subscribe(c *config) { f(c) }
func (f option) publish(c *config)   { f(c) }

func defaults() config {
	return config{
		onError: logError,
		timeout: 5 * time.Second, // arbitrary: far more than a broker takes, and less than a shutdown may
		workers: 1,
		first:   100 * time.Millisecond, // arbitrary, and so is the other
		most:    5 * time.Second,
	}
}

// OnError arranges for f to be called with what goes wrong, instead of [slog.Warn].
//
// For [Subscribe] f gets an error of the handler, on the goroutine of the handler, before
// the message is acked or nacked. f counts as a part of the handler, and its panic as one
// of the handler. f is not called for a panic, which the owner's panic handler gets. It is
// not called for an error that only says that the owner ends. If the subscription ends
// before its owner, f is called once with [ErrClosed].
//
// For [Publish] f gets an error of the codec or of the publisher. The value is lost, unless
// f does something about it.
func OnError(f func(*Error)) Option {
	if f == nil {
		panic("tetherwatermill: OnError with nil function")
	}
	return option(func(c *config) { c.onError = f })
}

// Timeout says how long the broker may take to accept something. The default is 5 seconds.
// For [Subscribe] it bounds how long Destroy waits for the last acks to be accepted. For
// [Publish] it is the deadline of the context of each message, which not all publishers
// heed.
func Timeout(d time.Duration) Option {
	if d <= 0 {
		panic(fmt.Sprintf("tetherwatermill: Timeout with %v", d))
	}
	return option(func(c *config) { c.timeout = d })
}

// Concurrency arranges for up to n messages to be handled at once, in no particular order.
// The subscriber must have as many under way: one for each partition, for example. The
// default is 1.
func Concurrency(n int) SubscribeOption {
	if n < 1 {
		panic(fmt.Sprintf("tetherwatermill: Concurrency with %d", n))
	}
	return option(func(c *config) { c.workers = n })
}

// Backoff says how long a message that has failed is kept before it is nacked. Many brokers
// send a nacked message again at once. The wait is first after one failure. It doubles
// after each further failure without a success between, and is never longer than most. The
// default is 100 ms, and 5 s at most. With zeros messages are nacked at once. The broker
// must wait for an ack for longer than that. The cut-off ends the wait.
func Backoff(first, most time.Duration) SubscribeOption {
	if first < 0 || most < first {
		panic(fmt.Sprintf("tetherwatermill: Backoff with %v and %v", first, most))
	}
	return option(func(c *config) { c.first, c.most = first, most })
}

// With passes options on to the Connect of the source that is published. With [tether.On] a
// queue calls the publisher, and not the goroutine that fires. If the queue has
// [tether.Finish], what it has accepted is published before Destroy returns.
func With(opts ...tether.ConnectOption) PublishOption {
	for _, opt := range opts {
		refuseNil("With", "option", opt)
	}
	return option(func(c *config) { c.connect = append(c.connect, opts...) })
}

func configureSubscribe(opts []SubscribeOption) config {
	c := defaults()
	for _, opt := range opts {
		refuseNil("Subscribe", "option", opt)
		opt.subscribe(&c)
	}
	return c
}

func configurePublish(opts []PublishOption) config {
	c := defaults()
	for _, opt := range opts {
		refuseNil("Publish", "option", opt)
		opt.publish(&c)
	}
	return c
}
