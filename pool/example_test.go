package pool_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/seed-ec287111/tether"
	"github.com/seed-ec287111/tether/pool"
)

func newBuffer() (*bytes.Buffer, error) {
	fmt.Println("made")
	return new(bytes.Buffer), nil
}

func Example() {
	app := tether.NewOwner("app")
	defer app.Destroy()
	buffers := pool.New(app, newBuffer, pool.Limit(2), pool.Reset((*bytes.Buffer).Reset))

	for _, name := range []string{"ann", "bob"} {
		session := app.NewChild(name)
		lease, err := buffers.Acquire(context.Background(), session)
		if err != nil {
			fmt.Println(err)
			return
		}
		fmt.Fprintf(lease.Value(), "hello, %s", name)
		fmt.Println(lease.Value())
		session.Destroy() // gives back what the session has acquired
	}
	fmt.Printf("%+v\n", buffers.Stats())
	// Output:
	// made
	// hello, ann
	// hello, bob
	// {Idle:1 Leased:0 Making:0 Waiting:0 Made:1 Disposed:0}
}

func ExampleLimit() {
	app := tether.NewOwner("app")
	defer app.Destroy()
	seats := pool.New(app, func() (string, error) { return "the seat", nil }, pool.Limit(1))

	first, _ := seats.Acquire(context.Background(), app)
	ctx, cancel := context.WithTimeout(context.Background(), time.Millisecond)
	defer cancel()
	_, err := seats.Acquire(ctx, app)
	fmt.Println(err)

	first.Release()
	second, _ := seats.Acquire(context.Background(), app)
	fmt.Println(second.Value())
	// Output:
	// context deadline exceeded
	// the seat
}

// Items that are idle when the pool ends are disposed of then, and one that is
// on loan when it comes back.
func ExampleDispose() {
	app := tether.NewOwner("app")
	defer app.Destroy()
	home := app.NewChild("home")
	n := 0
	conns := pool.New(home, func() (int, error) { n++; return n, nil },
		pool.Prewarm(3),
		pool.Dispose(func(n int) { fmt.Println("closed", n) }))

	lease, _ := conns.Acquire(context.Background(), app)
	home.Destroy()
	fmt.Println("the pool has ended")
	_, err := conns.Acquire(context.Background(), app)
	fmt.Println(errors.Is(err, pool.ErrClosed))
	lease.Release()
	// Output:
	// closed 2
	// closed 1
	// the pool has ended
	// true
	// closed 3
}

// An item that is broken is not for the next one.
func ExampleLease_Discard() {
	app := tether.NewOwner("app")
	defer app.Destroy()
	n := 0
	conns := pool.New(app, func() (int, error) { n++; return n, nil }, pool.Limit(1))

	lease, _ := conns.Acquire(context.Background(), app)
	lease.Discard()
	lease, _ = conns.Acquire(context.Background(), app)
	fmt.Println(lease.Value())
	// Output: 2
}

// The main mistake: to acquire for an owner that outlives the use, and to forget
// the Release. The loans pile up until the limit is reached and everybody waits.
// The cure is an owner for the occasion, or a deferred Release.
func Example_mistake() {
	app := tether.NewOwner("app")
	defer app.Destroy()
	n := 0
	conns := pool.New(app, func() (int, error) { n++; return n, nil }, pool.Limit(3))
	query := func(ctx context.Context, owner *tether.Owner) error {
		_, err := conns.Acquire(ctx, owner)
		return err
	}
	ctx := context.Background()

	server := app.NewChild("server")
	for range 3 {
		_ = query(ctx, server) // wrong: the connections stay with it
	}
	short, cancel := context.WithTimeout(ctx, time.Millisecond)
	defer cancel()
	fmt.Println("the fourth:", query(short, server))
	server.Destroy()

	for range 100 {
		request := app.NewChild("request")
		if err := query(ctx, request); err != nil {
			fmt.Println(err)
		}
		request.Destroy()
	}
	fmt.Println("a hundred requests:", n, "connections")
	// Output:
	// the fourth: context deadline exceeded
	// a hundred requests: 3 connections
}
