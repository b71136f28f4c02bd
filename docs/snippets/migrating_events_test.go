package snippets

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/seed-ec287111/tether"
	"github.com/seed-ec287111/tether/bus"
	"github.com/seed-ec287111/tether/derive"
	"github.com/seed-ec287111/tether/hook"
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

// snippet: rx/tether
type Price struct{ Cents int }

func alert(owner *tether.Owner, prices tether.Source[Price], tell func(Price)) {
	high := derive.Filter(prices, func(p Price) bool { return p.Cents > 1000 })
	derive.Throttle(high, time.Minute, derive.Leading).Connect(owner, tell)
}

// end

// snippet: rx/switch
func search(owner *tether.Owner, typed tether.Source[string], find func(ctx context.Context, text string) string, show func(string)) {
	paused := derive.Debounce(typed, 300*time.Millisecond)
	found := derive.Switch(paused, func(o *tether.Owner, text string) tether.Source[string] {
		var s *tether.Signal[string]
		s = tether.NewSignal[string](o, tether.WhileActive(func(active *tether.Owner) { // once Switch has connected
			active.Go(func(ctx context.Context) { s.Fire(find(ctx, text)) })
		})) // o ends when the user types on: so does find
		return s
	})
	found.Connect(owner, show)
}

// end

func TestFromRx(t *testing.T) {
	within(t, func(t *testing.T, owner *tether.Owner) {
		var prices tether.Signal[Price]
		var told []Price
		alert(owner, &prices, func(p Price) { told = append(told, p) })
		for cents := 999; cents < 1010; cents++ {
			prices.Fire(Price{cents})
			time.Sleep(10 * time.Second)
		}
		assert.Equal(t, []Price{{1001}, {1007}}, told)
	})
	within(t, func(t *testing.T, owner *tether.Owner) {
		var typed tether.Signal[string]
		var shown, stopped []string
		find := func(ctx context.Context, text string) string {
			select {
			case <-time.After(time.Second):
			case <-ctx.Done():
				stopped = append(stopped, text)
			}
			return strings.ToUpper(text)
		}
		search(owner, &typed, find, func(s string) { shown = append(shown, s) })
		for _, text := range []string{"g", "go", "gop"} {
			typed.Fire(text)
			time.Sleep(100 * time.Millisecond)
		}
		time.Sleep(time.Second)
		typed.Fire("gopher")
		time.Sleep(5 * time.Second)
		synctest.Wait()
		assert.Equal(t, []string{"GOP", "GOPHER"}, shown)
		typed.Fire("slow")
		time.Sleep(500 * time.Millisecond)
		typed.Fire("fast")
		time.Sleep(5 * time.Second)
		synctest.Wait()
		assert.Equal(t, []string{"GOP", "GOPHER", "FAST"}, shown)
		assert.Equal(t, []string{"slow"}, stopped)
	})
}

// Not even what is found at once comes before Switch has connected.
func TestSearch_LosesNoResult(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := tether.NewOwner("app")
		defer o.Destroy()
		var typed tether.Signal[string]
		shown := 0
		search(o, &typed, func(_ context.Context, text string) string { return text }, func(string) { shown++ })
		for n := range 1000 {
			typed.Fire("go")
			time.Sleep(time.Second)
			synctest.Wait()
			require.Equal(t, n+1, shown)
		}
	})
}

// snippet: mediator/tether
type CreateOrder struct{ Item string }

type OrderCreated struct{ ID int }

func orders(owner *tether.Owner, b *bus.Bus, insert func(context.Context, CreateOrder) (int, error)) error {
	_, err := bus.Reply(owner, b, func(ctx context.Context, c CreateOrder) (int, error) {
		id, err := insert(ctx, c)
		if err != nil {
			return 0, err
		}
		return id, bus.For[OrderCreated](b).Publish(ctx, OrderCreated{id})
	})
	return err // bus.ErrTaken, where there is another one
}

func confirmation(owner *tether.Owner, b *bus.Bus, send func(id int) error) {
	bus.For[OrderCreated](b).Handle(owner, func(_ context.Context, o OrderCreated) error { return send(o.ID) })
}

func create(ctx context.Context, b *bus.Bus, item string) (id int, err error) {
	return bus.Ask[int](ctx, b, CreateOrder{item})
}

// end

// snippet: mediator/around
func newBus(owner *tether.Owner, log func(string)) *bus.Bus {
	return bus.New(owner, "bus", bus.Around(func(ctx context.Context, d bus.Delivery, next func(context.Context) error) error {
		start := time.Now()
		err := next(ctx)
		log(fmt.Sprintf("%T took %v: %v", d.Value, time.Since(start), err))
		return err
	}))
}

// end

func TestFromAMediator(t *testing.T) {
	within(t, func(t *testing.T, owner *tether.Owner) {
		var log []string
		b := newBus(owner, func(line string) { log = append(log, line) })
		_, err := create(t.Context(), b, "tea")
		assert.ErrorIs(t, err, bus.ErrNobody)
		var stored []string
		insert := func(_ context.Context, c CreateOrder) (int, error) {
			stored = append(stored, c.Item)
			time.Sleep(time.Second)
			return len(stored), nil
		}
		assert.NoError(t, orders(owner, b, insert))
		assert.ErrorIs(t, orders(owner, b, insert), bus.ErrTaken)
		var sent []int
		full := errors.New("full")
		confirmation(owner, b, func(int) error { return full })
		confirmation(owner, b, func(id int) error { sent = append(sent, id); return nil })
		id, err := create(t.Context(), b, "tea")
		assert.Equal(t, 1, id)
		assert.ErrorIs(t, err, full)
		assert.Equal(t, []int{1}, sent, "one that fails keeps no other from being called")
		assert.Len(t, log, 3)
		assert.Equal(t, "snippets.OrderCreated took 0s: full", log[0])
		assert.Contains(t, log[2], "snippets.CreateOrder took 1s: ")
	})
}

// snippet: hooks/tether
type Doc struct{ Title string }

type Editor struct {
	MaySave hook.Veto[Doc]       // asked before
	Saving  hook.Chain[Doc, int] // wrapped around the writing, which returns a version
	Saved   tether.Signal[Doc]   // told after
}

func (e *Editor) Save(ctx context.Context, d Doc, write func(context.Context, Doc) (int, error)) (version int, err error) {
	if err := e.MaySave.Ask(ctx, d); err != nil {
		return 0, err
	}
	if version, err = e.Saving.Run(ctx, d, write); err == nil {
		e.Saved.Fire(d)
	}
	return version, err
}

// end

// snippet: hooks/use
func titles(plugin *tether.Owner, e *Editor) {
	e.MaySave.Handle(plugin, func(_ context.Context, d Doc) error {
		if d.Title == "" {
			return errors.New("no title")
		}
		return nil
	})
	e.Saving.Use(plugin, func(ctx context.Context, d Doc, next func(context.Context, Doc) (int, error)) (int, error) {
		d.Title = strings.TrimSpace(d.Title) // a copy: nobody else sees it change
		return next(ctx, d)
	})
}

// end

func TestFromHooks(t *testing.T) {
	within(t, func(t *testing.T, owner *tether.Owner) {
		var e Editor
		plugin := owner.NewChild("titles")
		titles(plugin, &e)
		var written []string
		write := func(_ context.Context, d Doc) (int, error) {
			written = append(written, d.Title)
			return len(written), nil
		}
		_, err := e.Save(t.Context(), Doc{}, write)
		var objection *hook.Objection
		assert.ErrorAs(t, err, &objection)
		assert.Equal(t, "app/titles", objection.Owner)
		version, err := e.Save(t.Context(), Doc{" a "}, write)
		assert.NoError(t, err)
		assert.Equal(t, 1, version)
		plugin.Destroy()
		_, err = e.Save(t.Context(), Doc{}, write)
		assert.NoError(t, err)
		assert.Equal(t, []string{"a", ""}, written)
		assert.Zero(t, e.MaySave.Len()+e.Saving.Len())
	})
}

// snippet: gochannel/tether
func shipping(owner *tether.Owner, b *bus.Bus, ship func(context.Context, Order) error) *tether.Queue {
	q := tether.NewQueue(owner, 100, tether.Block)
	bus.Named[Order](b, "orders.placed").Handle(owner, ship, tether.On(q))
	return q
}

func place(ctx context.Context, b *bus.Bus, o Order) error {
	return bus.Named[Order](b, "orders.placed").Publish(ctx, o)
}

func poison(owner *tether.Owner, b *bus.Bus, log func(string)) {
	b.Dead().Connect(owner, func(l bus.Letter) { log(fmt.Sprintf("%s: %v: %v", l.Topic, l.Value, l.Err)) })
}

// end

func TestFromGoChannel(t *testing.T) {
	within(t, func(t *testing.T, owner *tether.Owner) {
		b := bus.New(owner, "bus")
		var dead []string
		poison(owner, b, func(line string) { dead = append(dead, line) })
		assert.NoError(t, place(t.Context(), b, Order{0}))
		var shipped []int
		shipping(owner, b, func(_ context.Context, o Order) error {
			if shipped = append(shipped, o.ID); o.ID == 7 {
				return errors.New("broken")
			}
			return nil
		})
		for id := range 10 {
			assert.NoError(t, place(t.Context(), b, Order{id}))
		}
		synctest.Wait()
		assert.Equal(t, []int{0, 1, 2, 3, 4, 5, 6, 7, 8, 9}, shipped, "in order, each once")
		assert.Len(t, dead, 2)
		assert.Equal(t, "orders.placed: {0}: hook: nobody answered", dead[0])
		assert.Regexp(t, `^orders.placed: \{7\}: .*broken$`, dead[1])
	})
}
