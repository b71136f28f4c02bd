package tethernats_test

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/seed-ec287111/tether"
	"github.com/seed-ec287111/tether/tethernats"
)

func TestReply_AnswersQuestionsAtOnceThatAskEachOther(t *testing.T) {
	s := open(t)
	require.NoError(t, tethernats.Reply(s.app, s.c, "half", func(ctx context.Context, n int) (int, error) {
		if n == 0 {
			return 0, nil
		}
		steps, err := tethernats.Ask[int](ctx, s.c, "half", n/2) // of the one that is in the middle of it
		return steps + 1, err
	}))
	steps, err := tethernats.Ask[int](s.ctx, s.c, "half", 1000)
	require.NoError(t, err)
	assert.Equal(t, 10, steps)
	s.quiet()
}

func TestReply_OneOfManyAnswers(t *testing.T) {
	s := open(t)
	var mu sync.Mutex
	asked := 0
	for range 3 {
		require.NoError(t, tethernats.Reply(s.app, s.c, "prices", func(context.Context, priceOf) (price, error) {
			mu.Lock()
			defer mu.Unlock()
			asked++
			return price{1}, nil
		}))
	}
	for range 20 {
		_, err := tethernats.Ask[price](s.ctx, s.c, "prices", priceOf{})
		require.NoError(t, err)
	}
	require.NoError(t, s.c.Drain(s.ctx))
	assert.Equal(t, 20, asked)
}

// Destroy of a responder waits until who is answered has the answer. Those whose turn has not
// come learn at once that it will not.
func TestReply_DestroyAnswersWhatHasBegunAndTellsTheRest(t *testing.T) {
	s := open(t)
	o := s.app.NewChild("responder")
	const more = 100 // than are answered at once
	begun, release := make(chan struct{}, more), make(chan struct{})
	require.NoError(t, tethernats.Reply(o, s.c, "prices", func(context.Context, priceOf) (price, error) {
		begun <- struct{}{}
		<-release
		return price{7}, nil
	}))
	answers := make(chan error, more)
	for range more {
		go func() {
			p, err := tethernats.Ask[price](s.ctx, s.c, "prices", priceOf{})
			if err == nil && p.Cents != 7 {
				err = errTest
			}
			answers <- err
		}()
	}
	for range 64 {
		next(t, begun)
	}
	for s.c.Stats().Received < 65 { // one more waits for its turn, and the rest behind it
		runtime.Gosched()
	}
	ended := make(chan error)
	go func() { ended <- o.Destroy() }()
	for range more - 64 {
		require.ErrorIs(t, next(t, answers), tethernats.ErrNobody)
	}
	close(release)
	for range 64 {
		require.NoError(t, next(t, answers))
	}
	require.NoError(t, next(t, ended))
	s.quiet()
}

func TestReply_ASupervisedPanicIsTheAnswersError(t *testing.T) {
	s := open(t)
	told := make(chan *tether.PanicError, 1)
	o := s.app.NewChild("responder", tether.WithPanicHandler(func(p *tether.PanicError) { told <- p }))
	require.NoError(t, tethernats.Reply(o, s.c, "prices", func(context.Context, priceOf) (price, error) { panic("no ham") }))
	_, err := tethernats.Ask[price](s.ctx, s.c, "prices", priceOf{"ham"})
	var remote *tethernats.RemoteError
	require.ErrorAs(t, err, &remote)
	assert.Contains(t, remote.Text, "no ham")
	assert.Equal(t, priceOf{"ham"}, next(t, told).Fired)

	require.NoError(t, tethernats.Reply(o, s.c, "exit", func(context.Context, priceOf) (price, error) {
		runtime.Goexit()
		panic("not reached")
	}))
	_, err = tethernats.Ask[price](s.ctx, s.c, "exit", priceOf{})
	require.ErrorContains(t, err, "did not return")
}

func TestReply_QuestionsAndAnswersThatAreNone(t *testing.T) {
	s := open(t)
	require.NoError(t, tethernats.Reply(s.app, s.c, "prices", func(context.Context, priceOf) (price, error) { return price{1}, nil }))
	_, err := tethernats.Ask[price](s.ctx, s.c, "prices", 5)
	require.ErrorContains(t, err, "not a tethernats_test.priceOf")
	_, err = tethernats.Ask[string](s.ctx, s.c, "prices", priceOf{})
	var wrong *tethernats.DecodeError
	require.ErrorAs(t, err, &wrong)
	assert.Equal(t, "string", wrong.Type)
	_, err = tethernats.Ask[price](s.ctx, s.c, "prices", make(chan int))
	require.ErrorContains(t, err, "chan int")
	require.NoError(t, s.c.NATS().Publish("prices", []byte("{}")))
	s.errs.wait(t, func(err error) bool {
		var e *tethernats.Error
		return errors.As(err, &e) && e.Op == "Reply" && e.Subject == "prices" && e.Err.Error() == "a message that is no question"
	})
}

func TestAsk_EndsWithItsContext(t *testing.T) {
	s := open(t)
	begun, release := make(chan struct{}), make(chan struct{})
	require.NoError(t, tethernats.Reply(s.app, s.c, "prices", func(context.Context, priceOf) (price, error) {
		close(begun)
		<-release
		return price{}, nil
	}))
	ctx, cancel := context.WithCancelCause(s.ctx)
	go func() {
		<-begun
		cancel(errTest)
	}()
	_, err := tethernats.Ask[price](ctx, s.c, "prices", priceOf{})
	require.ErrorIs(t, err, errTest)
	close(release)
}

func TestReply_ItsContextEndsAtTheCutOff(t *testing.T) {
	s := open(t)
	o := s.app.NewChild("responder")
	begun := make(chan struct{})
	require.NoError(t, tethernats.Reply(o, s.c, "prices", func(ctx context.Context, _ priceOf) (price, error) {
		close(begun)
		<-ctx.Done()
		return price{}, context.Cause(ctx)
	}))
	answer := make(chan error, 1)
	go func() {
		_, err := tethernats.Ask[price](s.ctx, s.c, "prices", priceOf{})
		answer <- err
	}()
	next(t, begun)
	require.NoError(t, o.Destroy())
	require.ErrorContains(t, next(t, answer), tether.ErrDestroyed.Error())
}

func TestDrain_WaitsForAnswers(t *testing.T) {
	s := open(t)
	begun, release := make(chan struct{}, 1), make(chan struct{})
	require.NoError(t, tethernats.Reply(s.app, s.c, "prices", func(ctx context.Context, _ priceOf) (price, error) {
		begun <- struct{}{}
		<-release
		return price{7}, ctx.Err()
	}))
	answer := make(chan error, 1)
	go func() {
		_, err := tethernats.Ask[price](s.ctx, s.c, "prices", priceOf{})
		answer <- err
	}()
	next(t, begun)
	drained := make(chan error)
	go func() { drained <- s.c.Drain(s.ctx) }()
	select {
	case <-drained:
		require.FailNow(t, "Drain did not wait")
	case <-time.After(20 * time.Millisecond): // it could not fail by being slow
	}
	close(release)
	require.NoError(t, next(t, drained))
	require.NoError(t, next(t, answer), "its context had not ended")
}

// What a responder has asked in turn is its own matter.
func TestReply_AnErrorThatWrapsErrNobodyIsOneOfTheResponder(t *testing.T) {
	s := open(t)
	fails := fmt.Errorf("the stock: %w", tethernats.ErrNobody)
	require.NoError(t, tethernats.Reply(s.app, s.c, "prices", func(context.Context, int) (int, error) { return 0, fails }))
	var remote *tethernats.RemoteError
	_, err := tethernats.Ask[int](s.ctx, s.c, "prices", 1)
	require.ErrorAs(t, err, &remote)
	require.Equal(t, fails.Error(), remote.Text)
	fails = tethernats.ErrNobody
	_, err = tethernats.Ask[int](s.ctx, s.c, "prices", 1)
	require.Equal(t, tethernats.ErrNobody, err)
}
