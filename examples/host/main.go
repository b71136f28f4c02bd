// Host is an editor whose plugins come and go while it runs:
//
//	go run ./examples/host
//
// All that plugins do happens on the host's main loop, so neither they nor it need a lock.
// The loop sleeps until a queue wakes it. A plugin that panics is unloaded.
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
	"github.com/seed-ec287111/tether/keyed"
)

// A Plugin connects to what it wants to hear. All that it has belongs to o, so there is
// nothing to undo when it is unloaded.
type Plugin func(o *tether.Owner, h *Host) error

// A Host has a document and plugins.
type Host struct {
	Typed  *tether.Signal[rune]
	Saving *tether.Signal[*Save]
	Beat   *tether.Heartbeat
	OnLoop tether.ConnectOption // has the loop call the handler

	Text string    // the loop's, and so is Out
	Out  io.Writer // where plugins write

	known  map[string]Plugin
	loaded *keyed.Map[string, error] // what loading has returned; nil, as others are not kept
	do     *tether.Signal[func()]
	queue  *tether.Queue
	wake   chan struct{}
}

// A Save is about to happen. Handlers may change the text, or prevent it.
type Save struct {
	Text string
	Veto error
}

// NewHost returns a host that ends with owner, and may load the plugins that are known.
func NewHost(owner *tether.Owner, out io.Writer, known map[string]Plugin) *Host {
	h := &Host{
		Typed:  tether.NewSignal[rune](owner),
		Saving: tether.NewSignal[*Save](owner),
		Beat:   tether.NewHeartbeat(owner, 10*time.Millisecond),
		Out:    out,
		known:  known,
		do:     tether.NewSignal[func()](owner),
		wake:   make(chan struct{}, 1),
	}
	h.queue = tether.NewQueue(owner, tether.Unbounded, tether.Block, tether.Manual(), tether.Notify(h.notify))
	h.OnLoop = tether.On(h.queue)
	h.do.Connect(owner, func(f func()) { f() }, h.OnLoop)
	h.Typed.Connect(owner, func(key rune) { h.Text += string(key) }, h.OnLoop)
	h.loaded = keyed.NewMap(owner, "plugins", h.open, tether.WithPanicHandler(h.panicked))
	return h
}

func (h *Host) notify() {
	select {
	case h.wake <- struct{}{}:
	default: // it is awake
	}
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
func (h *Host) Do(f func()) { h.do.Fire(f) }

// Type types text.
func (h *Host) Type(text string) {
	for _, key := range text {
		h.Typed.Fire(key)
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

// Save asks the plugins. It is for the loop.
func (h *Host) Save() {
	s := &Save{Text: h.Text}
	h.Saving.Fire(s)
	if s.Veto != nil {
		fmt.Fprintf(h.Out, "not saved: %v\n", s.Veto)
		return
	}
	h.Text = s.Text
	fmt.Fprintf(h.Out, "saved %q\n", h.Text)
}

// linter has an opinion on what is saved.
func linter(o *tether.Owner, h *Host) error {
	h.Saving.Connect(o, func(s *Save) { s.Text = strings.TrimSpace(s.Text) + "\n" }, tether.Priority(1))
	h.Saving.Connect(o, func(s *Save) {
		if strings.Contains(s.Text, "TODO") {
			s.Veto = errors.New("there is something to do")
		}
	})
	o.Defer(func() { h.Do(func() { fmt.Fprintln(h.Out, "linter unloaded") }) })
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
		h := NewHost(app, out, map[string]Plugin{"linter": linter, "bomb": bomb, "clock": clock})
		load := func(name string) { fmt.Fprintln(out, "load", name, "=", h.Load(name)) }
		app.Go(func(ctx context.Context) { // the user, who waits for the effect of each step
			step := func(f func()) { f(); _ = h.queue.Flush(ctx) }
			step(func() { h.Do(func() { load("linter"); load("bomb"); load("game") }) })
			step(func() { h.Type(" TODO: say hello!") })
			step(func() { h.Do(h.Save) })
			step(func() { h.Do(func() { _ = h.Unload("linter") }) })
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
