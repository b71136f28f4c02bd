// Host is an editor whose plugins come and go while it runs:
//
//	go run ./examples/host
//
// Plugins hear of what happens from a bus, and have a say by a hook. They do it all on the
// host's main loop, so nobody needs a lock. The loop sleeps until a queue wakes it. A plugin
// that panics is unloaded.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log"
	"os"
	"strings"
	"time"

	"github.com/seed-ec287111/tether"
	"github.com/seed-ec287111/tether/bus"
	"github.com/seed-ec287111/tether/derive"
	"github.com/seed-ec287111/tether/hook"
	"github.com/seed-ec287111/tether/keyed"
)

// A Plugin connects to what it wants to hear. All that it has belongs to o, so there is
// nothing to undo when it is unloaded.
type Plugin func(o *tether.Owner, h *Host) error

// A Host has a document and plugins.
type Host struct {
	Bus    *bus.Bus
	Typed  *bus.Topic[rune]
	Saving *hook.Chain[string, string] // of the text: plugins may change it, or refuse
	Beat   *tether.Heartbeat
	OnLoop tether.ConnectOption // has the loop call the handler

	Text string    // the loop's, and so is Out
	Out  io.Writer // where plugins write

	known  map[string]Plugin
	loaded *keyed.Map[string, error] // what loading has returned; nil, as others are not kept
	queue  *tether.Queue
	wake   chan struct{}
}

// NewHost returns a host that ends with owner, and may load the plugins that are known.
func NewHost(owner *tether.Owner, out io.Writer, known map[string]Plugin) *Host {
	h := &Host{
		Bus:    bus.New(owner, "bus"),
		Saving: hook.NewChain[string, string](owner),
		Beat:   tether.NewHeartbeat(owner, 10*time.Millisecond),
		Out:    out, known: known, wake: make(chan struct{}, 1),
	}
	h.Typed = bus.Named[rune](h.Bus, "typed")
	h.queue = tether.NewQueue(owner, tether.Unbounded, tether.Block, tether.Manual(), tether.Notify(func() {
		select {
		case h.wake <- struct{}{}:
		default: // it is awake
		}
	}))
	h.OnLoop = tether.On(h.queue)
	bus.For[func()](h.Bus).Connect(owner, func(f func()) { f() }, h.OnLoop)
	h.Typed.Connect(owner, func(key rune) { h.Text += string(key) }, h.OnLoop)
	h.loaded = keyed.NewMap(owner, "plugins", h.open, tether.WithPanicHandler(h.panicked))
	return h
}

// Run is the main loop. It ends with ctx.
func (h *Host) Run(ctx context.Context) {
	for {
		select {
		case <-h.wake:
			h.queue.Drain()
		case <-ctx.Done():
			return
		}
	}
}

// Do has the loop call f.
func (h *Host) Do(f func()) { _ = bus.For[func()](h.Bus).Publish(context.Background(), f) }

// Type types text.
func (h *Host) Type(text string) {
	for _, key := range text {
		_ = h.Typed.Publish(context.Background(), key)
	}
}

// Load loads a plugin, if it is not loaded.
func (h *Host) Load(name string) error { return h.loaded.Get(name) }

// Reload unloads a plugin, if it is loaded, and loads it.
func (h *Host) Reload(name string) error { return h.loaded.Replace(name) }

// Unload ends a plugin and returns what its closers did. Outside the loop it waits for
// what runs of it.
func (h *Host) Unload(name string) error { return h.loaded.Destroy(name) }

// open loads a plugin. One that fails is ended, with what it has connected until then.
func (h *Host) open(o *tether.Owner, name string) (err error) {
	defer func() {
		if v := recover(); v != nil {
			err = fmt.Errorf("it panicked: %v", v)
		}
		if err != nil {
			err = fmt.Errorf("load %s: %w", name, err)
			o.Cancel(err)
		}
	}()
	if load, ok := h.known[name]; ok {
		return load(o, h)
	}
	return errors.New("no such plugin")
}

// panicked is called where a handler, goroutine or cleanup of a plugin has panicked.
func (h *Host) panicked(e *tether.PanicError) {
	name, _, _ := strings.Cut(strings.TrimPrefix(e.Owner, h.loaded.Group().String()+"/"), "/")
	if o, ok := h.loaded.Owner(name); ok {
		o.Cancel(e)
	}
	h.Do(func() { fmt.Fprintf(h.Out, "%s panicked: %v, at %q\n", name, e.Value, e.Fired) })
}

// Save saves, if no plugin refuses. It is for the loop.
func (h *Host) Save() {
	_, err := h.Saving.Run(context.Background(), h.Text, func(_ context.Context, text string) (string, error) {
		h.Text = text
		fmt.Fprintf(h.Out, "saved %q\n", text)
		return text, nil
	})
	if err != nil {
		fmt.Fprintf(h.Out, "not saved: %v\n", err)
	}
}

// linter has an opinion on what is saved.
func linter(o *tether.Owner, h *Host) error {
	h.Saving.Use(o, func(ctx context.Context, text string, next func(context.Context, string) (string, error)) (string, error) {
		if strings.Contains(text, "TODO") {
			return "", errors.New("there is something to do")
		}
		return next(ctx, strings.TrimSpace(text)+"\n")
	})
	o.Defer(func() { h.Do(func() { fmt.Fprintln(h.Out, "linter unloaded") }) })
	return nil
}

// words counts them when the user pauses.
func words(o *tether.Owner, h *Host) error {
	count := func(rune) { fmt.Fprintln(h.Out, len(strings.Fields(h.Text)), "words") }
	derive.Debounce(h.Typed, 10*time.Millisecond).Connect(o, count, h.OnLoop)
	return nil
}

// bomb panics when it hears an exclamation mark.
func bomb(o *tether.Owner, h *Host) error {
	h.Typed.Connect(o, func(key rune) {
		if key == '!' {
			panic("too loud")
		}
	}, h.OnLoop)
	return nil
}

func demo(out io.Writer) error {
	return tether.Run(context.Background(), "host", func(app *tether.Owner) error {
		clock := func(o *tether.Owner, h *Host) error { // ends the host at its third tick
			h.Beat.Connect(o, func(t tether.Tick) {
				if fmt.Fprintln(h.Out, "tick", t.N); t.N == 3 {
					app.Cancel(nil)
				}
			}, h.OnLoop)
			return nil
		}
		h := NewHost(app, out, map[string]Plugin{"linter": linter, "words": words, "bomb": bomb, "clock": clock})
		load := func(name string) { fmt.Fprintln(out, "load", name, "=", h.Load(name)) }
		app.Go(func(ctx context.Context) { // the user, who waits for the effect of each step
			step := func(f func()) { f(); _ = h.queue.Flush(ctx) }
			step(func() { h.Do(func() { load("linter"); load("words"); load("bomb"); load("game") }) })
			step(func() { h.Type(" TODO: say hello!") })
			time.Sleep(100 * time.Millisecond) // a pause
			step(func() { h.Do(func() { h.Save(); _ = errors.Join(h.Unload("linter"), h.Unload("words")) }) })
			step(func() { h.Do(h.Save) })
			step(func() { h.Type("!") })
			step(func() { h.Do(func() { load("clock") }) })
		})
		h.Run(app.Context())
		return nil
	})
}

func main() {
	if err := demo(os.Stdout); err != nil {
		log.Fatal(err)
	}
}
