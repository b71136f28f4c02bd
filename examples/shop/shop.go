package main

import (
	"context"
	"fmt"
	"io"

	"github.com/seed-ec287111/tether"
	"github.com/seed-ec287111/tether/bus"
	"github.com/seed-ec287111/tether/derive"
	"github.com/seed-ec287111/tether/hook"
)

// An Order is published to "orders.REGION.placed".
type Order struct {
	ID           int64
	Region, Item string
	Amount       int
}

// Settled is published to "orders.REGION.settled": what was paid, or why nothing was.
type Settled struct {
	Order
	Cents   int
	Refused error
}

// A Shop is a bus, and modules that know the bus and not each other.
type Shop struct {
	Bus           *bus.Bus
	BeforePayment *hook.Veto[Order]
	Stock         *Stock
	Books         *Books
	Till          tether.ConnectOption // has the handler called for one order after the other

	modules *tether.Owner
	said    *tether.Signal[string]
}

// Open returns a shop that ends with app, which is staged: the modules end before the books,
// the books before the bus, and the log comes last.
func Open(app *tether.Owner, out io.Writer) *Shop {
	s := &Shop{Stock: NewStock(), said: tether.NewSignal[string](app)}
	log := app.NewChild("log")
	s.said.Connect(log, func(line string) { fmt.Fprintln(out, line) },
		tether.On(tether.NewQueue(log, 100, tether.Block, tether.Finish())))
	s.Bus = bus.New(app, "bus")
	s.BeforePayment = hook.NewVeto[Order](app)
	s.Books = Keep(app.NewChild("books"), s)
	s.Books.till = tether.NewQueue(app, 100, tether.Block, tether.Finish())
	s.Till = tether.On(s.Books.till)
	s.modules = app.NewChild("modules", tether.Staged())
	return s
}

// Say prints a line, in order with those of others.
func (s *Shop) Say(format string, args ...any) { s.said.Fire(fmt.Sprintf(format, args...)) }

// Load loads modules. Destroy of the owner that it returns unloads the last one.
func (s *Shop) Load(names ...string) (o *tether.Owner, err error) {
	for _, name := range names {
		o = s.modules.NewChild(name)
		if err := modules[name](o, s); err != nil {
			o.Destroy()
			return nil, fmt.Errorf("load %s: %w", name, err)
		}
	}
	return o, nil
}

// Place places an order. Its error says that the order was not taken; what becomes of one
// that was is in the books.
func (s *Shop) Place(ctx context.Context, o Order) error {
	o.ID = s.Books.ids.Add(1)
	err := bus.Named[Order](s.Bus, "orders."+o.Region+".placed").Publish(ctx, o)
	if err == nil {
		s.Books.placed.Add(1)
	}
	return err
}

// until waits until an order with that number, or a later one, is placed. A tap counts as
// nobody: while this is the only one who hears of an order, that is a dead letter.
func (s *Shop) until(ctx context.Context, id int64) {
	_, _ = tether.Wait(ctx, derive.Filter(s.Bus.Tap(), func(d bus.Delivery) bool {
		o, ok := d.Value.(Order)
		return ok && o.ID >= id
	}))
}
