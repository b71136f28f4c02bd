package keyed_test

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/seed-ec287111/tether"
	"github.com/seed-ec287111/tether/keyed"
)

// An act is what somebody does with a map: a program is a list of them, and each open does
// a few, as the script has it for the n-th.
type act struct {
	verb string
	key  int
}

const modelKeys = 4

// act returns a random act; more of them are possible inside an open.
func randomAct(r *rand.Rand, inside bool) act {
	verbs := []string{"Get", "Get", "GetOrMake", "Replace", "Destroy", "Lookup", "Owner", "End"}
	if inside {
		verbs = append(verbs, "EndOwn", "Panic")
	}
	return act{verbs[r.IntN(len(verbs))], r.IntN(modelKeys)}
}

// A naive map does one thing after the other. Values are numbers, in order of opening.
type naive struct {
	live   map[int]int
	script [][]act
	next   int
	opens  []*naiveOpen // those that run, the innermost last
}

type naiveOpen struct {
	key   int
	ended bool
}

func (m *naive) open(key int) int {
	n := m.next
	m.next++
	o := &naiveOpen{key: key}
	m.opens = append(m.opens, o)
	defer func() { m.opens = m.opens[:len(m.opens)-1] }()
	for _, a := range m.script[n%len(m.script)] {
		m.do(a)
	}
	if !o.ended {
		m.live[key] = n
	}
	return n
}

func (m *naive) running(key int) *naiveOpen {
	for _, o := range m.opens {
		if o.key == key {
			return o
		}
	}
	return nil
}

func (m *naive) circle(verb string, key int) {
	if m.running(key) == nil {
		return
	}
	text := fmt.Sprintf(`keyed: %s of "%d" would wait for itself: `, verb, key)
	on := false
	for _, o := range m.opens {
		if on = on || o.key == key; on {
			text += fmt.Sprintf(`"%d" needs `, o.key)
		}
	}
	panic(text + fmt.Sprintf(`"%d"`, key))
}

func (m *naive) do(a act) (says string) {
	v, ok := m.live[a.key]
	switch a.verb {
	case "Get", "GetOrMake":
		if ok {
			return fmt.Sprint(v, false)
		}
		m.circle(a.verb, a.key)
		return fmt.Sprint(m.open(a.key), a.verb == "GetOrMake")
	case "Replace":
		m.circle("Replace", a.key)
		delete(m.live, a.key)
		return fmt.Sprint(m.open(a.key))
	case "Destroy":
		delete(m.live, a.key)
		if o := m.running(a.key); o != nil {
			o.ended = true
			return fmt.Sprint(tether.ErrPending)
		}
		return "<nil>"
	case "Lookup", "Owner":
		return fmt.Sprint(v, ok)
	case "End":
		delete(m.live, a.key)
	case "EndOwn":
		m.opens[len(m.opens)-1].ended = true
	case "Panic":
		panic("ouch")
	}
	return ""
}

// A real map is driven by the same acts.
type realMap struct {
	*keyed.Map[int, *int]
	owners map[*tether.Owner]int
	script [][]act
	next   int
}

func newRealMap(app *tether.Owner, script [][]act) *realMap {
	m := &realMap{owners: map[*tether.Owner]int{}, script: script}
	m.Map = keyed.NewMap(app, "m", func(o *tether.Owner, key int) *int {
		n := m.next
		m.next++
		m.owners[o] = n
		for _, a := range m.script[n%len(m.script)] {
			m.do(o, a)
		}
		return &n
	})
	return m
}

func (m *realMap) do(own *tether.Owner, a act) (says string) {
	switch a.verb {
	case "Get":
		return fmt.Sprint(*m.Get(a.key), false)
	case "GetOrMake":
		v, made := m.GetOrMake(a.key)
		return fmt.Sprint(*v, made)
	case "Replace":
		return fmt.Sprint(*m.Replace(a.key))
	case "Destroy":
		return fmt.Sprint(m.Destroy(a.key))
	case "Lookup":
		v, ok := m.Lookup(a.key)
		if !ok {
			return fmt.Sprint(0, false)
		}
		return fmt.Sprint(*v, true)
	case "Owner":
		o, ok := m.Owner(a.key)
		return fmt.Sprint(m.owners[o], ok)
	case "End":
		if o, ok := m.Owner(a.key); ok {
			o.Destroy()
		}
	case "EndOwn":
		own.Destroy()
	case "Panic":
		panic("ouch")
	}
	return ""
}

// outcome returns what f returns or, if it panics, with what.
func outcome(f func() string) (says string) {
	defer func() {
		if v := recover(); v != nil {
			says = fmt.Sprint("panic: ", v)
		}
	}()
	return f()
}

func (m *realMap) all() map[int]int {
	all := map[int]int{}
	for key, v := range m.All() {
		if all[key] = -1; v != nil {
			all[key] = *v
		}
	}
	return all
}

func checkProgram(t *testing.T, seed uint64) {
	r := rand.New(rand.NewPCG(seed, 0))
	script := make([][]act, 8)
	for i := range script {
		for range r.IntN(3) {
			script[i] = append(script[i], randomAct(r, true))
		}
	}
	app := tether.NewOwner("app")
	model, m := &naive{live: map[int]int{}, script: script}, newRealMap(app, script)
	var program []act
	for range 20 {
		a := randomAct(r, false)
		program = append(program, a)
		want := outcome(func() string { return model.do(a) })
		got := outcome(func() string { return m.do(nil, a) })
		context := []any{"seed %d: script %v, program %v", seed, script, program}
		require.Equal(t, want, got, context...)
		require.Equal(t, model.next, m.next, context...)
		require.Equal(t, maps.Collect(maps.All(model.live)), m.all(), context...)
		require.Equal(t, len(model.live), m.Len(), context...)
		require.Equal(t, len(model.live), m.Entries(), context...)
		require.Zero(t, m.Opening(), context...)
	}
	require.NoError(t, app.Destroy())
	require.Equal(t, tether.Stats{}, app.Stats())
}

// Random programs, whose opens use the map too, end it or panic, agree with a map that does
// one thing after the other.
func TestMap_RandomProgramsAgreeWithANaiveMap(t *testing.T) {
	n := uint64(1500)
	if testing.Short() {
		n = 300
	}
	for seed := range n {
		checkProgram(t, seed)
	}
}

func FuzzMap(f *testing.F) {
	for seed := range uint64(20) {
		f.Add(seed)
	}
	f.Fuzz(checkProgram)
}
