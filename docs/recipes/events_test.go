package recipes

import (
	"context"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"

	"github.com/seed-ec287111/tether"
	"github.com/seed-ec287111/tether/bus"
	"github.com/seed-ec287111/tether/derive"
	"github.com/seed-ec287111/tether/history"
	"github.com/seed-ec287111/tether/tethertest"
)

// within runs f in a bubble, with an owner that ends there, and wants nothing to be left.
func within(t *testing.T, f func(t *testing.T, owner *tether.Owner)) {
	synctest.Test(t, func(t *testing.T) {
		tethertest.VerifyNone(t)
		owner := tether.NewOwner("app")
		f(t, owner)
		owner.Destroy()
		assert.Zero(t, owner.Stats())
	})
}

// snippet: debounce
func autosave(owner *tether.Owner, edited tether.Source[string], save func(text string)) {
	derive.Debounce(edited, time.Second).Connect(owner, save)
}

// end

func TestDebounce(t *testing.T) {
	within(t, func(t *testing.T, owner *tether.Owner) {
		var edited tether.Signal[string]
		var saved []string
		autosave(owner, &edited, func(text string) { saved = append(saved, text) })
		for _, text := range []string{"a", "ab", "abc"} {
			edited.Fire(text)
			time.Sleep(999 * time.Millisecond)
		}
		time.Sleep(2 * time.Millisecond)
		synctest.Wait()
		assert.Equal(t, []string{"abc"}, saved)
	})
}

// snippet: typed
type UserJoined struct{ Name string }

func greet(owner *tether.Owner, b *bus.Bus, say func(string)) {
	bus.For[UserJoined](b).Connect(owner, func(u UserJoined) { say("welcome, " + u.Name) })
}

func join(ctx context.Context, b *bus.Bus, name string) error {
	return bus.For[UserJoined](b).Publish(ctx, UserJoined{name})
}

// end

func TestTypedEvents(t *testing.T) {
	within(t, func(t *testing.T, owner *tether.Owner) {
		b := bus.New(owner, "bus")
		var said []string
		greet(owner, b, func(s string) { said = append(said, s) })
		assert.NoError(t, join(t.Context(), b, "ann"))
		assert.Equal(t, []string{"welcome, ann"}, said)
	})
}

// snippet: request
type PriceOf struct{ Item string }

func shop(owner *tether.Owner, b *bus.Bus, prices map[string]int) error {
	_, err := bus.Reply(owner, b, func(_ context.Context, q PriceOf) (int, error) {
		if price, ok := prices[q.Item]; ok {
			return price, nil
		}
		return 0, fmt.Errorf("%s is not for sale", q.Item)
	})
	return err // bus.ErrTaken: somebody answers already
}

func buy(ctx context.Context, b *bus.Bus, item string) (int, error) {
	return bus.Ask[int](ctx, b, PriceOf{item}) // bus.ErrNobody: nobody answers
}

// end

func TestRequest(t *testing.T) {
	within(t, func(t *testing.T, owner *tether.Owner) {
		b := bus.New(owner, "bus")
		_, err := buy(t.Context(), b, "tea")
		assert.ErrorIs(t, err, bus.ErrNobody)
		assert.NoError(t, shop(owner, b, map[string]int{"tea": 3}))
		assert.ErrorIs(t, shop(owner, b, nil), bus.ErrTaken)
		price, err := buy(t.Context(), b, "tea")
		assert.NoError(t, err)
		assert.Equal(t, 3, price)
		_, err = buy(t.Context(), b, "cake")
		assert.EqualError(t, err, "cake is not for sale")
	})
}

// snippet: last
type Sensor struct {
	measured tether.Signal[int]
	Latest   *history.Ring[int] // for those who come later, too
}

func NewSensor(owner *tether.Owner) *Sensor {
	s := new(Sensor)
	s.Latest = history.Record(owner, &s.measured, 1)
	return s
}

func display(owner *tether.Owner, s *Sensor, show func(int)) {
	s.Latest.Connect(owner, show) // the last one now, and each that follows
}

// end

func TestLast(t *testing.T) {
	within(t, func(t *testing.T, owner *tether.Owner) {
		s := NewSensor(owner)
		var shown []int
		s.measured.Fire(1)
		s.measured.Fire(2)
		display(owner, s, func(v int) { shown = append(shown, v) })
		s.measured.Fire(3)
		assert.Equal(t, []int{2, 3}, shown)
		v, ok := s.Latest.Last()
		assert.Equal(t, 3, v)
		assert.True(t, ok)
	})
}

// snippet: rate
func alarm(owner *tether.Owner, failed tether.Source[error], mail func(error)) {
	derive.Throttle(failed, time.Minute, derive.Both).Connect(owner, mail)
}

// end

func TestRate(t *testing.T) {
	within(t, func(t *testing.T, owner *tether.Owner) {
		var failed tether.Signal[error]
		var mails []string
		alarm(owner, &failed, func(err error) { mails = append(mails, err.Error()) })
		for second := 0; second < 140; second += 7 {
			failed.Fire(fmt.Errorf("at %d s", second))
			time.Sleep(7 * time.Second)
		}
		synctest.Wait()
		assert.Equal(t, []string{"at 0 s", "at 56 s", "at 119 s"}, mails)
	})
}

// snippet: select
func shift(ctx context.Context, orders tether.Source[int], breaks tether.Source[string]) (log []string) {
	events := derive.Merge(
		derive.Map(orders, func(id int) any { return id }),
		derive.Map(breaks, func(why string) any { return why }),
	)
	for e := range tether.Values(ctx, events, 16, tether.Block) {
		switch e := e.(type) {
		case int:
			log = append(log, fmt.Sprint("order ", e))
		case string:
			return append(log, "a break: "+e)
		}
	}
	return log
}

// end

func TestSelect(t *testing.T) {
	within(t, func(t *testing.T, owner *tether.Owner) {
		var orders tether.Signal[int]
		var breaks tether.Signal[string]
		var log []string
		owner.Go(func(ctx context.Context) { log = shift(ctx, &orders, &breaks) })
		synctest.Wait()
		orders.Fire(1)
		orders.Fire(2)
		breaks.Fire("lunch")
		orders.Fire(3)
		synctest.Wait()
		assert.Equal(t, []string{"order 1", "order 2", "a break: lunch"}, log)
		assert.Zero(t, orders.Len()+breaks.Len())
	})
}
