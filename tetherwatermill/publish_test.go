package tetherwatermill_test

import (
	"context"
	"errors"
	"fmt"
	"math"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/ThreeDotsLabs/watermill/message"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/seed-ec287111/tether"
	"github.com/seed-ec287111/tether/tetherwatermill"
)

// A press is a publisher that takes its time.
type press struct {
	takes time.Duration
	fails error

	mu  sync.Mutex // guards the fields below
	out []*message.Message
	was []error // of each message's context, when it was out
}

func (p *press) Publish(topic string, messages ...*message.Message) error {
	time.Sleep(p.takes)
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, m := range messages {
		p.out = append(p.out, m)
		p.was = append(p.was, m.Context().Err())
	}
	return p.fails
}

func (p *press) Close() error { return nil }

func (p *press) payloads() (all []string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, m := range p.out {
		all = append(all, string(m.Payload))
	}
	return all
}

type order struct {
	ID int `json:"id"`
}

func TestEveryValueIsPublishedWithAnIDOfItsOwn(t *testing.T) {
	app := tether.NewOwner("app")
	var placed tether.Signal[order]
	p := new(press)
	tetherwatermill.Publish(app, &placed, p, "orders", tetherwatermill.JSON)
	placed.Fire(order{1})
	placed.Fire(order{2})
	require.NoError(t, app.Destroy())
	placed.Fire(order{3})
	assert.Equal(t, []string{`{"id":1}`, `{"id":2}`}, p.payloads())
	assert.NotEmpty(t, p.out[0].UUID)
	assert.NotEqual(t, p.out[0].UUID, p.out[1].UUID)
	assert.Zero(t, placed.Len())
}

func TestTheConnectionOfAPublishEndsIt(t *testing.T) {
	app := tether.NewOwner("app")
	defer app.Destroy()
	var placed tether.Signal[order]
	p := new(press)
	c := tetherwatermill.Publish(app, &placed, p, "orders", tetherwatermill.JSON)
	placed.Fire(order{1})
	c.Disconnect()
	placed.Fire(order{2})
	assert.Equal(t, []string{`{"id":1}`}, p.payloads())
	assert.Equal(t, tether.Stats{Owners: 1}, app.Stats())
}

func TestDestroyWaitsForAPublishThatRunsWhichHasItsTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		app := tether.NewOwner("app")
		var placed tether.Signal[order]
		p := &press{takes: time.Second}
		tetherwatermill.Publish(app, &placed, p, "orders", tetherwatermill.JSON)
		go placed.Fire(order{1})
		synctest.Wait()
		began := time.Now()
		app.Destroy()
		assert.Equal(t, time.Second, time.Since(began))
		assert.Equal(t, []error{nil}, p.was, "the message's context, though the owner's has ended")
	})
}

func TestOnAFinishQueueWhatWasAcceptedIsPublishedBeforeDestroyReturns(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		app := tether.NewOwner("app")
		var placed tether.Signal[order]
		p := &press{takes: time.Second}
		q := tether.NewQueue(app, math.MaxInt, tether.Block, tether.Finish())
		tetherwatermill.Publish(app, &placed, p, "orders", tetherwatermill.JSON, tetherwatermill.With(tether.On(q)))
		for i := range 100 {
			placed.Fire(order{i})
		}
		app.Destroy()
		assert.Len(t, p.out, 100)
		for _, err := range p.was {
			assert.NoError(t, err)
		}
		assert.Zero(t, q.Dropped())
	})
}

func TestTheContextOfAMessageEndsAtTheTimeoutAndNotBefore(t *testing.T) {
	for takes, want := range map[time.Duration]error{
		999 * time.Millisecond: nil, 1001 * time.Millisecond: context.DeadlineExceeded,
	} {
		synctest.Test(t, func(t *testing.T) {
			app := tether.NewOwner("app")
			defer app.Destroy()
			var placed tether.Signal[order]
			p := &press{takes: takes}
			tetherwatermill.Publish(app, &placed, p, "orders", tetherwatermill.JSON, tetherwatermill.Timeout(time.Second))
			placed.Fire(order{})
			assert.Equal(t, []error{want}, p.was)
			assert.Error(t, p.out[0].Context().Err(), "when the publish is over")
		})
	}
}

func TestWhatCannotBePublishedIsReportedWithTheValue(t *testing.T) {
	app := tether.NewOwner("app")
	defer app.Destroy()
	var got []*tetherwatermill.Error
	onError := tetherwatermill.OnError(func(e *tetherwatermill.Error) { got = append(got, e) })

	var odd tether.Signal[chan int]
	c := make(chan int)
	tetherwatermill.Publish(app, &odd, new(press), "odd", tetherwatermill.JSON, onError)
	odd.Fire(c)
	require.Len(t, got, 1)
	assert.Equal(t, c, got[0].Value)
	assert.Nil(t, got[0].Message)
	assert.Equal(t, `tetherwatermill: topic "odd": json: unsupported type: chan int`, got[0].Error())

	var placed tether.Signal[order]
	full := errors.New("full")
	p := &press{fails: full}
	tetherwatermill.Publish(app, &placed, p, "orders", tetherwatermill.JSON, onError)
	placed.Fire(order{7})
	require.Len(t, got, 2)
	assert.Equal(t, order{7}, got[1].Value)
	assert.Same(t, p.out[0], got[1].Message)
	assert.ErrorIs(t, got[1], full)
	assert.Equal(t, fmt.Sprintf(`tetherwatermill: message %q of topic "orders": full`, p.out[0].UUID), got[1].Error())
}

func TestADeadOwnerPublishesNothing(t *testing.T) {
	app := tether.NewOwner("app")
	app.Destroy()
	var placed tether.Signal[order]
	p := new(press)
	c := tetherwatermill.Publish(app, &placed, p, "orders", tetherwatermill.JSON)
	placed.Fire(order{})
	assert.Empty(t, p.out)
	<-c.Ended()
}

func TestPublish_OfASourceThatPanicsWhenItBecomesActiveLeavesNothing(t *testing.T) {
	app := tether.NewOwner("app")
	defer app.Destroy()
	src := tether.NewSignal[order](app, tether.WhileActive(func(*tether.Owner) { panic("inactive") }))
	require.PanicsWithValue(t, "inactive", func() {
		tetherwatermill.Publish(app, src, new(press), "orders", tetherwatermill.JSON)
	})
	require.Zero(t, src.Len())
}
