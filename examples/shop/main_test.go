package main

import (
	"context"
	"io"
	"math/rand/v2"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/seed-ec287111/tether"
	"github.com/seed-ec287111/tether/bus"
	"github.com/seed-ec287111/tether/tethertest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var all = []string{"pricing", "stock", "fraud", "report", "checkout"}

// within runs f with a shop in a bubble, ends it, and wants the books to balance and nothing
// to be left.
func within(t *testing.T, f func(t *testing.T, app *tether.Owner, s *Shop)) {
	synctest.Test(t, func(t *testing.T) {
		tethertest.VerifyNone(t)
		app := tether.NewOwner("shop", tether.Staged())
		s := Open(app, io.Discard)
		f(t, app, s)
		assert.NoError(t, app.Destroy())
		assert.Zero(t, app.Stats())
		assert.NoError(t, s.Books.Check(s.Stock), "%v", s.Books)
	})
}

func order(item string, amount int) Order { return Order{Region: "eu", Item: item, Amount: amount} }

func TestTheDemo(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		tethertest.VerifyNone(t)
		var b strings.Builder
		require.NoError(t, demo(&b))
		out := b.String()
		for _, line := range []string{ // some of them, in order
			"orders to finish\n", "checkout is unloaded\n", "report: ", "checkout is back\n", "the customers have gone\n", "report: ",
			"   360 placed\n", "paid: ", "dead letters: hook: nobody answered\n", "dead letters: unicorn has no price\n",
			"refused: nobody needs that much\n", "refused: sold out\n", "the books balance, and nothing is left\n",
		} {
			_, after, ok := strings.Cut(out, line)
			require.True(t, ok, "%q is missing, or not there, in\n%s", line, &b)
			out = after
		}
		assert.Equal(t, 2, strings.Count(b.String(), "dead letter to "), "one of each kind is shown in\n%s", &b)
	})
}

func TestWhatBecomesOfAnOrder(t *testing.T) {
	within(t, func(t *testing.T, app *tether.Owner, s *Shop) {
		settled := tethertest.Record(t, bus.Named[Settled](s.Bus, "orders.eu.settled"))
		dead := tethertest.Record(t, s.Bus.Dead())
		place := func(o Order) {
			require.NoError(t, s.Place(t.Context(), o))
			require.NoError(t, s.Books.till.Flush(t.Context()))
		}
		place(order("tea", 1))
		assert.ErrorIs(t, dead.Next().Err, bus.ErrNobody, "there is no checkout")
		checkout, err := s.Load("checkout")
		require.NoError(t, err)
		place(order("tea", 1))
		assert.ErrorContains(t, dead.Next().Err, "nobody answered", "there is no pricing")
		_, err = s.Load("pricing")
		require.NoError(t, err)
		place(order("tea", 1))
		assert.ErrorContains(t, dead.Next().Err, "nobody answered", "there is no stock")
		_, err = s.Load("stock", "report")
		require.NoError(t, err)
		_, err = s.Load("stock")
		assert.ErrorIs(t, err, bus.ErrTaken)
		place(order("unicorn", 1))
		assert.ErrorContains(t, dead.Next().Err, "unicorn has no price")
		place(order("tea", 300))
		assert.Equal(t, 90000, settled.Next().Cents, "nobody objects")

		fraud, err := s.Load("fraud")
		require.NoError(t, err)
		place(order("tea", 100))
		assert.ErrorContains(t, settled.Next().Refused, "nobody needs that much")
		fraud.Destroy()
		place(order("tea", 201))
		assert.ErrorContains(t, settled.Next().Refused, "sold out")
		checkout.Destroy()
		place(order("tea", 1))
		assert.ErrorIs(t, dead.Next().Err, bus.ErrNobody)
		settled.ExpectNone()
		dead.ExpectNone()
	})
}

// Unloading takes as long as what was accepted.
func TestWhoIsUnloadedFinishes(t *testing.T) {
	within(t, func(t *testing.T, _ *tether.Owner, s *Shop) {
		checkout, err := s.Load(all...)
		require.NoError(t, err)
		for range 20 {
			require.NoError(t, s.Place(t.Context(), order("tea", 1)))
		}
		begin := time.Now()
		checkout.Destroy()
		assert.Equal(t, 10*time.Millisecond, time.Since(begin))
		synctest.Wait()
		assert.Equal(t, 20, s.Books.paid)
	})
}

// A burst of orders is one report.
func TestTheReportWaitsUntilItIsQuiet(t *testing.T) {
	within(t, func(t *testing.T, _ *tether.Owner, s *Shop) {
		said := tethertest.Record(t, s.said)
		_, err := s.Load(all...)
		require.NoError(t, err)
		for _, want := range []string{"report: 500 tea and 110 mugs are left", "report: 500 tea and 100 mugs are left"} {
			for range 5 {
				require.NoError(t, s.Place(t.Context(), order("mug", 2)))
				time.Sleep(quiet - time.Millisecond)
			}
			said.ExpectNone()
			time.Sleep(quiet)
			said.Expect(want)
			said.ExpectNone()
		}
	})
}

// Customers order, modules come and go, and the shop ends in the middle of it: each order is
// accounted for, whoever was there when it came.
func TestNoOrderIsLostUncounted(t *testing.T) {
	rounds := 4
	if testing.Short() {
		rounds = 2
	}
	for range rounds {
		within(t, func(t *testing.T, app *tether.Owner, s *Shop) {
			s.Stock.left["tea"] = 1 << 20
			_, err := s.Load("report")
			require.NoError(t, err)
			unrest := app.NewChild("unrest")
			for _, name := range []string{"pricing", "stock", "fraud", "checkout"} {
				unrest.Go(func(ctx context.Context) {
					for ctx.Err() == nil {
						module, err := s.Load(name)
						if !assert.NoError(t, err) {
							return
						}
						time.Sleep(rand.N(3 * time.Millisecond))
						module.Destroy()
						time.Sleep(rand.N(time.Millisecond))
					}
				})
			}
			customers := app.NewChild("customers")
			for n := range 4 {
				customers.Go(func(ctx context.Context) {
					for ctx.Err() == nil {
						visit(ctx, s, rand.New(rand.NewPCG(rand.Uint64(), uint64(n))))
					}
				})
				customers.Go(func(ctx context.Context) { // more than checkout can do
					for i := 0; s.Place(ctx, order("tea", 1+i%2*i%300)) == nil; i++ {
						if i%100 == 99 {
							time.Sleep(rand.N(time.Millisecond))
						}
					}
				})
			}
			time.Sleep(20 * time.Millisecond)
		})
	}
}

func TestTheBooksSayWhatDoesNotBalance(t *testing.T) {
	within(t, func(t *testing.T, _ *tether.Owner, s *Shop) {
		s.Books.placed.Add(1)
		assert.EqualError(t, s.Books.Check(s.Stock), "of 1 orders 0 are accounted for")
		s.Books.placed.Add(-1)
		_, err := s.Stock.Take("tea", 2)
		require.NoError(t, err)
		assert.EqualError(t, s.Books.Check(s.Stock), "2 goods were taken, and 0 paid")
		s.Books.goods = 2
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		assert.ErrorIs(t, s.Place(ctx, order("tea", 1)), context.Canceled, "it was not taken, and is in no book")
	})
}
