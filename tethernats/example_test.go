package tethernats_test

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/seed-ec287111/tether"
	"github.com/seed-ec287111/tether/bus"
	"github.com/seed-ec287111/tether/tethernats"
)

type Order struct {
	ID   int
	Item string
}

// must ends an example that can't go on.
func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

func Example() {
	app := tether.NewOwner("app")
	ctx := app.Context()
	c := must(tethernats.Embed(app, "")) // in memory; with a directory it outlives the program
	if err := c.Stream(ctx, "ORDERS", "orders.>"); err != nil {
		fmt.Println(err)
	}

	stock := app.NewChild("stock")
	done := make(chan bool)
	err := tethernats.Consume(stock, c, "ORDERS", "stock", func(_ context.Context, m tethernats.Msg[Order]) error {
		if m.Delivered == 1 {
			return errors.New("try again")
		}
		fmt.Println("reserved", m.Value.Item, "from", m.Subject)
		done <- true
		return nil
	}, tethernats.Backoff(time.Millisecond))
	if err != nil {
		fmt.Println(err)
	}

	err = tethernats.Send(ctx, c, "orders.eu", Order{1, "ham"}, tethernats.Stored())
	fmt.Println("stored:", err == nil)
	<-done
	stock.Destroy() // the server has got the acknowledgement when it returns
	app.Destroy()   // closes the connection and stops the server
	// Output:
	// stored: true
	// reserved ham from orders.eu
}

func ExampleSubscribe() {
	app := tether.NewOwner("app")
	defer app.Destroy()
	c := must(tethernats.Embed(app, ""))

	placed := must(tethernats.Subscribe[Order](app, c, "orders.>"))
	var orders tether.Signal[Order]
	must(tethernats.Publish(app, &orders, c, "orders.eu"))

	got := make(chan tethernats.Msg[Order])
	placed.Connect(app, func(m tethernats.Msg[Order]) { got <- m })
	orders.Fire(Order{1, "ham"})
	m := <-got
	fmt.Println(m.Subject, m.Value.Item)
	// Output: orders.eu ham
}

func ExamplePublish() {
	app := tether.NewOwner("app")
	defer app.Destroy()
	c := must(tethernats.Embed(app, ""))
	if err := c.Stream(app.Context(), "READINGS", "readings"); err != nil {
		fmt.Println(err)
	}

	// Who fires does not wait for the stream: a queue does. Destroy of the publisher waits until
	// all that was fired is stored, as the queue is a Finish queue.
	q := tether.NewQueue(app, 1000, tether.Block, tether.Finish())
	publisher := app.NewChild("publisher")
	var readings tether.Signal[float64]
	must(tethernats.Publish(publisher, &readings, c, "readings", tethernats.Stored(), tethernats.With(tether.On(q))))
	for range 10 {
		readings.Fire(21.5)
	}
	publisher.Destroy()
	fmt.Println(c.Stats().Published, "stored")
	// Output: 10 stored
}

func ExampleConsume_deadLetters() {
	app := tether.NewOwner("app")
	defer app.Destroy()
	ctx := app.Context()
	c := must(tethernats.Embed(app, "", tethernats.OnError(func(error) {})))
	for stream, subject := range map[string]string{"ORDERS": "orders", "DEAD": "dead"} {
		if err := c.Stream(ctx, stream, subject); err != nil {
			fmt.Println(err)
		}
	}
	err := tethernats.Consume(app, c, "ORDERS", "stock", func(context.Context, tethernats.Msg[Order]) error {
		return errors.New("no such item")
	}, tethernats.MaxDeliver(3, "dead"), tethernats.Backoff(time.Millisecond))
	if err != nil {
		fmt.Println(err)
	}
	done := make(chan bool)
	err = tethernats.Consume(app, c, "DEAD", "undertaker", func(_ context.Context, m tethernats.Msg[Order]) error {
		h := m.Header
		fmt.Println(m.Value.Item, "after", h.Get(tethernats.HeaderDelivered), "tries:", h.Get(tethernats.HeaderError))
		done <- true
		return nil
	})
	if err != nil {
		fmt.Println(err)
	}
	if err := tethernats.Send(ctx, c, "orders", Order{1, "unicorn"}, tethernats.Stored()); err != nil {
		fmt.Println(err)
	}
	<-done
	// Output: unicorn after 3 tries: no such item
}

type PriceOf struct{ Item string }
type Price struct{ Cents int }

func ExampleAsk() {
	app := tether.NewOwner("app")
	defer app.Destroy()
	c := must(tethernats.Embed(app, ""))
	_, err := tethernats.Ask[Price](app.Context(), c, "prices", PriceOf{"ham"})
	fmt.Println(err)
	err = tethernats.Reply(app, c, "prices", func(_ context.Context, q PriceOf) (Price, error) {
		return Price{100 * len(q.Item)}, nil
	})
	if err != nil {
		fmt.Println(err)
	}
	fmt.Println(tethernats.Ask[Price](app.Context(), c, "prices", PriceOf{"ham"}))
	// Output:
	// hook: nobody answered
	// {300} <nil>
}

func ExampleBridge() {
	app := tether.NewOwner("app")
	defer app.Destroy()
	c := must(tethernats.Embed(app, ""))

	// Two buses, as if in two processes that are connected to one server.
	var buses []*bus.Bus
	for _, name := range []string{"here", "there"} {
		b := bus.New(app, name)
		if err := tethernats.Bridge(app, b, c, "orders.>", tethernats.Carry[Order]()); err != nil {
			fmt.Println(err)
		}
		buses = append(buses, b)
	}
	got := make(chan string)
	bus.Matching[Order](buses[1], "orders.*").Connect(app, func(m bus.Message[Order]) { got <- m.Topic })
	if err := bus.Named[Order](buses[0], "orders.eu").Publish(app.Context(), Order{1, "ham"}); err != nil {
		fmt.Println(err)
	}
	fmt.Println(<-got)
	// Output: orders.eu
}

func ExampleConn_Drain() {
	app := tether.NewOwner("app")
	c := must(tethernats.Embed(app, ""))
	src := must(tethernats.Subscribe[int](app, c, "numbers"))
	sum := 0
	src.Connect(app, func(m tethernats.Msg[int]) { sum += m.Value })
	for n := range 5 {
		if err := tethernats.Send(app.Context(), c, "numbers", n); err != nil {
			fmt.Println(err)
		}
	}
	err := c.Drain(app.Context()) // what has arrived is handled
	app.Destroy()                 // without Drain, what waits would be dropped
	fmt.Println(sum, err)
	// Output: 10 <nil>
}
