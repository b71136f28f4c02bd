package bus_test

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"strings"

	"github.com/seed-ec287111/tether"
	"github.com/seed-ec287111/tether/bus"
)

type Order struct {
	ID    int
	Thing string
}

func Example() {
	app := tether.NewOwner("app")
	defer app.Destroy()
	b := bus.New(app, "bus")

	stock := app.NewChild("stock")
	placed := bus.Named[Order](b, "orders.eu.placed")
	placed.Handle(stock, func(_ context.Context, o Order) error {
		if o.Thing == "spam" {
			return errors.New("no spam left")
		}
		fmt.Println("reserved", o.Thing)
		return nil
	})
	bus.Matching[Order](b, "orders.*.placed").Connect(app, func(m bus.Message[Order]) {
		fmt.Println(m.Topic, m.Value.ID)
	})

	ctx := context.Background()
	fmt.Println(placed.Publish(ctx, Order{1, "ham"}))
	err := placed.Publish(ctx, Order{2, "spam"})
	var h *bus.HandlerError
	fmt.Println(errors.As(err, &h), h.Owner, h.Err)
	stock.Destroy()
	fmt.Println(placed.Publish(ctx, Order{3, "spam"}))
	// Output:
	// reserved ham
	// orders.eu.placed 1
	// <nil>
	// orders.eu.placed 2
	// true app/stock no spam left
	// orders.eu.placed 3
	// <nil>
}

type Started struct{ Port int }

func ExampleFor() {
	app := tether.NewOwner("app")
	defer app.Destroy()
	b := bus.New(app, "bus")
	bus.For[Started](b).Connect(app, func(s Started) { fmt.Println("listening on", s.Port) })
	_ = bus.For[Started](b).Publish(context.Background(), Started{8080})
	// Output: listening on 8080
}

// Handlers of topics and patterns are called in one order, that of connection.
func ExampleMatching() {
	app := tether.NewOwner("app")
	defer app.Destroy()
	b := bus.New(app, "bus")
	bus.Matching[int](b, "sensors.>").Connect(app, func(bus.Message[int]) { fmt.Println("1 any sensor") })
	bus.Named[int](b, "sensors.hall.temperature").Connect(app, func(int) { fmt.Println("2 the hall's temperature") })
	bus.Matching[int](b, "sensors.*.temperature").Connect(app, func(bus.Message[int]) { fmt.Println("3 any temperature") })
	bus.Matching[int](b, "sensors.*").Connect(app, func(bus.Message[int]) { fmt.Println("not called") })
	bus.Matching[int](b, ">").Connect(app, func(bus.Message[int]) { fmt.Println("0 first") }, tether.Priority(1))
	_ = bus.Named[int](b, "sensors.hall.temperature").Publish(context.Background(), 21)
	// Output:
	// 0 first
	// 1 any sensor
	// 2 the hall's temperature
	// 3 any temperature
}

type (
	Price   int
	PriceOf struct{ Thing string }
)

func ExampleAsk() {
	app := tether.NewOwner("app")
	defer app.Destroy()
	b := bus.New(app, "bus")
	shop := app.NewChild("shop")
	_, err := bus.Reply(shop, b, func(_ context.Context, q PriceOf) (Price, error) {
		return Price(len(q.Thing)), nil
	})
	fmt.Println(err)

	ctx := context.Background()
	fmt.Println(bus.Ask[Price](ctx, b, PriceOf{"ham"}))
	shop.Destroy()
	fmt.Println(bus.Ask[Price](ctx, b, PriceOf{"ham"}))
	// Output:
	// <nil>
	// 3 <nil>
	// 0 hook: nobody answered
}

// What went to nobody, and what failed on a queue, is a letter to Dead.
func ExampleBus_Dead() {
	app := tether.NewOwner("app")
	defer app.Destroy()
	b := bus.New(app, "bus")
	b.Dead().Connect(app, func(l bus.Letter) {
		var h *bus.HandlerError
		if errors.As(l.Err, &h) {
			fmt.Println(l.Topic, l.Value, "failed:", h.Err)
		} else {
			fmt.Println(l.Topic, l.Value, l.Err == bus.ErrNobody)
		}
	})

	topic := bus.Named[string](b, "mail")
	_ = topic.Publish(context.Background(), "hello?")

	q := tether.NewQueue(app, 10, tether.Block)
	topic.Handle(app, func(context.Context, string) error { return errors.New("no such address") }, tether.On(q))
	err := topic.Publish(context.Background(), "dear ann")
	_ = q.Flush(context.Background())
	fmt.Println("published:", err)
	// Output:
	// mail hello? true
	// mail dear ann failed: no such address
	// published: <nil>
}

func ExampleAround() {
	app := tether.NewOwner("app")
	defer app.Destroy()
	b := bus.New(app, "bus", bus.Around(func(ctx context.Context, d bus.Delivery, next func(context.Context) error) error {
		err := next(ctx)
		fmt.Printf("%s to %s: %v\n", d.Topic, d.Owner(), err)
		return err
	}))
	topic := bus.Named[int](b, "n")
	topic.Connect(app.NewChild("ann"), func(int) {})
	topic.Handle(app.NewChild("bob"), func(context.Context, int) error { return errors.New("not now") })
	_ = topic.Publish(context.Background(), 1)
	// Output:
	// n to app/ann: <nil>
	// n to app/bob: not now
}

// Names that others choose are checked before they are used.
func ExampleCheckName() {
	for _, name := range []string{"device.7.on", "device.*.on", "device..on", "device.a b.on"} {
		fmt.Println(bus.CheckName(name))
	}
	// Output:
	// <nil>
	// bus: name "device.*.on" has a wildcard, which is for patterns
	// bus: name "device..on" has an empty token
	// bus: name "device.a b.on" has white space
}

// A part that others choose becomes one token, so that it can't be taken for more.
func ExampleToken() {
	app := tether.NewOwner("app")
	defer app.Destroy()
	b := bus.New(app, "bus")
	bus.Matching[int](b, "devices.*.temperature").Connect(app, func(m bus.Message[int]) {
		id, _ := url.PathUnescape(strings.Split(m.Topic, ".")[1])
		fmt.Println(m.Topic, "is of", id)
	})
	topic := bus.Named[int](b, "devices."+bus.Token("10.0.0.7")+".temperature")
	_ = topic.Publish(context.Background(), 21)
	// Output: devices.10%2E0%2E0%2E7.temperature is of 10.0.0.7
}

// A name has one type while it has handlers: *Order is another one than Order.
func ExampleNamed_mistake() {
	app := tether.NewOwner("app")
	defer app.Destroy()
	b := bus.New(app, "bus")
	bus.Named[Order](b, "orders").Connect(app, func(o Order) { fmt.Println(o.ID) })
	fmt.Println(bus.Named[*Order](b, "orders").Publish(context.Background(), &Order{ID: 7}))
	// Output: bus: Publish of *bus_test.Order to "orders", which has handlers of bus_test.Order
}
