package state

import (
	"fmt"
	"testing"

	"pgregory.net/rapid"

	"github.com/seed-ec287111/tether"
	"github.com/seed-ec287111/tether/state"
)

// A world is a graph of the library's beside the model. All steps are made by one goroutine, so
// at each moment everything must be as the model says, inside functions and handlers too.
type world struct {
	*rapid.T
	model
	owner  *tether.Owner
	values []*state.Value[int]
	parts  []*part

	states int // of the world in this step: how often something has been set, and one more
}

// A part is a computed value, with all that looks at it.
type part struct {
	owner  *tether.Owner
	c      *state.Computed[int]
	conn   *tether.Connection
	told   int
	bound  *tether.Connection
	shown  int
	effect *tether.Owner // nil if there is none
	seen   result

	runs, effects, shows int // in this step
}

func newWorld(t *rapid.T) *world {
	w := &world{T: t, owner: tether.NewOwner("world")}
	for i := range rapid.IntRange(1, 4).Draw(t, "values") {
		w.model.values = append(w.model.values, i)
		w.values = append(w.values, state.NewValue(w.owner, i))
	}
	w.rules, w.last = drawRules(t, len(w.values)), make(map[int]result)
	for i := range w.rules {
		p := &part{owner: w.owner.NewChild(fmt.Sprint(i)), conn: new(tether.Connection), bound: new(tether.Connection)}
		w.parts = append(w.parts, p)
		p.c = state.NewComputed(p.owner, func(use *state.Use) int {
			p.runs++
			return w.rules[i].compute(i, func(j int) int { return w.use(use, i, j) })
		}, state.Name(fmt.Sprint(i)))
	}
	return w
}

// use is how the function of rule i reads input j: it must see what is true now.
func (w *world) use(use *state.Use, i, j int) int {
	got := attempt(func() int {
		if j < len(w.values) {
			return w.values[j].Use(use)
		}
		return w.parts[j-len(w.values)].c.Use(use)
	})
	if want := w.want(j); got != want {
		w.Errorf("rule %d sees input %d as %v, want %v", i, j, got, want)
	}
	if got.failed != "" {
		panic(failure(got.failed))
	}
	return got.v
}

// set sets some values, in the world and in the model. Something that is watched may fail.
func (w *world) set(sets []set, batch bool) {
	var b state.Batch
	changed := false
	for _, s := range sets {
		differs := w.model.values[s.value] != s.to
		w.model.values[s.value] = s.to
		changed = changed || differs
		if batch {
			w.values[s.value].SetIn(&b, s.to)
			continue
		}
		if differs {
			w.states++
		}
		attempt(func() int { w.values[s.value].Set(s.to); return 0 })
	}
	if batch {
		if changed {
			w.states++
		}
		attempt(func() int { b.Commit(); return 0 })
	}
}

// react returns what a handler does each time that it is called: the next of these sets.
func (w *world) react(name string) func() {
	todo := sets(len(w.values), 3).Draw(w.T, name)
	return func() {
		if len(todo) > 0 {
			next := todo[:1]
			todo = todo[1:]
			w.set(next, false)
		}
	}
}

func (w *world) part(t *rapid.T) (i int, p *part, want result) {
	i = rapid.IntRange(0, len(w.parts)-1).Draw(t, "part")
	return i, w.parts[i], w.want(len(w.values) + i)
}

func (w *world) alive(i int) bool { _, dead := w.last[i]; return !dead }

func (w *world) actions() map[string]func(*rapid.T) {
	begin := func(f func(t *rapid.T)) func(t *rapid.T) {
		return func(t *rapid.T) {
			w.T, w.states = t, 1
			for _, p := range w.parts {
				p.runs, p.effects, p.shows = 0, 0, 0
			}
			f(t)
		}
	}
	actions := map[string]func(*rapid.T){
		"set":   func(t *rapid.T) { w.set(sets(len(w.values), 1).Draw(t, "set"), false) },
		"batch": func(t *rapid.T) { w.set(sets(len(w.values), 4).Draw(t, "sets"), true) },
		"get": func(t *rapid.T) {
			i, p, want := w.part(t)
			if got := attempt(p.c.Get); got != want && w.states == 1 { // else a handler has set
				t.Errorf("rule %d is %v, want %v", i, got, want)
			}
		},
		"watch":  w.watch,
		"bind":   w.bind,
		"effect": w.effect,
		"end":    w.end,
	}
	for name, f := range actions {
		actions[name] = begin(f)
	}
	actions[""] = func(t *rapid.T) { w.T = t; w.check() }
	return actions
}

func (w *world) watch(t *rapid.T) {
	i, p, want := w.part(t)
	if p.conn.Disconnect() || want.failed != "" || !w.alive(i) {
		return
	}
	react := w.react("handler's sets")
	p.told = want.v
	sure := false // an effect that runs on the way, as a failure is tried again, may set
	w.connect(&p.conn, func() *tether.Connection {
		return p.c.Changes().Connect(w.owner, func(c state.Change[int]) {
			if sure && c.Old != p.told || c.New == c.Old {
				w.Errorf("rule %d told %v after %d", i, c, p.told)
			}
			p.told, sure = c.New, true
			react()
		})
	})
	if !sure {
		p.told = w.want(len(w.values) + i).v
	}
	sure = sure || w.states == 1
}

// connect keeps what f returns, unless that panics: what it connects to may have failed meanwhile.
func (w *world) connect(at **tether.Connection, f func() *tether.Connection) {
	attempt(func() int { *at = f(); return 0 })
}

func (w *world) bind(t *rapid.T) {
	i, p, want := w.part(t)
	if p.bound.Disconnect() || want.failed != "" || !w.alive(i) {
		return
	}
	react := w.react("binding's sets")
	first := true
	w.connect(&p.bound, func() *tether.Connection {
		return state.Bind(w.owner, p.c, func(v int) {
			if want := w.want(len(w.values) + i); first && v != want.v || !first && v == p.shown {
				w.Errorf("rule %d shows %d after %d, is %v", i, v, p.shown, want)
			}
			p.shown, first = v, false
			p.shows++
			react()
		})
	})
}

func (w *world) effect(t *rapid.T) {
	i, p, _ := w.part(t)
	if p.effect != nil {
		p.effect.Destroy()
		p.effect = nil
		return
	}
	react := w.react("effect's sets")
	p.effect = w.owner.NewChild("effect")
	over, last := false, (*tether.Owner)(nil)
	state.NewEffect(p.effect, func(use *state.Use, run *tether.Owner) {
		if over || last != nil && !ended(last) {
			w.Errorf("the effect of rule %d runs after its end", i)
		}
		last = run
		p.effects++
		p.seen = attempt(func() int { return w.use(use, -1, len(w.values)+i) })
		react()
	})
	p.effect.Defer(func() { over = true })
}

func ended(o *tether.Owner) bool {
	select {
	case <-o.Ended():
		return true
	default:
		return false
	}
}

// end ends the owner of a rule, which stays what it is.
func (w *world) end(t *rapid.T) {
	i, p, want := w.part(t)
	if !w.alive(i) {
		return
	}
	attempt(p.c.Get)
	if w.states > 1 { // a handler that has set on the way may leave it behind
		return
	}
	if err := p.owner.Destroy(); err != nil {
		t.Errorf("the owner of rule %d ends with %v", i, err)
	}
	w.last[i] = want
	if got := attempt(p.c.Get); got != want {
		t.Errorf("rule %d is %v after its end, want %v", i, got, want)
	}
}

// check is what must be true between two steps.
func (w *world) check() {
	for i, p := range w.parts {
		want := w.want(len(w.values) + i)
		if p.runs > w.states {
			w.Errorf("rule %d ran %d times in %d states of the world", i, p.runs, w.states)
		}
		if p.effects > w.states {
			w.Errorf("the effect of rule %d ran %d times in %d states of the world", i, p.effects, w.states)
		}
		if p.shows > w.states {
			w.Errorf("rule %d was shown %d times in %d states of the world", i, p.shows, w.states)
		}
		if p.effect != nil && p.seen != want {
			w.Errorf("the effect of rule %d has seen %v, want %v", i, p.seen, want)
		}
		if want.failed != "" {
			continue
		}
		if p.conn.Connected() && p.told != want.v {
			w.Errorf("rule %d is %d, but told was %d", i, want.v, p.told)
		}
		if p.bound.Connected() && p.shown != want.v {
			w.Errorf("rule %d is %d, but shown is %d", i, want.v, p.shown)
		}
	}
}

func TestSteps_EachLeavesTheWorldAsTheModelSays(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		w := newWorld(t)
		defer w.owner.Destroy()
		t.Repeat(w.actions())
	})
}
