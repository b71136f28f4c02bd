package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/seed-ec287111/tether"
	"github.com/seed-ec287111/tether/bus"
	"github.com/seed-ec287111/tether/derive"
	"github.com/seed-ec287111/tether/hook"
)

// All that a module has belongs to o: so there is nothing to undo when it is unloaded.
var modules = map[string]func(o *tether.Owner, s *Shop) error{
	"pricing": pricing, "stock": stock, "fraud": fraud, "report": report, "checkout": checkout,
}

// Questions, and the types of their answers.
type (
	PriceOf struct{ Item string }
	Price   int // in cents
	Take    Order
	Left    map[string]int // of each item; published to its type, too
)

func pricing(o *tether.Owner, s *Shop) error {
	prices := map[string]Price{"tea": 300, "mug": 900}
	_, err := bus.Reply(o, s.Bus, func(_ context.Context, q PriceOf) (Price, error) {
		if p, ok := prices[q.Item]; ok {
			return p, nil
		}
		return 0, fmt.Errorf("%s has no price", q.Item)
	})
	return err
}

// stock takes out what is asked for, and tells everybody what is left.
func stock(o *tether.Owner, s *Shop) error {
	_, err := bus.Reply(o, s.Bus, func(ctx context.Context, t Take) (Left, error) {
		left, err := s.Stock.Take(t.Item, t.Amount)
		if err == nil {
			_ = bus.For[Left](s.Bus).Publish(ctx, left) // who fails to hear of it has not kept it from being taken
		}
		return left, err
	})
	return err
}

const quiet = 40 * time.Millisecond

// report reports the stock when nothing was taken for a while.
func report(o *tether.Owner, s *Shop) error {
	derive.Debounce(bus.For[Left](s.Bus), quiet).Connect(o, func(left Left) {
		s.Say("report: %d tea and %d mugs are left", left["tea"], left["mug"])
	})
	return nil
}

// fraud objects to what looks strange. Nobody does while it is not loaded.
func fraud(o *tether.Owner, s *Shop) error {
	s.BeforePayment.Handle(o, func(_ context.Context, order Order) error {
		if order.Amount >= 100 {
			return errors.New("nobody needs that much")
		}
		return nil
	})
	return nil
}

// checkout takes orders one after the other, so that customers do not wait for the bank.
// What it has accepted when it is unloaded it finishes.
func checkout(o *tether.Owner, s *Shop) error {
	bus.Matching[Order](s.Bus, "orders.*.placed").Handle(o, func(ctx context.Context, m bus.Message[Order]) error {
		return settle(context.WithoutCancel(ctx), s, m.Value) // ctx ends at the cut-off, and not all is done then
	}, s.Till)
	o.Interrupt(func() { s.Say("checkout is to go, and has %d orders to finish", s.Books.till.Len()) })
	return nil
}

// settle has an order paid, or refused where somebody says why. Any other error makes a dead
// letter of it.
func settle(ctx context.Context, s *Shop, o Order) error {
	var price Price
	err := s.BeforePayment.Ask(ctx, o)
	if err == nil {
		price, err = bus.Ask[Price](ctx, s.Bus, PriceOf{o.Item})
	}
	if err == nil {
		_, err = bus.Ask[Left](ctx, s.Bus, Take(o))
	}
	done := Settled{Order: o}
	switch objection := (*hook.Objection)(nil); {
	case err == nil:
		time.Sleep(500 * time.Microsecond) // the bank
		done.Cents = o.Amount * int(price)
	case errors.As(err, &objection), errors.Is(err, errSoldOut):
		done.Refused = err
	default:
		return err
	}
	return bus.Named[Settled](s.Bus, "orders."+o.Region+".settled").Publish(ctx, done)
}
