// Shop is a shop whose modules talk over a bus, and one of them is unloaded and loaded again
// in the middle of the traffic:
//
//		go run ./examples/shop
//
//	  - bus: orders are published to a topic for each region, and handled by pattern. Modules
//	    ask each other for prices and goods. What nobody got, or a handler failed with, is a
//	    dead letter.
//	  - hook: before anything is paid, everybody who has connected may object.
//	  - derive: the stock is reported when it has been quiet for a moment.
//	  - Finish and Staged: who is unloaded finishes what was accepted, while the others serve.
//
// In the end every order is accounted for, all goods are there or paid, and nothing is left
// of anything. Else it exits with 1.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"sync"
	"time"

	"github.com/seed-ec287111/tether"
	"github.com/seed-ec287111/tether/inspect"
)

func main() {
	if err := demo(os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "error:", err)
		os.Exit(1)
	}
}

// demo is a day of the shop. It returns what is wrong with the books.
func demo(out io.Writer) error {
	var s *Shop
	err := tether.Run(context.Background(), "shop", func(app *tether.Owner) error {
		s = Open(app, out)
		checkout, err := s.Load("pricing", "stock", "fraud", "report", "checkout")
		if err != nil {
			return err
		}
		var shopping sync.WaitGroup
		customers := app.NewChild("customers")
		for n := range 4 {
			shopping.Add(1)
			customers.Go(func(ctx context.Context) {
				defer shopping.Done()
				visit(ctx, s, rand.New(rand.NewPCG(1, uint64(n))))
			})
		}
		s.until(app.Context(), 124)
		checkout.Destroy() // a barrier: what it has accepted is paid or refused
		s.Say("checkout is unloaded")
		s.until(app.Context(), 184)
		if _, err := s.Load("checkout"); err != nil {
			return err
		}
		s.Say("checkout is back")
		shopping.Wait()
		s.Say("the customers have gone")
		time.Sleep(2 * quiet) // for the last report
		return nil
	}, tether.Staged(), tether.WithGrace(10*time.Second))
	for o := range inspect.Roots() {
		err = errors.Join(err, fmt.Errorf("%s is left", o.Path))
	}
	fmt.Fprint(out, s.Books)
	if err = errors.Join(err, s.Books.Check(s.Stock)); err == nil {
		fmt.Fprintln(out, "the books balance, and nothing is left")
	}
	return err
}

// visit is a customer, who orders three things every twenty milliseconds, for a while.
func visit(ctx context.Context, s *Shop, random *rand.Rand) {
	regions, items := []string{"eu", "us", "jp"}, []string{"tea", "tea", "mug"}
	for range 30 {
		for range 3 {
			o := Order{Region: regions[random.IntN(3)], Item: items[random.IntN(3)], Amount: 1 + random.IntN(3)}
			switch random.IntN(30) {
			case 0:
				o.Item = "unicorn"
			case 1:
				o.Amount *= 100
			}
			if s.Place(ctx, o) != nil {
				return
			}
		}
		time.Sleep(20 * time.Millisecond)
	}
}
