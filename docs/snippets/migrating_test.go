package snippets

import (
	"context"
	"fmt"
	"io"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"

	"github.com/seed-ec287111/tether"
	"github.com/seed-ec287111/tether/state"
)

// snippet: map/go
type StoreGo struct {
	mu       sync.Mutex
	next     int
	onChange map[int]func(key string)
}

func (s *StoreGo) OnChange(f func(key string)) (cancel func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	id := s.next
	s.next++
	s.onChange[id] = f
	return func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		delete(s.onChange, id)
	}
}

func (s *StoreGo) Set(key string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, f := range s.onChange {
		f(key) // a handler that calls OnChange, cancel or Set hangs here
	}
}

// end

// snippet: map/tether
type Store struct{ Changed tether.Signal[string] }

func (s *Store) Set(key string) { s.Changed.Fire(key) }

// end

// snippet: map/use-go
func viewGo(s *StoreGo, show func(string)) (closeView func()) {
	return s.OnChange(show) // show may still be running when closeView returns
}

// end

// snippet: map/use
func view(parent *tether.Owner, s *Store, show func(string)) (closeView func()) {
	owner := parent.NewChild("view")
	s.Changed.Connect(owner, show)
	return func() { owner.Destroy() } // show has returned, and is not called again
}

// end

func TestFromACallbackMap(t *testing.T) {
	var got, gotGo []string
	old := &StoreGo{onChange: make(map[int]func(string))}
	closeOld := viewGo(old, func(key string) { gotGo = append(gotGo, key) })
	old.Set("a")
	closeOld()
	old.Set("b")

	app := tether.NewOwner("app")
	defer app.Destroy()
	s := new(Store)
	closeView := view(app, s, func(key string) { got = append(got, key) })
	s.Set("a")
	closeView()
	s.Set("b")
	assert.Equal(t, gotGo, got)
	assert.Equal(t, []string{"a"}, got)
	assert.Zero(t, s.Changed.Len())
}

// snippet: bus/tether
type Order struct{ ID int }

type Events struct {
	Ordered tether.Signal[Order] // a field for a topic, with its type
	Shipped tether.Signal[Order]
}

func mailer(owner *tether.Owner, e *Events, send func(string)) *tether.Queue {
	q := tether.NewQueue(owner, 100, tether.Block) // one at a time, not on who fires
	e.Ordered.Connect(owner, func(o Order) { send(fmt.Sprint("thanks for ", o.ID)) }, tether.On(q))
	e.Shipped.Connect(owner, func(o Order) { send(fmt.Sprint("sent ", o.ID)) }, tether.On(q))
	e.Shipped.Once(owner, func(Order) { send("our first customer!") }, tether.On(q))
	return q
}

// end

func TestFromAnEventBus(t *testing.T) {
	var e Events
	var sent []string
	owner := tether.NewOwner("mailer")
	q := mailer(owner, &e, func(s string) { sent = append(sent, s) })
	for id := range 2 {
		e.Ordered.Fire(Order{id})
		e.Shipped.Fire(Order{id})
	}
	assert.NoError(t, q.Flush(context.Background()))
	owner.Destroy()
	e.Ordered.Fire(Order{3})
	assert.Equal(t, []string{"thanks for 0", "sent 0", "our first customer!", "thanks for 1", "sent 1"}, sent)
}

// snippet: channel/go
type TickerGo struct {
	mu   sync.Mutex
	subs map[chan int]bool
}

func (t *TickerGo) Subscribe() chan int {
	t.mu.Lock()
	defer t.mu.Unlock()
	c := make(chan int, 16)
	t.subs[c] = true
	return c
}

func (t *TickerGo) Unsubscribe(c chan int) {
	t.mu.Lock()
	defer t.mu.Unlock()
	delete(t.subs, c)
	close(c) // under the lock, or Publish may send on a closed channel
}

func (t *TickerGo) Publish(price int) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for c := range t.subs {
		select {
		case c <- price:
		default: // dropped, the newest of all, and nobody knows
		}
	}
}

// end

// snippet: channel/use-go
func drawAllGo(ctx context.Context, t *TickerGo, draw func(int)) {
	c := t.Subscribe()
	defer t.Unsubscribe(c)
	for {
		select {
		case price := <-c:
			draw(price)
		case <-ctx.Done():
			return
		}
	}
}

// end

// snippet: channel/use
func drawAll(ctx context.Context, priced tether.Source[int], draw func(int)) {
	for price := range tether.Values(ctx, priced, 16, tether.DropOldest) {
		draw(price)
	}
}

// end

// snippet: channel/handler
func drawUntil(owner *tether.Owner, priced tether.Source[int], draw func(int)) *tether.Queue {
	q := tether.NewQueue(owner, 16, tether.DropOldest)
	priced.Connect(owner, draw, tether.On(q))
	return q // q.Dropped() says how many were lost
}

// end

// snippet: channel/next
func nextPrice(ctx context.Context, priced tether.Source[int]) (int, error) {
	return tether.Wait(ctx, priced)
}

// end

func TestFromChannels(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var priced tether.Signal[int]
		old := &TickerGo{subs: make(map[chan int]bool)}
		ctx, cancel := context.WithCancel(t.Context())
		owner := tether.NewOwner("chart")
		var drawnGo, drawn, handled []int
		var next int
		go drawAllGo(ctx, old, func(p int) { drawnGo = append(drawnGo, p) })
		go drawAll(ctx, &priced, func(p int) { drawn = append(drawn, p) })
		go func() { next, _ = nextPrice(ctx, &priced) }()
		drawUntil(owner, &priced, func(p int) { handled = append(handled, p) })
		synctest.Wait()
		for price := range 10 {
			old.Publish(price + 1)
			priced.Fire(price + 1)
			synctest.Wait()
		}
		cancel()
		owner.Destroy()
		synctest.Wait()
		old.Publish(11)
		priced.Fire(11)
		assert.Equal(t, []int{1, 2, 3, 4, 5, 6, 7, 8, 9, 10}, drawn)
		assert.Equal(t, drawn, drawnGo)
		assert.Equal(t, drawn, handled)
		assert.Equal(t, 1, next)
		assert.Zero(t, priced.Len())
	})
}

type part struct{ closed *[]string }

func (p part) Close() error {
	*p.closed = append(*p.closed, "part")
	return nil
}

// snippet: maid/tether
func equip(player *tether.Owner, touched tether.Source[string], part io.Closer, log func(string)) (unequip func()) {
	weapon := player.NewChild("weapon")
	tether.Own(weapon, part)                               // GiveTask(part)
	touched.Connect(weapon, log)                           // GiveTask(touched:Connect(log))
	weapon.Defer(func() { log("put away") })               // GiveTask(function)
	weapon.AfterFunc(time.Second, func() { log("ready") }) // GiveTask(task.delay(...))
	return func() { weapon.Destroy() }                     // DoCleaning()
}

// end

// snippet: janitor/tether
type Character struct {
	owner *tether.Owner // of the character
	aura  *tether.Owner // of what is there once, and may be replaced
}

func (c *Character) SetAura(tick tether.Source[tether.Tick], glow func(tether.Tick)) {
	if c.aura != nil {
		c.aura.Destroy() // Remove("aura"), and nothing of it runs any more
	}
	c.aura = c.owner.NewChild("aura") // Add(..., "aura")
	tick.Connect(c.aura, glow)
}

// end

// snippet: trove/tether
func round(game *tether.Owner, joined, left tether.Source[string], greet func(string)) *tether.Owner {
	r := game.NewChild("round")      // trove:Extend()
	joined.Connect(r, greet)         // trove:Connect(joined, greet)
	left.Once(r, func(name string) { // trove:AttachToInstance(...)
		greet("goodbye " + name)
		r.Destroy() // inside a handler: it does not wait, and is done when the handler is
	})
	return r
}

// end

// snippet: fusion/tether
func healthBar(parent *tether.Owner, tick tether.Source[tether.Tick], health *state.Value[int], draw func(string)) (scope *tether.Owner) {
	scope = parent.NewChild("health bar") // innerScope(scope)
	width := state.NewSpring(scope, tick, 100, state.SpringConfig{Frequency: 4, Damping: 1})
	text := state.NewComputed(scope, func(use *state.Use) string {
		return fmt.Sprintf("%d HP", health.Use(use)) // use(health)
	})
	text.Changes().Connect(scope, func(c state.Change[string]) { // Observer
		width.SetTarget(float64(health.Get()))
		draw(c.New)
	})
	return scope // scope.Destroy() is doCleanup(scope)
}

// end

func TestFromScopes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		game := tether.NewOwner("game")
		defer game.Destroy()
		base := game.Stats()

		var touched tether.Signal[string]
		var log []string
		var mu sync.Mutex
		unequip := equip(game, &touched, part{&log}, func(s string) {
			mu.Lock() // "ready" comes from the timer's goroutine
			defer mu.Unlock()
			log = append(log, s)
		})
		touched.Fire("wall")
		time.Sleep(2 * time.Second)
		synctest.Wait()
		unequip()
		touched.Fire("floor")
		assert.Equal(t, []string{"wall", "ready", "put away", "part"}, log)
		assert.Equal(t, base, game.Stats())

		var tick tether.Signal[tether.Tick]
		glows := 0
		c := &Character{owner: game.NewChild("character")}
		for range 3 {
			c.SetAura(&tick, func(tether.Tick) { glows++ })
		}
		tick.Fire(tether.Tick{})
		assert.Equal(t, 1, glows)
		c.owner.Destroy()
		assert.Equal(t, base, game.Stats())

		var joined, left tether.Signal[string]
		var greeted []string
		r := round(game, &joined, &left, func(s string) { greeted = append(greeted, s) })
		joined.Fire("ann")
		left.Fire("ann")
		joined.Fire("bob")
		assert.Equal(t, []string{"ann", "goodbye ann"}, greeted)
		<-r.Ended()
		assert.Equal(t, base, game.Stats())

		var drawn []string
		health := state.NewValue(game, 100)
		bar := healthBar(game, &tick, health, func(s string) { drawn = append(drawn, s) })
		health.Set(80)
		assert.Equal(t, 1, tick.Len(), "the bar moves")
		assert.NoError(t, bar.Destroy())
		health.Set(60)
		assert.Equal(t, []string{"80 HP"}, drawn)
		assert.Zero(t, tick.Len())
		assert.Equal(t, base, game.Stats())
	})
}
