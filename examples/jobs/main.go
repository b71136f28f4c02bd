// Jobs is a server that runs jobs, streams what happens to them, and ends in stages. With
// -demo it visits itself, and ends; -debug localhost:6060 lets a browser look at its owners.
//
//	go run ./examples/jobs                        # ^C: jobs have some time to finish
//	curl -N localhost:8080/events                 # server-sent events
//	curl -X POST 'localhost:8080/jobs?steps=100'  # a job; DELETE /jobs/1 cancels it
//	curl -X PUT 'localhost:8080/pace?step=1s'     # for those that run, too
package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/signal"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/seed-ec287111/tether"
	"github.com/seed-ec287111/tether/examples/internal/debugport"
	"github.com/seed-ec287111/tether/history"
	"github.com/seed-ec287111/tether/keyed"
	"github.com/seed-ec287111/tether/state"
)

func main() {
	play := flag.Bool("demo", false, "visit itself, and end")
	debugport.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, stop) // a second ^C kills
	addr, grace, ready := "localhost:8080", 10*time.Second, func(_ *tether.Owner, addr string) { fmt.Println("listening on", addr) }
	if *play {
		addr, grace, ready = "127.0.0.1:0", time.Second, func(app *tether.Owner, addr string) {
			app.Go(func(context.Context) { visit("http://"+addr, os.Stdout, stop) })
		}
	}
	if err := Serve(ctx, addr, 100*time.Millisecond, grace, ready); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

// visit starts three jobs, cancels one, ends the server, and prints all that it hears.
func visit(url string, out io.Writer, end func()) {
	defer end()
	res, err := http.Get(url + "/events")
	if err != nil {
		return
	}
	defer res.Body.Close()
	for _, command := range []string{"POST /jobs?steps=2", "POST /jobs?steps=600", "DELETE /jobs/2", "POST /jobs?steps=600"} {
		method, path, _ := strings.Cut(command, " ")
		req, _ := http.NewRequest(method, url+path, nil)
		if res, err := http.DefaultClient.Do(req); err == nil {
			res.Body.Close()
		}
	}
	end()
	_, _ = io.Copy(out, res.Body)
}

// An Event is what happens to a job. The last one is "done" or "cancelled".
type Event struct {
	Job, Step int
	What, Why string
}

// A Server runs jobs, and tells whoever listens how they go.
type Server struct {
	listener, streams *tether.Owner
	jobs              *keyed.Owners[int] // a job is an owner
	events            *tether.Signal[Event]
	recent            *history.Ring[Event] // and those to come: what a stream connects to
	pace              *state.Value[time.Duration]
	number            atomic.Int64
}

// Serve serves at addr until ctx ends. Then nobody comes in; jobs have the grace time to finish, and
// who has not is cancelled; the streams send what they hear of that; other requests are answered.
func Serve(ctx context.Context, addr string, pace, grace time.Duration, ready func(*tether.Owner, string)) error {
	return tether.Run(ctx, "jobs", func(app *tether.Owner) error {
		s := &Server{pace: state.NewValue(app, pace), events: tether.NewSignal[Event](app)}
		s.recent = history.Record(app, s.events, 100)
		mux := http.NewServeMux()
		mux.HandleFunc("POST /jobs", s.submit)
		mux.HandleFunc("DELETE /jobs/{id}", s.cancel)
		mux.HandleFunc("PUT /pace", s.reload)
		mux.HandleFunc("GET /events", s.stream)
		srv := &http.Server{Handler: mux, ReadHeaderTimeout: 5 * time.Second}
		app.NewChild("requests").Defer(func() { _ = errors.Join(srv.Shutdown(app.Context()), srv.Close()) })
		s.streams = app.NewChild("streams")
		s.jobs = keyed.New[int](app, "jobs")
		app.NewChild("grace").Defer(func() {
			over := time.After(grace)
			for _, job := range s.jobs.All() {
				select {
				case <-job.Ended():
				case <-over: // for the others too
					return
				}
			}
		})
		s.listener = app.NewChild("listener")

		ln, err := net.Listen("tcp", addr)
		if err != nil {
			return err
		}
		tether.OwnBlocking(s.listener, ln)
		s.listener.GoErr(func(context.Context) error { return srv.Serve(ln) })
		ready(app, ln.Addr().String())
		<-s.listener.Ended() // with ctx, or before it because it has failed
		if ctx.Err() == nil {
			err = context.Cause(s.listener.Context())
		}
		return err
	}, tether.Staged(), tether.WithGrace(grace+10*time.Second))
}

func (s *Server) submit(w http.ResponseWriter, r *http.Request) {
	steps, err := strconv.Atoi(r.FormValue("steps"))
	id := int(s.number.Add(1))
	switch {
	case err != nil:
		http.Error(w, err.Error(), http.StatusBadRequest)
	case !s.listener.Alive() || !s.start(s.jobs.Get(id), id, steps):
		http.Error(w, "the server closes", http.StatusServiceUnavailable)
	}
}

func (s *Server) start(job *tether.Owner, id, steps int) bool {
	return job.Go(func(ctx context.Context) {
		s.events.Fire(s.run(ctx, id, steps)) // its last word, whatever has ended it
		job.Cancel(nil)
	})
}

func (s *Server) run(ctx context.Context, id, steps int) Event {
	for step := range steps {
		s.events.Fire(Event{Job: id, What: "running", Step: step})
		select {
		case <-time.After(s.pace.Get()):
		case <-ctx.Done():
			return Event{id, step, "cancelled", context.Cause(ctx).Error()}
		}
	}
	return Event{Job: id, What: "done", Step: steps}
}

func (s *Server) cancel(w http.ResponseWriter, r *http.Request) {
	id, _ := strconv.Atoi(r.PathValue("id"))
	if job, ok := s.jobs.Lookup(id); ok {
		job.Cancel(errors.New("a client wants it"))
	} else {
		http.NotFound(w, r)
	}
}

// reload changes how long a step takes.
func (s *Server) reload(w http.ResponseWriter, r *http.Request) {
	if pace, err := time.ParseDuration(r.FormValue("step")); err == nil {
		s.pace.Set(pace)
	} else {
		http.Error(w, err.Error(), http.StatusBadRequest)
	}
}

// stream sends events until the client or the server goes. A client that is too slow loses
// the oldest and is told how many. What is queued at the end is sent.
func (s *Server) stream(w http.ResponseWriter, r *http.Request) {
	client := s.streams.NewChild(r.RemoteAddr, tether.WithContext(r.Context()))
	defer client.Destroy() // waits for the queue: then w is net/http's again
	w.Header().Set("Content-Type", "text/event-stream")
	rc := http.NewResponseController(w)
	q, told := tether.NewQueue(client, 256, tether.DropOldest, tether.Finish()), uint64(0)
	s.recent.Connect(client, func(e Event) {
		_ = rc.SetWriteDeadline(time.Now().Add(5 * time.Second))
		if lost := q.Dropped(); lost > told {
			fmt.Fprintf(w, "event: lost\ndata: %d\n\n", lost-told)
			told = lost
		}
		data, _ := json.Marshal(e)
		fmt.Fprintf(w, "data: %s\n\n", data)
		if err := rc.Flush(); err != nil {
			client.Cancel(err)
		}
	}, tether.On(q))
	var connected tether.Signal[struct{}] // who has the header misses nothing of what comes
	connected.Once(client, func(struct{}) { _ = rc.Flush() }, tether.On(q))
	connected.Fire(struct{}{})
	<-client.Context().Done()
}
