package tethernats

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/nats-io/nats.go"
)

// An outcome is what has become of a message.
type outcome int

const (
	untouched   outcome = iota // the handler was not called
	done                       // it has returned nil
	failed                     // it has not
	undecodable                // it can't be called
)

// What the server understands as an answer to a message.
const (
	ack        = "+ACK"
	nak        = "-NAK"
	term       = "+TERM"
	inProgress = "+WPI"
)

// HeaderError and the constants after it are headers of a dead letter, in addition to those of
// the message.
const (
	HeaderError     = "Tether-Dead-Error"     // what the last try has failed with
	HeaderSubject   = "Tether-Dead-Subject"   // that it was published to
	HeaderStream    = "Tether-Dead-Stream"    // that has stored it
	HeaderSequence  = "Tether-Dead-Sequence"  // of it in the stream
	HeaderDurable   = "Tether-Dead-Durable"   // whose handler has failed
	HeaderDelivered = "Tether-Dead-Delivered" // how often it was delivered
)

// fatal is how many times [MaxDeliver] a message is delivered before it is taken for what kills
// the processes. Arbitrary.
const fatal = 10

var errFatal = errors.New("not handled: it was delivered far too often, so perhaps it kills who handles it")

// serve is a worker.
func (k *consumer) serve(ctx context.Context) {
	for m := range k.work {
		k.one(ctx, m)
	}
}

// one handles a message and settles it, also if the handler ends the goroutine by Goexit. Then
// another worker takes over.
func (k *consumer) one(ctx context.Context, m *nats.Msg) {
	meta, err := m.Metadata()
	if err != nil { // it is none of a stream's, so nobody waits for an answer
		k.c.report("Consume", k.durable, err, m)
		k.settled <- m
		return
	}
	what, why := failed, errLost
	returned := false
	defer func() {
		k.settle(ctx, m, meta, what, why)
		if !returned {
			k.o.Go(k.serve)
		}
		k.settled <- m
	}()
	if n := uint64(k.cfg.maxDeliver); n > 0 && meta.NumDelivered > fatal*n {
		why = errFatal
	} else {
		what, why = k.handle(ctx, m, meta)
	}
	returned = true
}

// settle tells the server what has become of m.
func (k *consumer) settle(ctx context.Context, m *nats.Msg, meta *nats.MsgMetadata, what outcome, why error) {
	n := &k.c.counts
	switch {
	case what == done:
		n.acknowledged.Add(1)
		k.respond(m, ack)
		return
	case what == untouched, what == failed && ctx.Err() != nil && !errors.Is(why, errFatal):
		if what == failed && !errors.Is(why, context.Canceled) && !errors.Is(why, context.Cause(ctx)) {
			k.c.report("Consume", m.Subject, why, m)
		}
		n.returned.Add(1)
		k.respond(m, nak)
		return
	}
	if what == undecodable {
		n.undecodable.Add(1)
	}
	k.c.report("Consume", m.Subject, why, m)
	last := what == undecodable || k.cfg.maxDeliver > 0 && meta.NumDelivered >= uint64(k.cfg.maxDeliver)
	if last {
		err := k.bury(ctx, m, meta, why)
		if err == nil {
			k.respond(m, term)
			return
		}
		k.c.report("Consume", k.cfg.deadLetters, fmt.Errorf("dead letter: %w", err), m)
	}
	n.failed.Add(1)
	k.respond(m, fmt.Sprintf(`%s {"delay": %d}`, nak, k.cfg.delay(meta.NumDelivered).Nanoseconds()))
}

// bury publishes m as a dead letter, if such are wanted. It goes on after the cut-off.
func (k *consumer) bury(ctx context.Context, m *nats.Msg, meta *nats.MsgMetadata, why error) error {
	if k.cfg.deadLetters == "" {
		return nil
	}
	sequence := strconv.FormatUint(meta.Sequence.Stream, 10)
	h := own(m.Header)
	for key, value := range map[string]string{
		HeaderError: headerText(why), HeaderSubject: m.Subject, HeaderStream: k.stream, HeaderSequence: sequence,
		HeaderDurable: k.durable, HeaderDelivered: strconv.FormatUint(meta.NumDelivered, 10),
	} {
		h[key] = []string{value}
	}
	letter := &nats.Msg{Subject: k.cfg.deadLetters, Header: h, Data: m.Data}
	err := k.c.store(context.WithoutCancel(ctx), letter, "dead "+k.stream+" "+k.durable+" "+sequence)
	if err == nil {
		k.c.counts.deadLettered.Add(1)
	}
	return err
}

func (k *consumer) respond(m *nats.Msg, answer string) {
	if err := k.c.nc.Publish(m.Reply, []byte(answer)); err != nil && answer != inProgress {
		k.c.report("Consume", m.Subject, fmt.Errorf("%s: %w", answer, err), m)
	}
}

// headerText returns what a header can hold of an error.
func headerText(err error) string {
	const most = 1000 // arbitrary
	text := strings.Map(func(r rune) rune {
		if r < ' ' {
			return ' '
		}
		return r
	}, err.Error())
	if len(text) > most {
		text = strings.ToValidUTF8(text[:most], "") + " ..."
	}
	return strings.TrimSpace(text)
}
