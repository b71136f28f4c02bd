package tethernats

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/seed-ec287111/tether"
	"github.com/seed-ec287111/tether/internal/fifo"
)

// A consumer fetches messages and has them handled. One goroutine, fetch, knows of all that are
// held, from their arrival to their end: it asks the server for as many as there is room for,
// gives them to the workers, tells the server as long as they are in work, and gives back what
// is left at the end. The workers settle what they have handled.
//
// Why it is a barrier. All its goroutines belong to o, and Destroy of o waits for them. No
// handler begins after the cut-off, as it is connected to o: a worker that has a message by then
// finds that the handler was not called. The server sends nothing more when it has processed
// the UNSUB. What it had sent before that is in k.in when its PONG has come, as the messages
// and the PONG come in one order, by the one goroutine of nats.go that reads. So after stop all
// that the server thinks to be here is held, and all of that is settled before fetch returns.
// What the server sends for nobody, as it had chosen this subscription before it knew, it takes
// back itself. Acknowledgements are processed in the order in which they are sent. So when the
// server has answered the last question, see confirm, all before it are in its books.
//
// The tempting wrong version unsubscribes at the cut-off, with [nats.Subscription.Unsubscribe]:
// what is on its way then is nobody's until AckWait is over.
type consumer struct {
	c               *Conn
	o               *tether.Owner
	cfg             consumeConfig
	stream, durable string
	limit           int // of messages held and asked for
	handle          func(context.Context, *nats.Msg, *nats.MsgMetadata) (outcome, error)

	inlet   *inlet
	taking  context.Context // ends with o, and by Drain
	sub     *nats.Subscription
	in      chan *nats.Msg   // from the server
	work    chan *nats.Msg   // to the workers; closed when there is no more; giveBack takes from it too
	settled chan *nats.Msg   // from the workers
	status  chan nats.Status // of the connection

	// What follows is fetch's alone.

	waiting fifo.Buffer[*nats.Msg]
	running map[*nats.Msg]struct{}
	asked   int              // messages that the server is to send, as far as is known
	arrived time.Time        // when the server was last heard of
	refused int              // how often the server has refused to send any, one time after the other
	again   <-chan time.Time // when it may be asked again; nil if it may be now
	stopped bool             // nothing more comes in
	deaf    bool             // the server did not answer when it was told so
	last    string           // where the last message settled had to be answered to
}

// handed is how many messages are with the workers, or on the way there or back: with none,
// the goroutines would take turns at each message. Arbitrary.
const handed = 32

// run subscribes and starts the goroutines.
func (k *consumer) run(workers int) (err error) {
	taking, drain := context.WithCancel(k.o.Context())
	k.taking = taking
	if k.inlet, err = k.c.enter(drain, nil); err != nil {
		drain()
		return err
	}
	k.in = make(chan *nats.Msg, 4*k.limit+64) // there may be requests that a lost connection made the server forget, and those that it has not
	k.work, k.settled = make(chan *nats.Msg, handed), make(chan *nats.Msg, handed)
	k.running = make(map[*nats.Msg]struct{})
	if k.sub, err = k.c.nc.ChanSubscribe(k.c.nc.NewInbox(), k.in); err != nil {
		drain()
		k.c.leave(k.inlet)
		return err
	}
	k.status = k.c.nc.StatusChanged(nats.CONNECTED, nats.CLOSED)
	if !k.o.Go(k.fetch) {
		k.end()
		return ErrClosed
	}
	for range workers {
		if !k.o.Go(k.serve) {
			break // fetch ends too, and has given nothing away
		}
	}
	return nil
}

// fetch is the loop.
func (k *consumer) fetch(ctx context.Context) {
	defer k.end()
	defer close(k.work)
	beat := time.NewTicker(min(k.cfg.ackWait/3, k.cfg.idle))
	defer beat.Stop()
	cut, drain := ctx.Done(), k.taking.Done()
	k.arrived = time.Now()
	for !k.stopped || k.waiting.Len() > 0 || len(k.running) > 0 {
		k.ask()
		var work chan<- *nats.Msg
		var next *nats.Msg
		if k.waiting.Len() > 0 {
			work, next = k.work, *k.waiting.At(0)
		}
		select {
		case m := <-k.in:
			k.receive(m)
		case work <- next:
			k.waiting.Pop()
			k.running[next] = struct{}{}
		case m := <-k.settled:
			k.last = m.Reply
			delete(k.running, m)
		case <-beat.C:
			k.beat()
		case <-k.again:
			k.again = nil
		case s, ok := <-k.status:
			k.changed(s, ok)
		case <-drain:
			drain = nil
			k.stop()
		case <-cut:
			cut = nil
			k.stop()
			k.giveBack()
		}
	}
	k.confirm()
}

// ask has the server send as many messages as there is room for, if that is worth a request.
func (k *consumer) ask() {
	free := k.limit - k.asked - k.waiting.Len() - len(k.running)
	if k.stopped || k.again != nil || free <= 0 || free < k.limit/2 && k.asked > 0 {
		return
	}
	request, _ := json.Marshal(struct {
		Expires   time.Duration `json:"expires"`
		Batch     int           `json:"batch"`
		Heartbeat time.Duration `json:"idle_heartbeat"`
	}{6 * k.cfg.idle, free, k.cfg.idle}) // numbers can be encoded
	subject := "$JS.API.CONSUMER.MSG.NEXT." + k.stream + "." + k.durable
	if err := k.c.nc.PublishRequest(subject, k.sub.Subject, request); err != nil {
		k.pause()
		return
	}
	k.asked += free
}

// receive takes in a message, or what the server says of a request.
func (k *consumer) receive(m *nats.Msg) {
	k.arrived = time.Now()
	status := m.Header.Get("Status")
	if len(m.Data) > 0 || status == "" {
		k.asked, k.refused = max(0, k.asked-1), 0
		k.waiting.Push(m)
		return
	}
	text := m.Header.Get("Description")
	left, err := strconv.Atoi(m.Header.Get("Nats-Pending-Messages"))
	switch {
	case status == "100": // it is there
		k.refused = 0
	case text == "Consumer Deleted":
		k.fail(fmt.Errorf("%s", text))
	case err == nil: // that request is over
		k.asked = max(0, k.asked-left)
	default:
		k.asked = 0
		k.pause()
		if k.refused == patientUntil {
			k.c.report("Consume", k.durable, fmt.Errorf("the server says: %s %s", status, text), nil)
		}
	}
}

// patientUntil is how often the server may refuse before that is reported: about a second.
// While it starts, or changes a durable, it does for a moment. Arbitrary, as are the pauses.
const patientUntil = 5

// pause has ask wait, longer each time.
func (k *consumer) pause() {
	k.refused++
	k.again = time.After(min(time.Duration(k.refused)*50*time.Millisecond, 5*time.Second))
}

// beat tells the server that what is held is in work, and asks anew if nothing was heard of it.
func (k *consumer) beat() {
	if k.asked > 0 && time.Since(k.arrived) > 3*k.cfg.idle {
		k.asked, k.arrived = 0, time.Now()
	}
	for m := range k.running {
		k.respond(m, inProgress)
	}
	for i := range k.waiting.Len() {
		k.respond(*k.waiting.At(i), inProgress)
	}
}

// changed is told of the connection. When it is back, the server has forgotten the requests.
func (k *consumer) changed(s nats.Status, ok bool) {
	switch {
	case !ok:
		k.status = nil
	case s == nats.CONNECTED:
		k.asked, k.again = 0, nil
	case s == nats.CLOSED:
		k.fail(nats.ErrConnectionClosed)
	}
}

// fail ends the consumer, as it can't go on.
func (k *consumer) fail(err error) {
	if k.o.Alive() {
		k.c.report("Consume", k.durable, err, nil)
	}
	k.o.Cancel(err)
}

// stop has the server send nothing more, and takes in what it has sent.
func (k *consumer) stop() {
	if k.stopped {
		return
	}
	k.stopped = true
	if err := k.sub.Drain(); err == nil && k.c.nc.IsConnected() {
		k.deaf = k.c.flush(context.Background(), lastPatience) != nil // then what is here is all there is
	}
	for {
		select {
		case m := <-k.in:
			k.receive(m)
		default:
			return
		}
	}
}

// giveBack has the server deliver at once, to somebody else, what has not begun.
func (k *consumer) giveBack() {
	for {
		select {
		case m := <-k.work:
			delete(k.running, m)
			k.untouched(m)
			continue
		default:
		}
		if k.waiting.Len() == 0 {
			return
		}
		k.untouched(k.waiting.Pop())
	}
}

func (k *consumer) untouched(m *nats.Msg) {
	k.last = m.Reply
	k.respond(m, nak)
	k.c.counts.returned.Add(1)
}

// confirm returns when the server has processed all that it was told. What it is sent says
// nothing: that a message is in work which is not.
func (k *consumer) confirm() {
	if k.last == "" {
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), lastPatience)
	defer cancel()
	if k.c.nc.IsConnected() && !k.deaf {
		if _, err := k.c.nc.RequestWithContext(ctx, k.last, []byte(inProgress)); err == nil {
			return
		}
	}
	k.c.report("Consume", k.durable, ErrUnconfirmed, nil)
}

// end leaves nothing.
func (k *consumer) end() {
	k.c.nc.RemoveStatusListener(k.status)
	if err := k.sub.Unsubscribe(); err != nil && !errors.Is(err, nats.ErrConnectionClosed) && !errors.Is(err, nats.ErrBadSubscription) {
		k.c.report("Consume", k.durable, err, nil)
	}
	k.inlet.drain() // it has a context
	k.c.leave(k.inlet)
	k.o.Cancel(ErrClosed)
}
