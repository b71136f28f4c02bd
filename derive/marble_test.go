package derive_test

import (
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/seed-ec287111/tether"
	"github.com/seed-ec287111/tether/derive"
)

const ms = time.Millisecond

// A marble is one case: what is done, and what the handler is called with, and when. The
// end of the subscription is |.
type marble struct {
	name  string
	build func(w *world) source
	in    string
	out   string
}

func even(v int) bool      { return v%2 == 0 }
func sum(a, v int) int     { return a + v }
func ten(v int) int        { return 10 * v }
func pair(a, b int) [2]int { return [2]int{a, b} }

var marbles = []marble{
	{"Map", func(w *world) source { return of(derive.Map(w.a, ten)) }, "a1 +5 a2 a| a3", "10@0 20@5 |@5"},
	{"Map of another type", func(w *world) source {
		return of(derive.Map(w.a, func(v int) string { return strings.Repeat("x", v) }))
	}, "a1 a3 a|", "x@0 xxx@0 |@0"},
	{"Map dead source", func(w *world) source { w.do("a|"); return of(derive.Map(w.a, ten)) }, "a1", "|@0"},
	{"Filter", func(w *world) source { return of(derive.Filter(w.a, even)) }, "a1 a2 +1 a3 a4 +1 a|", "2@0 4@1 |@2"},
	{"FilterMap", func(w *world) source {
		return of(derive.FilterMap(w.a, func(v int) (int, bool) { return ten(v), even(v) }))
	}, "a1 a2 a3 a4 a|", "20@0 40@0 |@0"},
	{"Merge", func(w *world) source { return of(derive.Merge(w.a, w.b)) }, "a1 b2 a| +1 a3 b4 b|", "1@0 2@0 4@1 |@1"},
	{"Merge other way round", func(w *world) source { return of(derive.Merge(w.a, w.b)) }, "b| a1 +1 a|", "1@0 |@1"},
	{"Merge twice the same", func(w *world) source { return of(derive.Merge(w.a, w.a)) }, "a1 a|", "1@0 1@0 |@0"},
	{"Merge of one", func(w *world) source { return of(derive.Merge(w.a)) }, "a1 a|", "1@0 |@0"},
	{"Scan", func(w *world) source { return of(derive.Scan(w.a, 100, sum)) }, "a1 a2 a3 a|", "101@0 103@0 106@0 |@0"},
	{"Distinct", func(w *world) source { return of(derive.Distinct(w.a)) }, "a0 a1 a1 a2 a2 a1 a|", "0@0 1@0 2@0 1@0 |@0"},
	{"DistinctFunc", func(w *world) source {
		return of(derive.DistinctFunc(w.a, func(a, b int) bool { return b-a < 2 && a-b < 2 }))
	}, "a1 a2 a3 a4 a5 a|", "1@0 3@0 5@0 |@0"},
	{"Take", func(w *world) source { return of(derive.Take(w.a, 2)) }, "a1 +1 a2 a3", "1@0 2@1 |@1"},
	{"Take of less", func(w *world) source { return of(derive.Take(w.a, 2)) }, "a1 +1 a|", "1@0 |@1"},
	{"Take of Take", func(w *world) source { return of(derive.Take(derive.Take(w.a, 5), 1)) }, "a1 a2", "1@0 |@0"},
	{"Map of Take of Map", func(w *world) source {
		return of(derive.Map(derive.Take(derive.Map(w.a, ten), 2), ten))
	}, "a1 a2 a3", "100@0 200@0 |@0"},
	{"Take of Merge", func(w *world) source { return of(derive.Take(derive.Merge(w.a, w.b), 2)) }, "a1 b2 a3 b3", "1@0 2@0 |@0"},
	{"Until", func(w *world) source { return of(derive.Until(w.a, w.b)) }, "a1 +1 a2 b7 a3", "1@0 2@1 |@1"},
	{"Until source ends", func(w *world) source { return of(derive.Until(w.a, w.b)) }, "a1 a| b1", "1@0 |@0"},
	{"Until stop ends", func(w *world) source { return of(derive.Until(w.a, w.b)) }, "a1 b| a2 a|", "1@0 2@0 |@0"},
	{"Until itself", func(w *world) source {
		return of(derive.Until(w.a, derive.Filter(w.a, even)))
	}, "a1 a3 a4 a5", "1@0 3@0 |@0"},
	{"Debounce", func(w *world) source { return of(derive.Debounce(w.a, 10*ms)) },
		"a1 +5 a2 +9 a3 +10 +1 a4 +20 a|", "3@24 4@35 |@45"},
	{"Debounce holds at the end", func(w *world) source { return of(derive.Debounce(w.a, 10*ms)) },
		"a1 +4 a| +20", "1@10 |@10"},
	{"Debounce twice at once", func(w *world) source { return of(derive.Debounce(w.a, 10*ms)) },
		"a1 a2 +10 a3 +10", "2@10 3@20"},
	{"Debounce of nothing", func(w *world) source { return of(derive.Debounce(w.a, 0)) }, "a1 a2 a|", "1@0 2@0 |@0"},
	{"Take of Debounce", func(w *world) source { return of(derive.Take(derive.Debounce(w.a, 10*ms), 1)) },
		"a1 +15 a2 +20", "1@10 |@10"},
	{"Throttle Leading", func(w *world) source { return of(derive.Throttle(w.a, 10*ms, derive.Leading)) },
		"a1 a2 +9 a3 +1 a4 +10 +5 a5 a|", "1@0 4@10 5@25 |@25"},
	{"Throttle Trailing", func(w *world) source { return of(derive.Throttle(w.a, 10*ms, derive.Trailing)) },
		"a1 a2 +9 a3 +1 a4 +15 a5 +3 a6 +20", "3@10 4@20 6@30"},
	{"Throttle Both", func(w *world) source { return of(derive.Throttle(w.a, 10*ms, derive.Both)) },
		"a1 a2 +9 a3 +1 +5 a4 +20 a5 +30 a6 a|", "1@0 3@10 4@20 5@35 6@65 |@65"},
	{"Throttle Both alone", func(w *world) source { return of(derive.Throttle(w.a, 10*ms, derive.Both)) }, "a1 +30 a|", "1@0 |@30"},
	{"Throttle holds at the end", func(w *world) source { return of(derive.Throttle(w.a, 10*ms, derive.Both)) },
		"a1 +2 a2 a| +20", "1@0 2@10 |@10"},
	{"Throttle of nothing", func(w *world) source { return of(derive.Throttle(w.a, 0, derive.Trailing)) }, "a1 a2 a|", "1@0 2@0 |@0"},
	{"Sample", func(w *world) source { return of(derive.Sample(w.a, w.b)) },
		"b0 a1 a2 +1 b0 b0 a3 +1 b0", "2@1 3@2"},
	{"Sample beats end", func(w *world) source { return of(derive.Sample(w.a, w.b)) }, "a1 b0 a2 b|", "1@0 |@0"},
	{"Sample source ends holding", func(w *world) source { return of(derive.Sample(w.a, w.b)) },
		"a1 a| +1 b0 b0", "1@1 |@1"},
	{"Sample source ends", func(w *world) source { return of(derive.Sample(w.a, w.b)) }, "a1 b0 +1 a|", "1@0 |@1"},
	{"Buffer", func(w *world) source { return of(derive.Buffer(w.a, 3, 10*ms)) },
		"a1 a2 +1 a3 a4 +5 a5 +5 +1 a| +1", "[1,2,3]@1 [4,5]@11 |@12"},
	{"Buffer by number", func(w *world) source { return of(derive.Buffer(w.a, 2, 0)) },
		"a1 +50 a2 a3 a| +1", "[1,2]@50 [3]@50 |@50"},
	{"Buffer of one", func(w *world) source { return of(derive.Buffer(w.a, 1, 0)) }, "a1 a2 a|", "[1]@0 [2]@0 |@0"},
	{"Buffer holds at the end", func(w *world) source { return of(derive.Buffer(w.a, 3, 10*ms)) },
		"a1 +1 a2 a| +50", "[1,2]@1 |@1"},
	{"Latest", func(w *world) source { return of(derive.Latest(w.a, w.b, pair)) },
		"a1 a2 b3 +1 b4 a5 a| b6 b|", "[2,3]@0 [2,4]@1 [5,4]@1 [5,6]@1 |@1"},
	{"Latest ends empty", func(w *world) source { return of(derive.Latest(w.a, w.b, pair)) }, "a1 +1 b| a2", "|@1"},
	{"Latest ends empty at once", func(w *world) source { w.do("a|"); return of(derive.Latest(w.a, w.b, pair)) }, "b1", "|@0"},
	{"Switch", switching, "a1 b1 b2 a2 b1 +1 b| +1 a|", "101@0 102@0 201@0 |@2"},
	{"Switch ends with the inner one", switching, "a1 b1 a| +1 b2 b|", "101@0 102@1 |@1"},
	{"Switch to dead ones", switching, "b| a1 a2 +1 a|", "|@1"},
	{"Share", func(w *world) source { return of(derive.Share(w.queues, derive.Scan(w.a, 0, sum))) }, "a1 a2 a|", "1@0 3@0 |@0"},
}

func switching(w *world) source {
	return of(derive.Switch(w.a, func(_ *tether.Owner, v int) tether.Source[int] {
		return derive.Map(w.b, func(u int) int { return 100*v + u })
	}))
}

// play runs tokens in w, whose subscription is made with opts.
func (m marble) play(w *world, tokens []string) {
	for _, token := range tokens {
		w.do(token)
	}
}

func (m marble) tokens() []string { return strings.Fields(m.in) }

// Values, times and end, with a direct handler and on queues.
func TestMarble_EachDiagram(t *testing.T) {
	for _, m := range marbles {
		for _, on := range []string{"direct", "queue", "finish"} {
			t.Run(m.name+"/"+on, func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					w := newWorld(t)
					defer w.end()
					src := m.build(w)
					require.Equal(t, tether.Stats{Owners: 1}, w.sub.Stats(), "nothing before Connect")
					require.Zero(t, w.a.Len()+w.b.Len())
					w.conn = src.connect(w, false, w.on(on)...)
					w.watch()
					m.play(w, m.tokens())
					require.Equal(t, m.out, join(w.log))
					if strings.Contains(m.out, "|") {
						w.requireNothing()
					}
					w.end()
					synctest.Wait()
					w.requireNothing()
				})
			})
		}
	}
}

func join(log []string) string { return strings.Join(log, " ") }

// on returns the options for a way of being called.
func (w *world) on(way string) []tether.ConnectOption {
	switch way {
	case "queue":
		return []tether.ConnectOption{tether.On(tether.NewQueue(w.queues, 100, tether.Block))}
	case "finish":
		return []tether.ConnectOption{tether.Priority(3), tether.On(tether.NewQueue(w.queues, 100, tether.Block, tether.Finish()))}
	}
	return nil
}

// values returns the part of a log that is not the end.
func values(log []string) (out []string) {
	for _, s := range log {
		if s[0] != '|' {
			out = append(out, s)
		}
	}
	return out
}

// In every moment of every case, by every way of ending: what was delivered before is what
// the whole case begins with, nothing comes after, and nothing is left, whatever is fired.
func TestMarble_EveryEndInEveryMoment(t *testing.T) {
	ways := map[string]func(w *world){
		"Disconnect":     func(w *world) { w.conn.Disconnect() },
		"owner":          func(w *world) { w.sub.Destroy() },
		"owner canceled": func(w *world) { w.sub.Cancel(nil) },
		"ancestor":       func(w *world) { w.ancestor.Destroy() },
		"queue's owner":  func(w *world) { w.queues.Destroy() },
	}
	for _, m := range marbles {
		for way, end := range ways {
			if way == "queue's owner" && m.name == "Share" {
				continue // the shared chain's own
			}
			for _, on := range []string{"direct", "queue", "finish"} {
				if way == "queue's owner" && on == "direct" || on == "finish" && strings.HasPrefix(m.name, "Buffer") {
					continue // no end at all; and last words, see buffer_test.go
				}
				tokens := m.tokens()
				for moment := range len(tokens) + 1 {
					synctest.Test(t, func(t *testing.T) {
						w := newWorld(t)
						defer w.end()
						w.conn = m.build(w).connect(w, false, w.on(on)...)
						m.play(w, tokens[:moment])
						end(w)
						synctest.Wait()
						before := len(w.log)
						w.requireNothing(m.name, way, on, moment)
						m.play(w, tokens[moment:])
						time.Sleep(time.Hour)
						require.Len(t, w.log, before, "%s, %s, %s, %d: %v", m.name, way, on, moment, w.log)
						require.Equal(t, join(strings.Fields(m.out)[:before]), join(w.log), "%s, %s, %s, %d", m.name, way, on, moment)
						w.requireNothing(m.name, way, on, moment)
					})
				}
			}
		}
	}
}

// However a case is cut short by the end of its sources, the subscription ends too.
func TestMarble_EndsWithItsSourcesInEveryMoment(t *testing.T) {
	for _, m := range marbles {
		for _, on := range []string{"direct", "queue", "finish"} {
			tokens := m.tokens()
			for moment := range len(tokens) + 1 {
				synctest.Test(t, func(t *testing.T) {
					w := newWorld(t)
					defer w.end()
					w.conn = m.build(w).connect(w, false, w.on(on)...)
					m.play(w, tokens[:moment])
					w.do("a|")
					w.do("b|")
					time.Sleep(time.Hour)
					w.requireNothing(m.name, on, moment)
				})
			}
		}
	}
}

// Once is called with the first value alone, in which it has ended.
func TestMarble_OnceInEveryCase(t *testing.T) {
	for _, m := range marbles {
		for _, on := range []string{"direct", "queue", "finish"} {
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(t)
				defer w.end()
				w.conn = m.build(w).connect(w, true, w.on(on)...)
				m.play(w, m.tokens())
				time.Sleep(time.Hour)
				all := values(strings.Fields(m.out))
				require.Equal(t, join(all[:min(1, len(all))]), join(values(w.log)), "%s, %s", m.name, on)
				if len(all) > 0 {
					w.requireNothing(m.name, on)
				}
			})
		}
	}
}

// Muted, the functions run, and the ends come as ever; unmuted, the rest comes as if
// nothing had been.
func TestMute_SkipsTheHandlerAlone(t *testing.T) {
	for _, m := range marbles {
		tokens := m.tokens()
		for moment := range len(tokens) + 1 {
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(t)
				defer w.end()
				w.conn = m.build(w).connect(w, false)
				w.watch()
				unmute := w.conn.Mute()
				m.play(w, tokens[:moment])
				muted := values(w.log)
				require.Empty(t, muted)
				unmute()
				m.play(w, tokens[moment:])
				want := strings.Fields(m.out)
				got := w.log
				require.LessOrEqual(t, len(got), len(want), "%s, %d", m.name, moment)
				require.Equal(t, join(want[len(want)-len(got):]), join(got), "%s, %d", m.name, moment)
			})
		}
	}
}

// A handler that panics with every value: each panic is reported, the rest is as ever.
func TestPanic_OfTheHandlerChangesNothing(t *testing.T) {
	for _, m := range marbles {
		for _, on := range []string{"direct", "queue", "finish"} {
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(t)
				defer w.end()
				w.panicking = true
				w.conn = m.build(w).connect(w, false, w.on(on)...)
				w.watch()
				m.play(w, m.tokens())
				require.Equal(t, m.out, join(w.log), "%s, %s", m.name, on)
				require.Equal(t, len(values(w.log)), w.reported)
			})
		}
	}
}
