package tether

import "github.com/seed-ec287111/tether/internal/fifo"

// An order has the places of the values that are pending in a queue, in the order in which
// they will be handled. The values themselves are with their connections, which know their
// type. The queue's mutex guards it.
//
// The invariants:
//
//   - values is the sum of n over all places, and stale is the part of it that belongs to
//     connections that have ended. Their places are skipped at their turn, and swept out
//     when stale is more than half.
//   - A connection that has not ended has as many values pending as its places say.
//   - In each of the two lists the numbers ascend.
//
// Values that spent their connection, by Once, have a list of their own, because DropOldest
// must pass them over. So the oldest value, and the oldest that may be dropped, are each
// the first of a list.
type order struct {
	plain, spent fifo.Buffer[place]
	values       int
	stale        int
}

// A place is that of n consecutive values of one connection.
type place struct {
	conn   *queueConn
	number uint64 // of the first value, which counts those let in
	n      int
}

// len returns how many values are pending.
func (o *order) len() int { return o.values - o.stale }

// push enters the value with the given number, the largest so far.
func (o *order) push(c *queueConn, number uint64) {
	o.values++
	c.pending++
	if c.once {
		o.spent.Push(place{c, number, 1})
		return
	}
	if n := o.plain.Len(); n > 0 {
		if p := o.plain.At(n - 1); p.conn == c && p.number+uint64(p.n) == number {
			p.n++
			return
		}
	}
	o.plain.Push(place{c, number, 1})
}

// first returns the first place, nil if nothing is pending, and the list that it is in.
func (o *order) first() (p *place, list *fifo.Buffer[place]) {
	if o.spent.Len() == 0 && o.plain.Len() > 0 { // as nearly always
		if p = o.plain.At(0); !p.conn.ended {
			return p, &o.plain
		}
	}
	p = o.head(&o.plain)
	if s := o.head(&o.spent); s != nil && (p == nil || s.number < p.number) {
		return s, &o.spent
	}
	return p, &o.plain
}

// head returns the first place of a list whose connection has not ended.
func (o *order) head(list *fifo.Buffer[place]) *place {
	for list.Len() > 0 {
		p := list.At(0)
		if !p.conn.ended {
			return p
		}
		o.values -= p.n
		o.stale -= p.n
		list.Pop()
	}
	return nil
}

// take takes out the first value, and returns its connection and its number. There must be a
// value.
func (o *order) take() (c *queueConn, number uint64) { return o.takeFrom(o.first()) }

// oldest takes out the first value that may be dropped and returns its connection, nil if
// there is none.
func (o *order) oldest() *queueConn {
	p := o.head(&o.plain)
	if p == nil {
		return nil
	}
	c, _ := o.takeFrom(p, &o.plain)
	return c
}

// takeFrom takes out the first value of p, which is the first place of list.
func (o *order) takeFrom(p *place, list *fifo.Buffer[place]) (c *queueConn, number uint64) {
	c, number = p.conn, p.number
	p.number++
	if p.n--; p.n == 0 {
		list.Pop()
	}
	o.values--
	c.pending--
	return c, number
}

// end marks c as ended, so that its values are no longer pending, and returns how many there
// were.
func (o *order) end(c *queueConn) (n int) {
	n = c.pending
	c.ended, c.pending = true, 0
	o.stale += n
	if o.stale > 16 && o.stale > o.values/2 { // amortised O(1)
		live := func(p place) bool { return !p.conn.ended }
		o.plain.Filter(live)
		o.spent.Filter(live)
		o.values -= o.stale
		o.stale = 0
	}
	return n
}
