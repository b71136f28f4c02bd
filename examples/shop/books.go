package main

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"sync"
	"sync/atomic"

	"github.com/seed-ec287111/tether"
	"github.com/seed-ec287111/tether/bus"
)

var errSoldOut = errors.New("sold out")

// Stock has the goods.
type Stock struct {
	mu   sync.Mutex // guards the fields below
	left Left
	out  int // that were taken
}

// NewStock returns a stock with not quite enough.
func NewStock() *Stock { return &Stock{left: Left{"tea": 500, "mug": 120}} }

// Take takes goods out, and returns what is left.
func (s *Stock) Take(item string, amount int) (Left, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.left[item] < amount {
		return nil, errSoldOut
	}
	s.left[item] -= amount
	s.out += amount
	return maps.Clone(s.left), nil
}

// Books say what became of each order. They are complete when the shop has ended.
type Books struct {
	ids, placed atomic.Int64
	till        *tether.Queue // what it has dropped was under way when checkout was unloaded

	paid, goods, cents int            // the queue's, as is the next
	other              map[string]int // by what became of them, and why
}

// Keep keeps the books of a shop until owner ends.
func Keep(owner *tether.Owner, s *Shop) *Books {
	b := &Books{other: make(map[string]int)}
	q := tether.On(tether.NewQueue(owner, 100, tether.Block, tether.Finish()))
	bus.Matching[Settled](s.Bus, "orders.*.settled").Connect(owner, func(m bus.Message[Settled]) {
		if err := m.Value.Refused; err != nil {
			b.other["refused: "+reason(err)]++
			return
		}
		b.paid++
		b.goods += m.Value.Amount
		b.cents += m.Value.Cents
	}, q)
	s.Bus.Dead().Connect(owner, func(l bus.Letter) {
		why := "dead letters: " + reason(l.Err)
		if b.other[why]++; b.other[why] == 1 {
			s.Say("dead letter to %s: %+v: %s", l.Topic, l.Value, reason(l.Err))
		}
	}, q)
	return b
}

// reason returns the innermost error, without who has failed and where.
func reason(err error) string {
	for inner := err; inner != nil; inner = errors.Unwrap(inner) {
		err = inner
	}
	return err.Error()
}

func (b *Books) String() string {
	s := fmt.Sprintf("%6d placed\n%6d paid: %d goods, for %d.%02d\n", b.placed.Load(), b.paid, b.goods, b.cents/100, b.cents%100)
	for _, what := range slices.Sorted(maps.Keys(b.other)) {
		s += fmt.Sprintf("%6d %s\n", b.other[what], what)
	}
	return s + fmt.Sprintf("%6d let go of\n", b.till.Dropped())
}

// Check says what does not balance.
func (b *Books) Check(stock *Stock) (err error) {
	known := b.paid + int(b.till.Dropped())
	for _, n := range b.other {
		known += n
	}
	if placed := int(b.placed.Load()); placed != known {
		err = fmt.Errorf("of %d orders %d are accounted for", placed, known)
	}
	if stock.out != b.goods {
		err = errors.Join(err, fmt.Errorf("%d goods were taken, and %d paid", stock.out, b.goods))
	}
	return err
}
