package main

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"log"
	"net/http"
	"time"

	"github.com/seed-ec287111/tether"
	"github.com/seed-ec287111/tether/history"
)

// A Server is the application. Requests know nothing of each other: all that
// passes between them is signals.
type Server struct {
	Left *tether.Signal[Departure] // a stream's

	owner    *tether.Owner
	requests *tether.Owner // of an owner for each ordinary request
	streams  *tether.Owner // of an owner for each one that lasts
	addr     string
	beat     tether.Source[tether.Tick]
	limits   Limits
	log      *log.Logger

	posted   *tether.Signal[string]
	queue    *tether.Queue // of what was posted
	said     *tether.Signal[Message]
	recent   *history.Ring[Message] // for who comes back
	reloaded *tether.Signal[Config]
	config   *history.Ring[Config] // the latest, for who comes later
}

// A Message is numbered, so that a client that comes back can say where it was.
type Message struct {
	ID   uint64 `json:"id"`
	Text string `json:"text"`
}

// Config is what can change while the server runs.
type Config struct {
	Greeting string `json:"greeting"`
	Longest  int    `json:"longest"` // message, in bytes
}

// A Departure is the end of a stream.
type Departure struct {
	Addr string
	Why  Reason
}

// A Reason is why a stream has ended.
type Reason string

// All the reasons there are.
const (
	Gone    Reason = "the client has gone"
	Slow    Reason = "too slow a reader"
	Closing Reason = "the server closes"
)

// Limits say what the server puts up with.
type Limits struct {
	Pending int           // events that wait for one client; one more, and the oldest goes
	Recent  int           // messages that are kept for those who come back
	Text    int           // bytes of a message, whatever the configuration says
	Buffer  int           // bytes that the kernel may hold for one client
	Write   time.Duration // for a client to take what it is sent
	Goodbye time.Duration // for a client to take all the rest, at the end
}

// NewServer makes a server that belongs to owner, whose children have the requests and the
// streams.
func NewServer(owner, requests, streams *tether.Owner, beat tether.Source[tether.Tick], config Config, limits Limits, log *log.Logger) *Server {
	s := &Server{
		Left:     tether.NewSignal[Departure](owner),
		owner:    owner,
		requests: requests,
		streams:  streams,
		beat:     beat,
		limits:   limits,
		log:      log,
		posted:   tether.NewSignal[string](owner),
		said:     tether.NewSignal[Message](owner),
		reloaded: tether.NewSignal[Config](owner),
	}
	s.recent = history.Record(owner, s.said, limits.Recent)
	s.config = history.Record(owner, s.reloaded, 1)
	s.reloaded.Fire(config)

	// Requests come on many goroutines. One queue gives their messages one order,
	// in which they are numbered; and it holds those who post faster than that.
	s.queue = tether.NewQueue(owner, 64, tether.Block, tether.Finish())
	var id uint64
	s.posted.Connect(owner, func(text string) {
		id++
		s.said.Fire(Message{id, text})
	}, tether.On(s.queue))
	return s
}

// Handler returns the routes.
func (s *Server) Handler() http.Handler {
	mux := http.NewServeMux()
	mux.Handle("GET /events", s.owned(s.streams, s.stream))
	mux.Handle("GET /next", s.owned(s.streams, s.next))
	mux.Handle("POST /messages", s.owned(s.requests, s.post))
	mux.Handle("GET /stats", s.owned(s.requests, s.stats))
	return mux
}

// A handler serves a request, with an owner for whatever that takes.
type handler func(owner *tether.Owner, w http.ResponseWriter, r *http.Request)

// owned gives each request an owner below parent, which is cut off with the
// request's context: when the client has gone. The request's context, in turn, is then the owner's, so that it ends with parent too.
//
// The owner ends before ServeHTTP returns, since w is not to be used after that.
// And it does not end before serve has returned, so that who destroys parent
// waits for its requests: net/http's goroutine is nobody's, but one of the owner's
// stands for it.
func (s *Server) owned(parent *tether.Owner, serve handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		owner := parent.NewChild(r.URL.Path+" "+r.RemoteAddr, tether.WithContext(r.Context()))
		defer owner.Destroy()
		served := make(chan struct{})
		defer close(served)
		if !owner.Go(func(context.Context) { <-served }) {
			http.Error(w, string(Closing), http.StatusServiceUnavailable) // it came too late
			return
		}
		serve(owner, w, r.WithContext(owner.Context()))
	})
}

func (s *Server) post(_ *tether.Owner, w http.ResponseWriter, r *http.Request) {
	longest := s.limits.Text
	if c, ok := s.config.Last(); ok {
		longest = min(longest, c.Longest)
	}
	text, err := io.ReadAll(http.MaxBytesReader(w, r.Body, int64(longest)))
	var tooLong *http.MaxBytesError
	switch {
	case errors.As(err, &tooLong):
		http.Error(w, err.Error(), http.StatusRequestEntityTooLarge)
	case err != nil:
		http.Error(w, err.Error(), http.StatusBadRequest)
	default:
		s.posted.Fire(string(text))
		w.WriteHeader(http.StatusAccepted)
	}
}

// next needs no owner of its own: Wait is one, and ends with the context.
func (s *Server) next(_ *tether.Owner, w http.ResponseWriter, r *http.Request) {
	m, err := tether.Wait(r.Context(), s.said)
	if err != nil {
		http.Error(w, err.Error(), http.StatusServiceUnavailable)
		return
	}
	writeJSON(w, m)
}

func (s *Server) stats(_ *tether.Owner, w http.ResponseWriter, _ *http.Request) {
	writeJSON(w, s.owner.Stats())
}

func writeJSON(w http.ResponseWriter, v any) {
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(v) // fails where nobody reads it
}
