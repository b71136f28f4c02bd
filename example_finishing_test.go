package tether_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/seed-ec287111/tether"
)

// A goroutine blocks in Read. Destroy closes the pipe first, and then waits for it.
func ExampleOwnBlocking() {
	ann := tether.NewOwner("ann")
	r, w := io.Pipe()
	conn := tether.OwnBlocking(ann, r)
	ann.Go(func(context.Context) {
		_, err := io.ReadAll(conn)
		fmt.Println("read:", err)
	})
	fmt.Fprint(w, "hello")
	fmt.Println("destroyed:", ann.Destroy())
	// Output:
	// read: io: read/write on closed pipe
	// destroyed: <nil>
}

// A server's goroutines fail together: the first error ends the others, and is what
// Run returns.
func ExampleOwner_GoErr() {
	err := tether.Run(context.Background(), "app", func(app *tether.Owner) error {
		app.GoErr(func(ctx context.Context) error {
			<-ctx.Done()
			fmt.Println("worker told:", context.Cause(ctx))
			return ctx.Err() // says nothing new
		})
		app.GoErr(func(ctx context.Context) error {
			return errors.New("listen: address in use")
		})
		<-app.Context().Done()
		return nil
	})
	fmt.Println("run:", err)
	// Output:
	// worker told: listen: address in use
	// run: listen: address in use
}

// The job says its last word into the store, which is older and so still there.
func ExampleStaged() {
	app := tether.NewOwner("app", tether.Staged())
	var results tether.Signal[string]

	store := app.NewChild("store")
	results.Connect(store, func(s string) { fmt.Println("stored:", s) })
	store.Defer(func() { fmt.Println("store closed") })

	job := app.NewChild("job")
	job.Go(func(ctx context.Context) {
		<-ctx.Done()
		results.Fire("half done")
	})
	app.Destroy()
	// Output:
	// stored: half done
	// store closed
}

// To give the stages a cause, end the context that the owner is bound to.
func ExampleStaged_cause() {
	ctx, cancel := context.WithCancelCause(context.Background())
	app := tether.NewOwner("app", tether.Staged(), tether.WithContext(ctx))
	app.NewChild("server").Go(func(ctx context.Context) {
		<-ctx.Done()
		fmt.Println("server told:", context.Cause(ctx))
	})
	cancel(errors.New("reload"))
	<-app.Ended()
	// Output:
	// server told: reload
}

// A session says goodbye when it is cleaned up, to those who live on.
func ExampleCloseInTurn() {
	lobby, session := tether.NewOwner("lobby"), tether.NewOwner("session")
	left := tether.NewSignal[string](session, tether.CloseInTurn())
	session.Defer(func() { left.Fire("ann") })

	left.Connect(lobby, func(who string) { fmt.Println(who, "has left") })
	session.Destroy()
	lobby.Destroy()
	// Output:
	// ann has left
}

// A counter is ready for use as it is, and nobody ends it: what its owner holds goes with it.
type counter struct{ owner *tether.Owner }

func (c *counter) Count(s tether.Source[int], n *int) {
	if c.owner == nil {
		c.owner = tether.NewOwner("counter", tether.Unattended())
	}
	s.Connect(c.owner, func(int) { *n++ })
}

func ExampleUnattended() {
	var c counter
	var s tether.Signal[int]
	n := 0
	c.Count(&s, &n)
	s.Fire(1)
	fmt.Println(n)
	// Output:
	// 1
}

// The end of a child, with the error that ended it.
func ExampleOwner_GoErr_child() {
	app := tether.NewOwner("app")
	defer app.Destroy()
	job := app.NewChild("job")
	job.GoErr(func(context.Context) error { return errors.New("bad input") })
	select {
	case <-job.Ended():
		fmt.Println("job:", context.Cause(job.Context()))
	case <-time.After(time.Minute):
	}
	// Output:
	// job: bad input
}
