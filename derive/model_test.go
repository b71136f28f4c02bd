package derive_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/seed-ec287111/tether"
	"github.com/seed-ec287111/tether/derive"
	"github.com/seed-ec287111/tether/internal/testkit"
)

// An event is a value of a stream, or its end, in microseconds after the beginning.
type event struct {
	at  int
	v   int
	end bool
}

// A stream is all that a source gives, in order: the naive model. Each operator is a
// function of whole streams, and has neither state nor time of its own.
type stream []event

// A chainCase is a random chain, built in both ways.
type chainCase struct {
	src  tether.Source[int]
	want stream
	name string
}

// each is the stream that step makes of s, event by event; it is over with its first end.
func (s stream) each(step func(e event, emit func(at, v int)) (end bool)) (out stream) {
	for _, e := range s {
		if step(e, func(at, v int) { out = append(out, event{at: at, v: v}) }) {
			return append(out, event{at: e.at, end: true})
		}
	}
	return out
}

// both is the stream of what step makes of two, of which the first is connected first.
func both(a, b stream, step func(second bool, e event, emit func(at, v int)) (end bool)) (out stream) {
	for len(a)+len(b) > 0 {
		var e event
		second := len(a) == 0 || len(b) > 0 && b[0].at < a[0].at
		if second {
			e, b = b[0], b[1:]
		} else {
			e, a = a[0], a[1:]
		}
		if step(second, e, func(at, v int) { out = append(out, event{at: at, v: v}) }) {
			return append(out, event{at: e.at, end: true})
		}
	}
	return out
}

func (s stream) scan() stream {
	acc := 0
	return s.each(func(e event, emit func(int, int)) bool {
		if !e.end {
			acc = acc/2 + e.v
			emit(e.at, acc)
		}
		return e.end
	})
}

func (s stream) filter(keep func(i, v int) bool) stream {
	i := 0
	return s.each(func(e event, emit func(int, int)) bool {
		if !e.end {
			if keep(i, e.v) {
				emit(e.at, e.v)
			}
			i++
		}
		return e.end
	})
}

func (s stream) distinct() stream {
	var last *int
	return s.filter(func(_, v int) bool {
		ok := last == nil || *last != v
		last = &v
		return ok
	})
}

func (s stream) take(n int) stream {
	return s.each(func(e event, emit func(int, int)) bool {
		if !e.end {
			emit(e.at, e.v)
			n--
		}
		return e.end || n == 0
	})
}

func (s stream) debounce(quiet int) (out stream) {
	for i, e := range s {
		switch {
		case e.end:
			at := e.at
			if len(out) > 0 {
				at = max(at, out[len(out)-1].at)
			}
			return append(out, event{at: at, end: true})
		case i+1 == len(s) || s[i+1].end || s[i+1].at > e.at+quiet:
			out = append(out, event{at: e.at + quiet, v: e.v})
		}
	}
	return out
}

func (s stream) throttle(every int) stream {
	next := 0
	return s.filter2(func(e event) bool {
		if e.at < next {
			return false
		}
		next = e.at + every
		return true
	})
}

func (s stream) filter2(keep func(e event) bool) (out stream) {
	for _, e := range s {
		if e.end || keep(e) {
			out = append(out, e)
		}
	}
	return out
}

// buffer gives the sums of its batches.
func (s stream) buffer(n, wait int) (out stream) {
	sum, k, due := 0, 0, 0
	flush := func(at int) {
		if k > 0 {
			out = append(out, event{at: at, v: sum})
		}
		sum, k = 0, 0
	}
	for _, e := range s {
		if k > 0 && e.at > due {
			flush(due)
		}
		if e.end {
			flush(e.at)
			return append(out, e)
		}
		if k == 0 {
			due = e.at + wait
		}
		sum += e.v
		if k++; k == n {
			flush(e.at)
		}
	}
	flush(due)
	return out
}

func merge(a, b stream) stream {
	ends := 0
	return both(a, b, func(_ bool, e event, emit func(int, int)) bool {
		if e.end {
			ends++
		} else {
			emit(e.at, e.v)
		}
		return ends == 2
	})
}

func until(s, stop stream) stream {
	return both(stop, s, func(second bool, e event, emit func(int, int)) bool {
		if second && !e.end {
			emit(e.at, e.v)
		}
		return second == e.end
	})
}

func sample(s, beats stream) stream {
	var held *int
	dry := false
	return both(s, beats, func(second bool, e event, emit func(int, int)) bool {
		switch {
		case second && e.end:
			return true
		case e.end:
			dry = true
		case !second:
			held = &e.v
		case held != nil:
			emit(e.at, *held)
			held = nil
		}
		return dry && held == nil
	})
}

func latest(a, b stream) stream {
	var last [2]*int
	var ended [2]bool
	return both(a, b, func(second bool, e event, emit func(int, int)) bool {
		i := 0
		if second {
			i = 1
		}
		if e.end {
			ended[i] = true
		} else {
			last[i] = &e.v
			if last[0] != nil && last[1] != nil {
				emit(e.at, 3**last[0]-*last[1])
			}
		}
		return ended[0] && ended[1] || ended[0] && last[0] == nil || ended[1] && last[1] == nil
	})
}

// A builder builds random chains. Delays differ in their last digits, so that no two timers
// are due at once, nor with a Fire: their order is nobody's business.
type builder struct {
	r        *rand.Rand
	sources  [2]tether.Source[int]
	streams  [2]stream
	digit    int
	buffered bool
}

func (b *builder) delay() int {
	b.digit *= 2
	return 1000*(1+b.r.IntN(4)) + b.digit
}

func us(n int) time.Duration { return time.Duration(n) * time.Microsecond }

func (b *builder) build(depth int) chainCase {
	if depth == 0 || b.r.IntN(8) == 0 {
		i := b.r.IntN(2)
		return chainCase{b.sources[i], b.streams[i], string(rune('a' + i))}
	}
	x := b.build(depth - 1)
	named := func(op string) string { return op + "(" + x.name + ")" }
	switch kind := b.r.IntN(13); kind {
	case 0:
		return chainCase{derive.Map(x.src, func(v int) int { return v + 1 }),
			x.want.each(func(e event, emit func(int, int)) bool {
				if !e.end {
					emit(e.at, e.v+1)
				}
				return e.end
			}), named("Map")}
	case 1:
		return chainCase{derive.Filter(x.src, func(v int) bool { return v%3 != 0 }),
			x.want.filter(func(_, v int) bool { return v%3 != 0 }), named("Filter")}
	case 2:
		return chainCase{derive.Scan(x.src, 0, func(a, v int) int { return a/2 + v }), x.want.scan(), named("Scan")}
	case 3:
		return chainCase{derive.Distinct(x.src), x.want.distinct(), named("Distinct")}
	case 4:
		n := 1 + b.r.IntN(4)
		return chainCase{derive.Take(x.src, n), x.want.take(n), named(fmt.Sprint("Take", n))}
	case 5:
		d := b.delay()
		return chainCase{derive.Debounce(x.src, us(d)), x.want.debounce(d), named(fmt.Sprint("Debounce", d))}
	case 6:
		d := b.delay()
		return chainCase{derive.Throttle(x.src, us(d), derive.Leading), x.want.throttle(d), named(fmt.Sprint("Throttle", d))}
	case 7, 8:
		if b.buffered { // what two of them give at the end comes on two goroutines
			return x
		}
		b.buffered = true
		n, d := 1+b.r.IntN(3), b.delay()
		return chainCase{derive.Map(derive.Buffer(x.src, n, us(d)), func(vs []int) (sum int) {
			for _, v := range vs {
				sum += v
			}
			return sum
		}), x.want.buffer(n, d), named(fmt.Sprint("Buffer", n, ",", d))}
	}
	y := b.build(depth - 1)
	named = func(op string) string { return op + "(" + x.name + ", " + y.name + ")" }
	switch b.r.IntN(4) {
	case 0:
		return chainCase{derive.Merge(x.src, y.src), merge(x.want, y.want), named("Merge")}
	case 1:
		return chainCase{derive.Until(x.src, y.src), until(x.want, y.want), named("Until")}
	case 2:
		return chainCase{derive.Sample(x.src, y.src), sample(x.want, y.want), named("Sample")}
	default:
		return chainCase{derive.Latest(x.src, y.src, func(a, b int) int { return 3*a - b }), latest(x.want, y.want), named("Latest")}
	}
}

// Random chains of random sources give what the model says, when it says.
func TestModel_RandomChainsDoWhatItSays(t *testing.T) {
	n := 4000
	if testing.Short() || testkit.Race {
		n = 400
	}
	for seed := range uint64(n) {
		synctest.Test(t, func(t *testing.T) {
			r := rand.New(rand.NewPCG(seed, 1))
			w := newWorld(t)
			defer w.end()
			b := &builder{r: r, sources: [2]tether.Source[int]{w.a, w.b}, digit: 1}
			var script []string
			alive := [2]bool{true, true}
			for at := 1000; at < 30_000; at += 1000 {
				i, name := r.IntN(2), "ab"
				switch {
				case !alive[i] || r.IntN(3) == 0:
					script = append(script, "")
				case r.IntN(12) == 0:
					alive[i] = false
					b.streams[i] = append(b.streams[i], event{at: at, end: true})
					script = append(script, name[i:i+1]+"|")
				default:
					v := r.IntN(5)
					b.streams[i] = append(b.streams[i], event{at: at, v: v})
					script = append(script, fmt.Sprintf("%c%d", name[i], v))
				}
			}
			c := b.build(1 + r.IntN(4))
			var got stream
			now := func() int { return int(time.Since(w.start) / time.Microsecond) }
			var mu sync.Mutex // as a Merge lets its sources call on two goroutines
			w.conn = c.src.Connect(w.sub, func(v int) {
				mu.Lock()
				defer mu.Unlock()
				got = append(got, event{at: now(), v: v})
			})
			ended := w.conn.Ended()
			at := -1
			go func() {
				<-ended
				at = now()
			}()
			for _, token := range script {
				time.Sleep(us(1000))
				if token != "" {
					w.do(token)
				}
			}
			time.Sleep(time.Hour)
			synctest.Wait()
			if at >= 0 && strings.Contains(c.name, "(") {
				got = append(got, event{at: at, end: true})
				w.requireNothing("seed %d: %s", seed, c.name)
			}
			want := c.want
			if !strings.Contains(c.name, "(") {
				want = slices.DeleteFunc(slices.Clone(want), func(e event) bool { return e.end })
			}
			require.Equal(t, fmt.Sprint(want), fmt.Sprint(got), "seed %d: %s\n%v", seed, c.name, script)
			w.conn.Disconnect()
			synctest.Wait()
			w.requireNothing("seed %d: %s", seed, c.name)
		})
	}
}
