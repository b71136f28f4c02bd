package browser_test

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/seed-ec287111/tether"
	"github.com/seed-ec287111/tether/inspect"
)

// A zoo is a program that has some of everything, and faults that the tests let loose.
type zoo struct {
	app     *tether.Owner
	said    tether.Signal[string]
	saved   tether.Signal[string]
	ticked  tether.Signal[int]
	gate    chan bool
	lobby   *tether.Owner
	store   *tether.Owner
	players []*tether.Owner
}

func newZoo(t *testing.T, players int) *zoo {
	stop := inspect.RecordSites()
	t.Cleanup(stop)
	z := &zoo{app: tether.NewOwner("app", tether.Staged()), gate: make(chan bool)}
	z.store = z.app.NewChild("store")
	z.saved.Connect(z.store, func(string) { <-z.gate }) // sticks
	z.lobby = z.app.NewChild("lobby")
	for i := range players {
		z.players = append(z.players, z.join(i))
	}
	tether.NewHeartbeat(z.app, time.Hour).Connect(z.app.NewChild("census"), func(tether.Tick) {})
	screen := z.app.NewChild("screen")
	q := tether.NewQueue(screen, 16, tether.DropOldest, tether.Manual())
	z.ticked.Connect(screen, draw, tether.On(q))
	for i := range 9 {
		z.ticked.Fire(i)
	}
	t.Cleanup(func() {
		select {
		case <-z.gate:
		default:
			close(z.gate)
		}
		z.app.Destroy()
	})
	return z
}

func (z *zoo) join(n int) *tether.Owner {
	p := z.lobby.NewChild(fmt.Sprint("player-", n)) // joins
	z.said.Connect(p, hear)
	p.Defer(bye)
	if n%10 == 0 {
		p.Go(read)
	}
	return p
}

func hear(string)              {}
func draw(int)                 {}
func bye()                     {}
func read(ctx context.Context) { <-ctx.Done() }
func forgetClient()            {} // forgets

// leak gives the app a cleanup, again and again, until ctx ends.
func (z *zoo) leak(ctx context.Context) {
	for ctx.Err() == nil {
		z.app.Defer(forgetClient)
		select {
		case <-ctx.Done():
		case <-time.After(200 * time.Millisecond):
		}
	}
}

// fill has a Block queue held by a handler that sticks.
func (z *zoo) fill() {
	mail := z.app.NewChild("mail")
	q := tether.NewQueue(mail, 4, tether.Block)
	var sent tether.Signal[int]
	sent.Connect(mail, func(int) { <-z.gate }, tether.On(q)) // fills
	for i := range 6 {
		mail.Go(func(context.Context) { sent.Fire(i) })
	}
}
