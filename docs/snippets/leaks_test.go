package snippets

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"

	"github.com/seed-ec287111/tether"
	"github.com/seed-ec287111/tether/keyed"
	"github.com/seed-ec287111/tether/weakref"
)

// snippet: lost/go
func serveLost(said *Bus[string], s *Session) error {
	said.Subscribe(s.Send) // and what it returns?
	return s.Serve()
}

// end

// snippet: lost/tether
func serve(said *tether.Signal[string], s *Session) error {
	owner := tether.NewOwner("session")
	defer owner.Destroy()
	said.Connect(owner, s.Send)
	return s.Serve()
}

// end

func TestALostConnection(t *testing.T) {
	var bus Bus[string]
	grows(t, heap(func() { _ = serveLost(&bus, new(Session)) }))
	assert.Len(t, bus.handlers, rounds)

	var said tether.Signal[string]
	flat(t, heap(func() { _ = serve(&said, new(Session)) }))
	assert.Zero(t, said.Len())
	runtime.KeepAlive(&bus)
}

// snippet: table/go
type Hall struct{ sessions map[string]*Session }

func (h *Hall) Visit(s *Session) error {
	h.sessions[s.Name] = s
	if err := s.Serve(); err != nil {
		return err // and the entry?
	}
	delete(h.sessions, s.Name)
	return nil
}

// end

// snippet: table/tether
type Lobby struct{ sessions *keyed.Owners[string] }

func (l *Lobby) Visit(s *Session) error {
	owner := l.sessions.Replace(s.Name) // the table is that of the owners
	defer owner.Destroy()               // and with its owner, an entry is gone
	owner.Defer(func() { save(s) })
	return s.Serve()
}

// end

// snippet: table/map
func openSessions(app *tether.Owner) *keyed.Map[string, *Session] {
	return keyed.NewMap(app, "sessions", func(o *tether.Owner, name string) *Session {
		s := &Session{Name: name, owner: o}
		o.Defer(func() { save(s) })
		return s // lives as long as o, and is found as long
	})
}

// end

// snippet: table/own
type Registry struct {
	mu       sync.Mutex
	sessions map[string]*Session
}

func (r *Registry) Add(owner *tether.Owner, s *Session) {
	r.mu.Lock()
	r.sessions[s.Name] = s
	r.mu.Unlock()
	owner.Defer(func() { // after the unlock
		r.mu.Lock()
		defer r.mu.Unlock()
		if r.sessions[s.Name] == s {
			delete(r.sessions, s.Name)
		}
	})
}

// end

// An entry of an owner that has ended before is gone when Add returns, and one of a later
// session stays.
func TestATableOfOnesOwn(t *testing.T) {
	r := Registry{sessions: make(map[string]*Session)}
	first, second := tether.NewOwner("ann"), tether.NewOwner("ann")
	r.Add(first, &Session{Name: "ann"})
	later := &Session{Name: "ann"}
	r.Add(second, later)
	assert.NoError(t, first.Destroy())
	assert.Equal(t, map[string]*Session{"ann": later}, r.sessions)
	assert.NoError(t, second.Destroy())
	assert.Empty(t, r.sessions)
	r.Add(first, later)
	assert.Empty(t, r.sessions, "first has ended")
}

// save stands for what is to be done at a session's end.
func save(s *Session) { s.state[0]++ }

func TestAGrowingTable(t *testing.T) {
	n := 0
	visitor := func() *Session {
		n++
		return &Session{Name: fmt.Sprint(n), err: errors.New("connection reset")}
	}
	hall := Hall{make(map[string]*Session)}
	grows(t, heap(func() { _ = hall.Visit(visitor()) }))
	assert.Len(t, hall.sessions, rounds)
	runtime.KeepAlive(&hall)

	app := tether.NewOwner("app")
	defer app.Destroy()
	lobby := Lobby{keyed.New[string](app, "sessions")}
	flat(t, heap(func() { _ = lobby.Visit(visitor()) }))
	assert.Zero(t, lobby.sessions.Len())

	sessions := openSessions(app)
	flat(t, heap(func() {
		n++
		name := fmt.Sprint(n)
		s := sessions.Get(name)
		assert.Same(t, s, sessions.Get(name))
		s.owner.Destroy()
	}))
	assert.Zero(t, sessions.Len())
}

type Document struct {
	Title string
	text  [heavy]byte
	page  int
}

func (d *Document) Turn(page int) { d.page = page + int(d.text[0]) }

var shown int

func show(title string, page int) { shown = len(title) + page }

// snippet: closure/go
func watchGo(turned *Bus[int], doc *Document) (unsubscribe func()) {
	return turned.Subscribe(func(page int) {
		show(doc.Title, page) // a few bytes of it
	})
}

// end

// snippet: closure/tether
func watch(turned *tether.Signal[int], owner *tether.Owner, doc *Document) *tether.Connection {
	title := doc.Title
	return turned.Connect(owner, func(page int) {
		show(title, page)
	})
}

// end

// snippet: closure/weak
func follow(turned *tether.Signal[int], owner *tether.Owner, doc *Document) *tether.Connection {
	return weakref.Connect(owner, turned, doc, (*Document).Turn)
}

// end

func TestAClosureThatCapturesTooMuch(t *testing.T) {
	var bus Bus[int]
	var kept []any
	grows(t, heap(func() { kept = append(kept, watchGo(&bus, &Document{Title: "Faust"})) }))
	bus.Publish(1)

	app := tether.NewOwner("app")
	defer app.Destroy()
	var turned tether.Signal[int]
	flat(t, heap(func() { kept = append(kept, watch(&turned, app, &Document{Title: "Faust"})) }))
	assert.Equal(t, rounds, turned.Len())
	flat(t, heap(func() { kept = append(kept, follow(&turned, app, new(Document))) }))
	turned.Fire(1)
	assert.Equal(t, rounds, turned.Len(), "connections of documents that were collected are found dead, at the latest, by a Fire")
	runtime.KeepAlive(kept)
}

// However much a closure captures, it is garbage when its connection has ended,
// even if the Connection is kept.
func TestAClosureIsGarbageWhenItsConnectionHasEnded(t *testing.T) {
	var kept []any
	var turned tether.Signal[int]
	flat(t, heap(func() {
		doc, owner := new(Document), tether.NewOwner("reader")
		kept = append(kept, turned.Connect(owner, doc.Turn))
		owner.Destroy()
	}))
	runtime.KeepAlive(kept)
}

// snippet: destroyed/go
type ButtonGo struct{ pixels []byte }

func NewButtonGo(resized *Bus[int]) *ButtonGo {
	b := &ButtonGo{pixels: make([]byte, heavy)}
	resized.Subscribe(b.draw)
	return b
}

func (b *ButtonGo) draw(width int) { b.pixels[width]++ }

func (b *ButtonGo) Close() { b.pixels = nil }

// end

// snippet: destroyed/tether
type Button struct {
	owner  *tether.Owner
	pixels []byte
}

func NewButton(window *tether.Owner, resized tether.Source[int]) *Button {
	b := &Button{owner: window.NewChild("button"), pixels: make([]byte, heavy)}
	b.owner.Defer(func() { b.pixels = nil }) // nothing draws any more
	resized.Connect(b.owner, b.draw)
	return b
}

func (b *Button) draw(width int) { b.pixels[width]++ }

func (b *Button) Close() { b.owner.Destroy() }

// end

func TestAListenerOnADestroyedObject(t *testing.T) {
	var bus Bus[int]
	NewButtonGo(&bus).Close()
	assert.Panics(t, func() { bus.Publish(1) }, "it draws on what is gone")
	grows(t, heap(func() {
		b := NewButtonGo(&bus)
		b.Close()
		b.pixels = make([]byte, heavy) // to be seen on the heap
	}))

	window := tether.NewOwner("window")
	defer window.Destroy()
	var resized tether.Signal[int]
	flat(t, heap(func() {
		b := NewButton(window, &resized)
		resized.Fire(1)
		b.Close()
		b.pixels = make([]byte, heavy)
	}))
	resized.Fire(1)
	assert.Zero(t, resized.Len())
	assert.Equal(t, tether.Stats{Owners: 1}, window.Stats())
	runtime.KeepAlive(&bus)
}

// snippet: short/go
type Monitor struct{ stops []func() }

func (m *Monitor) Watch(s *Stream) {
	m.stops = append(m.stops, s.Failed.Subscribe(m.note)) // one for each stream there ever was
}

// end

func (m *Monitor) note(error) {}

type Stream struct {
	Failed Bus[error]
	buffer [heavy]byte
}

// A Feed is a Stream with a signal.
type Feed struct {
	owner  *tether.Owner
	Failed *tether.Signal[error]
	buffer [heavy]byte
}

func note(error) {}

// snippet: short/wrong
func monitorForEver(app *tether.Owner, failed *tether.Signal[error]) {
	failed.Connect(app, note) // app holds it as long as app lives
}

// end

// snippet: short/tether
func NewFeed(parent *tether.Owner) *Feed {
	owner := parent.NewChild("feed")
	return &Feed{owner: owner, Failed: tether.NewSignal[error](owner)} // closes with it
}

func monitor(app *tether.Owner, f *Feed) {
	f.Failed.Connect(app, note) // ends with app or with f, whichever is first
}

// end

func TestALongLivedOwnerOnShortLivedSignals(t *testing.T) {
	var m Monitor
	grows(t, heap(func() {
		s := new(Stream)
		m.Watch(s)
		s.buffer[0]++
		s.Failed.Publish(nil)
	}))
	assert.Len(t, m.stops, rounds)

	app := tether.NewOwner("app")
	defer app.Destroy()
	for range rounds {
		monitorForEver(app, new(tether.Signal[error]))
	}
	assert.Equal(t, rounds, app.Stats().Connections, "it should leak")

	app2 := tether.NewOwner("app")
	defer app2.Destroy()
	flat(t, heap(func() {
		f := NewFeed(app2)
		monitor(app2, f)
		f.buffer[0]++
		f.Failed.Fire(nil)
		f.owner.Destroy()
	}))
	assert.Equal(t, tether.Stats{Owners: 1}, app2.Stats())
}

// snippet: handler/go
func hearAllGo(joined *Bus[*Session], said *Bus[string]) {
	joined.Subscribe(func(s *Session) {
		said.Subscribe(s.Send) // one more with every call
	})
}

// end

// snippet: handler/wrong
func hearAllForEver(app *tether.Owner, joined *tether.Signal[*Session], said *tether.Signal[string]) {
	joined.Connect(app, func(s *Session) {
		said.Connect(app, s.Send) // app is not what ends when s does
	})
}

// end

// snippet: handler/tether
func hearAll(app *tether.Owner, joined *tether.Signal[*Session], said *tether.Signal[string]) {
	joined.Connect(app, func(s *Session) {
		said.Connect(s.owner, s.Send)
	})
}

// end

func TestAConnectInsideAHandlerToAnOuterOwner(t *testing.T) {
	var joinedGo Bus[*Session]
	var saidGo Bus[string]
	hearAllGo(&joinedGo, &saidGo)
	grows(t, heap(func() { joinedGo.Publish(new(Session)) }))
	runtime.KeepAlive(&saidGo)

	visit := func(hear func(*tether.Owner, *tether.Signal[*Session], *tether.Signal[string])) (left int) {
		app := tether.NewOwner("app")
		defer app.Destroy()
		var joined tether.Signal[*Session]
		var said tether.Signal[string]
		hear(app, &joined, &said)
		return heap(func() {
			s := &Session{owner: app.NewChild("session")}
			joined.Fire(s)
			said.Fire("hello")
			s.owner.Destroy()
		})
	}
	grows(t, visit(hearAllForEver))
	flat(t, visit(hearAll))
}

// snippet: forget/go
func keepAliveGo(s *Session) {
	go func() {
		for range time.Tick(time.Minute) {
			s.Send("ping")
		}
	}()
}

// end

// snippet: forget/tether
func keepAlive(owner *tether.Owner, beat tether.Source[tether.Tick], s *Session) {
	beat.Connect(owner, func(tether.Tick) { s.Send("ping") })
}

// end

// snippet: forget/goroutine
func poll(owner *tether.Owner, changes <-chan string, s *Session) {
	owner.Go(func(ctx context.Context) {
		for {
			select {
			case c := <-changes:
				s.Send(c)
			case <-ctx.Done():
				return
			}
		}
	})
}

// end

func TestAForgottenGoroutineOrTicker(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		goroutines := func(round func()) int {
			before := runtime.NumGoroutine()
			for range rounds {
				round()
			}
			synctest.Wait()
			return runtime.NumGoroutine() - before
		}
		var over atomic.Bool
		grows(t, goroutines(func() {
			keepAliveGo(&Session{send: func() {
				if over.Load() {
					runtime.Goexit() // at the end of the test, for the sake of the next one
				}
			}})
		}))
		over.Store(true)
		time.Sleep(time.Minute)

		app := tether.NewOwner("app")
		beat := tether.NewHeartbeat(app, time.Minute)
		pings := 0
		flat(t, goroutines(func() {
			owner := app.NewChild("session")
			s := &Session{send: func() { pings++ }}
			keepAlive(owner, beat, s)
			changes := make(chan string)
			poll(owner, changes, s)
			changes <- "news"
			owner.Destroy()
		}))
		assert.Equal(t, rounds, pings)
		time.Sleep(time.Hour)
		assert.Equal(t, rounds, pings, "nobody is left to be pinged")
		app.Destroy()
	})
}
