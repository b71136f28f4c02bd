package main

import (
	"context"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/seed-ec287111/tether"
	"github.com/seed-ec287111/tether/inspect"
)

// snippet: hang
func logStuck(s inspect.Slow) {
	slog.Warn("stuck", "slow", s)
	fmt.Println(s.Stack)
}

func shutdown(app *tether.Owner, grace time.Duration) error {
	ctx, cancel := context.WithTimeout(context.Background(), grace)
	defer cancel()
	return app.DestroyContext(ctx) // a *PendingError, if it gives up
}

// end

// A store has a lock that its handler takes.
type store struct {
	mu      sync.Mutex
	changed tether.Signal[string]
	keys    []string
	called  chan bool // the handler was
}

func newStore(owner *tether.Owner) *store {
	s := &store{called: make(chan bool, 1)}
	s.changed.Connect(owner, func(key string) {
		s.called <- true
		s.mu.Lock()
		defer s.mu.Unlock()
		s.keys = append(s.keys, key)
	})
	return s
}

// hang destroys an owner under a lock that a running handler of it wants.
func hang() error {
	app := tether.NewOwner("app")
	s := newStore(app.NewChild("store"))
	told := make(chan bool)
	stop := inspect.Watch(app, 50*time.Millisecond, func(slow inspect.Slow) {
		logStuck(slow)
		told <- true
	})

	s.mu.Lock() // the fault: it is held until the end of the shutdown
	go s.changed.Fire("name")
	<-s.called
	<-told
	stop() // else it would report the shutdown, too
	err := shutdown(app, 50*time.Millisecond)
	fmt.Println(err)
	s.mu.Unlock()
	<-app.Ended()
	return nil
}
