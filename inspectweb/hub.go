package inspectweb

import (
	"context"
	"encoding/json"
	"math/rand/v2"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"sync"
	"time"
	"weak"

	"github.com/seed-ec287111/tether"
	"github.com/seed-ec287111/tether/inspect"
)

const (
	// beat is the time between two looks while a page is open, if looks are short.
	beat = time.Second
	// share is the part of the time that looks may take: one in so many.
	share = 20
	// kept is how many looks are kept for the lines, and linger for how long, after the last
	// page was closed: a page that is loaded again goes on where it was.
	kept, linger = 300, time.Minute
	// mostPages is how many pages may be open at a time.
	mostPages = 200
	// patience is how long a page may take to read what it is sent.
	patience = 10 * time.Second
	// mostListed is how many groups go to each page at each look.
	mostListed = 12
)

func program() string { return filepath.Base(os.Args[0]) }

// A hub looks at the owners on behalf of all pages that are open. It has a goroutine as long
// as there is one.
type hub struct {
	root  *tether.Owner
	title string
	stuck time.Duration
	boot  string // tells this handler from one of the program before or after it

	looks sync.Mutex // held during a look; never taken with mu held

	mu      sync.Mutex // guards the fields below
	monitor *inspect.Monitor
	last    *inspect.Survey
	history []sample
	pages   int
	looker  *tether.Owner                               // of the goroutine; nil if there is no page
	idle    *time.Timer                                 // of the forgetting; nil if there is a page, or nothing to forget
	servers map[weak.Pointer[http.Server]]*tether.Owner // of the pages open on each
	briefs  map[uint64]inspect.Brief                    // that pages were told of
	news    tether.Signal[[]byte]

	searching chan struct{} // holds a token while somebody searches
}

func newHub(owner *tether.Owner, c config) *hub {
	return &hub{
		root: owner, title: c.title, stuck: c.stuck, boot: strconv.FormatUint(rand.Uint64(), 36),
		monitor: inspect.NewMonitor(c.stuck), searching: make(chan struct{}, 1),
	}
}

// pause returns how long to wait after a look that has taken so long.
func pause(took time.Duration) time.Duration { return max(beat, share*took) }

// survey returns the last look, or a new one if that is old.
func (h *hub) survey() *inspect.Survey {
	if s := h.fresh(); s != nil {
		return s
	}
	h.looks.Lock()
	defer h.looks.Unlock()
	if s := h.fresh(); s != nil {
		return s
	}
	s, _ := h.lookLocked()
	return s
}

// fresh returns the last look if it is not older than looks may be.
func (h *hub) fresh() *inspect.Survey {
	h.mu.Lock()
	defer h.mu.Unlock()
	if s := h.last; s != nil && time.Since(s.At) < pause(s.Took)+beat/4 {
		return s
	}
	return nil
}

// lookLocked looks, and returns what is sent to pages. looks is held.
func (h *hub) lookLocked() (*inspect.Survey, []byte) {
	h.mu.Lock()
	m := h.monitor
	h.mu.Unlock()
	s := m.Look()
	h.mu.Lock()
	defer h.mu.Unlock()
	h.last = s
	h.history = append(h.history, sampleOf(s))
	if n := len(h.history) - kept; n > 0 {
		h.history = append(h.history[:0], h.history[n:]...)
	}
	h.forgetLaterLocked()
	return s, encode("look", lookOf(s))
}

// forgetLaterLocked has what was seen forgotten if no page is open for a while. That is not a
// timer of the owner's, as the owner may end before.
func (h *hub) forgetLaterLocked() {
	if h.idle != nil {
		h.idle.Stop()
		h.idle = nil
	}
	if h.pages > 0 {
		return
	}
	var idle *time.Timer
	idle = time.AfterFunc(linger, func() {
		h.mu.Lock()
		defer h.mu.Unlock()
		if h.idle != idle { // it was taken back just now
			return
		}
		h.last, h.history, h.briefs, h.idle = nil, nil, nil, nil
		h.monitor = inspect.NewMonitor(h.stuck)
	})
	h.idle = idle
}

// look looks again and again, and tells the pages, until ctx ends.
func (h *hub) look(ctx context.Context) {
	defer inspect.RecordSites()() // so that what is made from now on has its line
	for {
		h.looks.Lock()
		s, frame := h.lookLocked()
		h.looks.Unlock()
		h.news.Fire(frame)
		select {
		case <-time.After(pause(s.Took)):
		case <-ctx.Done():
			return
		}
	}
}

// open notes that a page is open. page ends with ctx, with the owner, and when the server of
// ctx shuts down; close is called then. ok is false if there are too many.
func (h *hub) open(ctx context.Context) (page *tether.Owner, hello []byte, close func(), ok bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.pages >= mostPages {
		return nil, nil, nil, false
	}
	parent := h.serverLocked(serverOf(ctx))
	page = parent.NewChild("page", tether.WithContext(ctx))
	if h.pages++; h.pages == 1 {
		h.forgetLaterLocked()
		h.looker = h.root.NewChild("inspectweb: look")
		h.looker.Go(h.look)
	}
	hello = encode("hello", h.helloLocked())
	if h.last != nil {
		hello = append(hello, encode("look", lookOf(h.last))...)
	}
	return page, hello, func() {
		page.Destroy()
		h.mu.Lock()
		defer h.mu.Unlock()
		if h.pages--; h.pages == 0 {
			h.looker.Cancel(nil)
			h.looker = nil
			h.forgetLaterLocked()
		}
	}, true
}

// serverLocked returns the owner of the pages on s, which ends when s begins to shut down:
// [http.Server.Shutdown] waits for requests, and those of pages last. s is nil if the server is
// of another kind, or if a test calls the handler without one. A server that has shut down keeps the owner that ended then, so
// a request that was on its way gets a page that has ended.
func (h *hub) serverLocked(s *http.Server) *tether.Owner {
	if h.servers == nil {
		h.servers = make(map[weak.Pointer[http.Server]]*tether.Owner)
	}
	var none weak.Pointer[http.Server]
	at := weak.Make(s)
	for k, o := range h.servers {
		if k != at && k != none && k.Value() == nil { // the server is garbage
			o.Cancel(nil)
			delete(h.servers, k)
		}
	}
	pages := h.servers[at]
	if pages == nil {
		pages = h.root.NewChild("inspectweb")
		h.servers[at] = pages
		if s != nil {
			s.RegisterOnShutdown(func() { pages.Cancel(http.ErrServerClosed) })
		}
	}
	return pages
}

// events is the stream of a page: server-sent events.
func (h *hub) events(w http.ResponseWriter, r *http.Request) {
	head := w.Header()
	head.Set("Content-Type", "text/event-stream")
	head.Set("X-Accel-Buffering", "no")
	if r.Method == http.MethodHead {
		return
	}
	page, hello, close, ok := h.open(r.Context())
	if !ok {
		head.Set("Retry-After", "10")
		http.Error(w, "inspectweb: too many pages are open", http.StatusServiceUnavailable)
		return
	}
	defer close()
	out := http.NewResponseController(w)
	send := func(frame []byte) bool { // a reader that is too slow is let go of
		_ = out.SetWriteDeadline(time.Now().Add(patience))
		_, err := w.Write(frame)
		return err == nil && out.Flush() == nil
	}
	if !send(hello) {
		return
	}
	for frame := range tether.Values(page.Context(), &h.news, 1, tether.DropOldest) {
		if !send(frame) {
			return
		}
	}
	if r.Context().Err() == nil {
		send(encode("bye", nil))
	}
}

// encode makes an event.
func encode(event string, v any) []byte {
	data, err := json.Marshal(v)
	if err != nil {
		panic("inspectweb: " + err.Error()) // not of what there is
	}
	return []byte("event: " + event + "\ndata: " + string(data) + "\n\n")
}
