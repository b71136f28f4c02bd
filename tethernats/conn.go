package tethernats

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/seed-ec287111/tether"
	"github.com/seed-ec287111/tether/internal/check"
	"github.com/seed-ec287111/tether/internal/goroutine"
	"github.com/seed-ec287111/tether/internal/handle"
	"github.com/seed-ec287111/tether/internal/scope"
	"github.com/seed-ec287111/tether/internal/visit"
)

const (
	// patience is how long a call waits for a server that does not answer, or for the
	// connection to come back. Arbitrary.
	patience = 10 * time.Second

	// lastPatience is the same for what a Destroy asks of the server. Arbitrary.
	lastPatience = 2 * time.Second
)

// A Conn is a connection to a NATS server. [Connect] and [Embed] make one. It ends in the
// unwinding of its owner. So what the owner's handlers and goroutines send while the owner
// is draining is sent. All methods may be called by multiple goroutines at once.
type Conn struct {
	owner    *tether.Owner
	scope    *scope.Scope
	nc       *nats.Conn
	js       jetstream.JetStream
	codec    Codec
	url      string // of an embedded server that listens; else ""
	memory   bool   // of an embedded server without a directory
	embedded bool
	propagation

	// calls has the functions that nats.go would call on a goroutine of its own, and what
	// OnError was given. They run on a queue whose owner is a root, so that it can outlive
	// all that has something to report: the Conn destroys it last.
	calls tether.Signal[func()]
	queue *tether.Queue
	told  func(error)

	counts counts
	line   atomic.Pointer[line]

	mu       sync.Mutex // guards the fields below
	inlets   map[*inlet]struct{}
	draining bool
}

// Connect connects to the server that url names, or to one of several, as nats.go does it:
// "nats://127.0.0.1:4222,nats://127.0.0.1:4223". It waits for the connection, two seconds
// for each address unless [Options] say otherwise. If owner is not alive, it returns
// [ErrClosed].
func Connect(owner *tether.Owner, url string, opts ...ConnOption) (*Conn, error) {
	handle.Scope("tethernats: Connect", owner)
	cfg := connConfig{codec: JSON}
	for _, opt := range opts {
		if opt == nil {
			panic("tethernats: Connect with nil option")
		}
		opt.conn(&cfg)
	}
	return connect(owner.NewChild("nats"), url, cfg)
}

// connect makes a Conn of o's. If it returns an error, o has ended.
func connect(o *tether.Owner, url string, cfg connConfig) (c *Conn, err error) {
	defer func() {
		if err != nil {
			o.Destroy()
		}
	}()
	if !o.Alive() {
		return nil, ErrClosed
	}
	c = &Conn{
		owner: o, scope: handle.Scope("", o), codec: cfg.codec, told: cfg.told,
		propagation: cfg.propagation, inlets: make(map[*inlet]struct{}),
	}
	if c.told == nil {
		c.told = logged
	}
	c.line.Store(newLine())
	last := tether.NewOwner("nats calls", tether.Unattended())
	c.queue = tether.NewQueue(last, 1024, tether.DropNewest, tether.Finish())
	on := tether.On(c.queue)
	c.calls.Connect(last, c.call, on)
	number, _ := handle.Queued(on)
	o.Defer(func() {
		last.Destroy()                  // does not wait in a cleanup
		if !goroutine.Spelled(number) { // else what the queue calls has ended o, and is waited for by nobody
			<-last.Ended()
		}
	})

	closed := make(chan struct{})
	options := append([]nats.Option{
		nats.Name("tether " + o.Parent().String()),
		nats.MaxReconnects(-1),
		nats.ReconnectWait(500 * time.Millisecond),
		nats.ReconnectJitter(100*time.Millisecond, 100*time.Millisecond),
	}, cfg.nats...)
	options = append(options, func(opts *nats.Options) error {
		c.take(opts, closed)
		return nil
	})
	if c.nc, err = nats.Connect(url, options...); err != nil {
		return nil, fmt.Errorf("tethernats: connect: %w", err)
	}
	o.Defer(func() {
		c.nc.Close()
		<-closed // nothing is called any more
	})
	if c.js, err = jetstream.New(c.nc); err != nil {
		return nil, fmt.Errorf("tethernats: %w", err)
	}
	return c, nil
}

// take has the handlers of a connection's events called on the queue, and reported what is
// not the end. closed is closed when nats.go has called the last of them.
func (c *Conn) take(opts *nats.Options, closed chan struct{}) {
	user := *opts
	opts.NoCallbacksAfterClientClose = false
	opts.AsyncErrorCB = func(nc *nats.Conn, sub *nats.Subscription, err error) {
		subject := ""
		if sub != nil {
			subject = sub.Subject
		}
		if user.AsyncErrorCB != nil {
			c.calls.Fire(func() { user.AsyncErrorCB(nc, sub, err) })
		}
		c.report("connection", subject, err, nil)
	}
	opts.DisconnectedErrCB = func(nc *nats.Conn, err error) {
		c.line.Swap(newLine()).cut()
		if user.DisconnectedErrCB != nil {
			c.calls.Fire(func() { user.DisconnectedErrCB(nc, err) })
		} else if f := user.DisconnectedCB; f != nil {
			c.calls.Fire(func() { f(nc) })
		}
		if err != nil {
			c.report("connection", "", fmt.Errorf("lost: %w", err), nil)
		}
	}
	opts.ClosedCB = func(nc *nats.Conn) {
		if user.ClosedCB != nil {
			c.calls.Fire(func() { user.ClosedCB(nc) })
		}
		close(closed)
	}
	for _, cb := range []*nats.ConnHandler{
		&opts.ReconnectedCB, &opts.DiscoveredServersCB, &opts.LameDuckModeHandler, &opts.ConnectedCB,
	} {
		if f := *cb; f != nil {
			*cb = func(nc *nats.Conn) { c.calls.Fire(func() { f(nc) }) }
		}
	}
	if f := opts.ReconnectErrCB; f != nil {
		opts.ReconnectErrCB = func(nc *nats.Conn, err error) { c.calls.Fire(func() { f(nc, err) }) }
	}
}

// A line is the connection until it is lost the next time.
type line struct {
	up  context.Context // ends when it is lost, or a little later
	cut func()
}

func newLine() *line {
	l := new(line)
	l.up, l.cut = context.WithCancel(context.Background())
	return l
}

// call is the handler of c.calls: a panic in f is one of the Conn's owner.
func (c *Conn) call(f func()) {
	_ = visit.One(context.Background(), c.scope, func(context.Context) error { f(); return nil }, func() any { return nil })
}

// report tells OnError. When the Conn has ended, which somebody of another owner may be the
// last to notice, it is too late for that.
func (c *Conn) report(op, subject string, err error, m *nats.Msg) {
	e := &Error{Op: op, Subject: subject, Err: err, Msg: m}
	if c.calls.Len() == 0 {
		logged(e)
		return
	}
	c.calls.Fire(func() { c.told(e) })
}

func logged(err error) { slog.Warn("tethernats", "err", err) }

func (c *Conn) check(op string) {
	if c == nil || c.nc == nil {
		panic("tethernats: " + op + " with nil Conn")
	}
}

// NATS returns the connection underneath, for what this package does not do. It must not be
// closed or drained.
func (c *Conn) NATS() *nats.Conn { c.check("NATS"); return c.nc }

// JetStream returns the interface to streams, for what this package does not do.
func (c *Conn) JetStream() jetstream.JetStream { c.check("JetStream"); return c.js }

// URL returns the address at which other processes reach the server. For an embedded server
// that is where it listens, or "" if it does not. Otherwise it is the server that c is
// connected to, or "" if c is not connected.
func (c *Conn) URL() string {
	c.check("URL")
	if c.embedded {
		return c.url
	}
	return c.nc.ConnectedUrlRedacted()
}

// Stream makes a stream with that name, which stores what is published to the subjects. If
// there is one already, Stream adds the subjects that it lacks, and leaves it as it is
// otherwise. A new stream is stored in a file. With a [Conn] made by [Embed] without a
// directory it is in memory. For streams of other kinds use JetStream.
func (c *Conn) Stream(ctx context.Context, name string, subjects ...string) error {
	c.check("Stream")
	if ctx == nil {
		panic("tethernats: Stream with nil context")
	}
	for _, s := range subjects {
		checkPattern("Stream", s)
	}
	s, err := c.js.Stream(ctx, name)
	if errors.Is(err, jetstream.ErrStreamNotFound) {
		cfg := jetstream.StreamConfig{Name: name, Subjects: subjects}
		if c.memory {
			cfg.Storage = jetstream.MemoryStorage
		}
		_, err = c.js.CreateStream(ctx, cfg)
	} else if err == nil {
		cfg := s.CachedInfo().Config
		missing := lacking(cfg.Subjects, subjects)
		if len(missing) == 0 {
			return nil
		}
		cfg.Subjects = append(cfg.Subjects, missing...)
		_, err = c.js.UpdateStream(ctx, cfg)
	}
	if err != nil {
		return fmt.Errorf("tethernats: stream %q: %w", name, err)
	}
	return nil
}

// lacking returns those of want that have has not.
func lacking(have, want []string) (missing []string) {
	for _, w := range want {
		found := false
		for _, h := range have {
			found = found || h == w
		}
		if !found {
			missing = append(missing, w)
		}
	}
	return missing
}

// flush waits until the server has got what was sent, and what it had sent before that has
// arrived.
func (c *Conn) flush(ctx context.Context, atMost time.Duration) error {
	ctx, cancel := context.WithTimeout(ctx, atMost)
	defer cancel()
	return c.nc.FlushWithContext(ctx)
}

// settled makes sure that the server knows of what was subscribed to. Without a connection it
// will be told when there is one.
func (c *Conn) settled(o *tether.Owner) error {
	if !c.nc.IsConnected() {
		return nil
	}
	if err := c.flush(o.Context(), patience); err != nil && c.nc.IsConnected() {
		return err
	}
	return nil
}

// checkSubject panics if s is not a subject to publish to.
func checkSubject(op, s string) {
	checkPattern(op, s)
	for token := range strings.SplitSeq(s, ".") {
		if token == "*" || token == ">" {
			panic(fmt.Sprintf("tethernats: %s with subject %q, which has a wildcard", op, s))
		}
	}
}

// checkPattern panics if s is not a subject to subscribe to.
func checkPattern(op, s string) {
	last := false
	for token := range strings.SplitSeq(s, ".") {
		switch {
		case token == "":
			panic(fmt.Sprintf("tethernats: %s with subject %q, which has an empty token", op, s))
		case strings.ContainsAny(token, " \t\r\n\f\v\x00"):
			panic(fmt.Sprintf("tethernats: %s with subject %q, which has white space", op, s))
		case last:
			panic(fmt.Sprintf("tethernats: %s with subject %q, which has a > that is not last", op, s))
		}
		last = token == ">"
	}
}

// checkCall checks what most functions are given.
func checkCall[O any](op string, owner *tether.Owner, c *Conn, opts []O) {
	handle.Scope("tethernats: "+op, owner)
	c.check(op)
	for _, opt := range opts {
		if check.Nil(opt) {
			panic("tethernats: " + op + " with nil option")
		}
	}
}
