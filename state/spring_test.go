package state_test

import (
	"math"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/seed-ec287111/tether"
	"github.com/seed-ec287111/tether/state"
)

const frame = 16 * time.Millisecond

func TestSpring_GoesToItsTargetAndFallsAsleep(t *testing.T) {
	for _, damping := range []float64{0.2, 1, 3} {
		o := app(t)
		var src tether.Signal[tether.Tick]
		s := state.NewSpring(o, &src, 10, state.SpringConfig{Frequency: 2, Damping: damping})
		require.True(t, s.Asleep())
		require.Zero(t, src.Len())
		s.SetTarget(10)
		require.Zero(t, src.Len(), "there already")

		s.SetTarget(20)
		require.Equal(t, 1, src.Len())
		require.Equal(t, 10.0, s.Get())
		got := log(o, s.Changes())
		top, n := 0.0, 0
		for src.Len() > 0 {
			src.Fire(tether.Tick{Delta: frame})
			top = max(top, s.Get())
			n++
			require.Less(t, n, 10000)
		}
		require.True(t, s.Asleep())
		require.Equal(t, 20.0, s.Get(), "exactly")
		require.Zero(t, s.Velocity())
		require.Equal(t, 20.0, s.Target())
		require.Len(t, *got, n)
		require.Equal(t, damping < 1, top > 20)
	}
}

func TestSpring_DoesNotCareHowTimeIsCut(t *testing.T) {
	o := app(t)
	var fine, coarse tether.Signal[tether.Tick]
	config := state.SpringConfig{Frequency: 1, Damping: 0.3, Rest: 1e-12}
	a := state.NewSpring(o, &fine, 0, config)
	b := state.NewSpring(o, &coarse, 0, config)
	for _, target := range []float64{1, -5, 3} {
		a.SetTarget(target)
		b.SetTarget(target)
		for range 100 {
			fine.Fire(tether.Tick{Delta: 7 * time.Millisecond})
		}
		coarse.Fire(tether.Tick{Delta: 700 * time.Millisecond})
		require.InDelta(t, b.Get(), a.Get(), 1e-9)
		require.InDelta(t, b.Velocity(), a.Velocity(), 1e-9)
	}
	fine.Fire(tether.Tick{}) // no time, no way
	require.InDelta(t, b.Get(), a.Get(), 1e-9)
	coarse.Fire(tether.Tick{Delta: math.MaxInt64})
	require.Equal(t, 3.0, b.Get())
	require.True(t, b.Asleep())
}

func TestSpring_AnImpulseWakesIt(t *testing.T) {
	o := app(t)
	var src tether.Signal[tether.Tick]
	s := state.NewSpring(o, &src, 0, state.SpringConfig{Frequency: 1, Damping: 1})
	s.Impulse(5)
	require.Equal(t, 5.0, s.Velocity())
	src.Fire(tether.Tick{Delta: frame})
	require.Positive(t, s.Get())
	for src.Len() > 0 {
		src.Fire(tether.Tick{Delta: frame})
	}
	require.Zero(t, s.Get())
}

func TestSpring_MayBeSentOnFromItsOwnChange(t *testing.T) {
	o := app(t)
	var src tether.Signal[tether.Tick]
	s := state.NewSpring(o, &src, 0, state.SpringConfig{Frequency: 2, Damping: 1})
	s.Changes().Connect(o, func(c state.Change[float64]) {
		if c.New == 1 {
			s.SetTarget(2)
		}
	})
	s.SetTarget(1)
	for src.Len() > 0 {
		src.Fire(tether.Tick{Delta: frame})
	}
	require.Equal(t, 2.0, s.Get())
}

func TestSpring_AsleepItLetsTheHeartbeatStop(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := tether.NewOwner("o")
		beat := tether.NewHeartbeat(o, frame)
		s := state.NewSpring(o, beat, 0, state.SpringConfig{Frequency: 2, Damping: 1})
		require.Zero(t, beat.Len())
		s.SetTarget(1)
		time.Sleep(5 * frame)
		synctest.Wait()
		require.Equal(t, 1, beat.Len())
		time.Sleep(time.Minute)
		require.Zero(t, beat.Len())
		require.Equal(t, 1.0, s.Get())
		require.Zero(t, o.Stats().Timers)
		require.NoError(t, o.Destroy())
	})
}

func TestSpring_OneWhoseSourceLetGoIsConnectedAgain(t *testing.T) {
	o := app(t)
	var src tether.Signal[tether.Tick]
	s := state.NewSpring(o, &src, 0, state.SpringConfig{Frequency: 2, Damping: 1})
	s.SetTarget(1)
	src.DisconnectAll()
	s.SetTarget(2)
	require.Equal(t, 1, src.Len())
}

func TestSpring_OfADeadOwnerStays(t *testing.T) {
	o := tether.NewOwner("o")
	var src tether.Signal[tether.Tick]
	s := state.NewSpring(o, &src, 0, state.SpringConfig{Frequency: 2, Damping: 1})
	s.SetTarget(1)
	src.Fire(tether.Tick{Delta: frame})
	at := s.Get()
	o.Destroy()
	require.Zero(t, src.Len())
	src.Fire(tether.Tick{Delta: frame})
	s.SetTarget(5)
	s.Impulse(1)
	require.Zero(t, src.Len())
	require.Equal(t, at, s.Get())
}

func TestSpring_IsReadable(t *testing.T) {
	o := app(t)
	var src tether.Signal[tether.Tick]
	s := state.NewSpring(o, &src, 0, state.SpringConfig{Frequency: 2, Damping: 1})
	percent := state.NewComputed(o, func(use *state.Use) int { return int(100 * state.Readable[float64](s).Use(use)) })
	got := log(o, percent.Changes())
	s.SetTarget(1)
	for src.Len() > 0 {
		src.Fire(tether.Tick{Delta: frame})
	}
	require.Equal(t, 100, (*got)[len(*got)-1].New)
}

func TestSpring_ManyUnderStress(t *testing.T) {
	o := app(t)
	var src tether.Signal[tether.Tick]
	s := state.NewSpring(o, &src, 0, state.SpringConfig{Frequency: 2, Damping: 1, Rest: 0.1})
	var mu sync.Mutex
	last := 0.0
	s.Changes().Connect(o, func(c state.Change[float64]) {
		mu.Lock()
		defer mu.Unlock()
		if c.Old != last {
			t.Errorf("told %v after %v", c, last)
		}
		last = c.New
	})
	var wg sync.WaitGroup
	for i := range 2 {
		wg.Go(func() {
			for range rounds() {
				src.Fire(tether.Tick{Delta: 200 * time.Millisecond})
			}
		})
		wg.Go(func() {
			for j := range rounds() {
				s.SetTarget(float64(i + j))
			}
		})
	}
	wg.Wait()
	s.SetTarget(3)
	for i := 0; src.Len() > 0; i++ {
		src.Fire(tether.Tick{Delta: time.Second})
		require.Less(t, i, 1000)
	}
	require.Equal(t, 3.0, s.Get())
	require.Equal(t, 3.0, last)
	require.Equal(t, 2, o.Stats().Connections+o.Stats().Owners, "the log alone")
}

// An eager source ticks while it is being connected to.
type eager struct {
	tether.Signal[tether.Tick]
	tick tether.Tick
}

func (e *eager) Connect(owner *tether.Owner, handler func(tether.Tick), opts ...tether.ConnectOption) *tether.Connection {
	c := e.Signal.Connect(owner, handler, opts...)
	e.Fire(e.tick)
	return c
}

// A sticky source keeps the handlers, as a Fire that has committed to a call does.
type sticky struct {
	tether.Signal[tether.Tick]
	handlers []func(tether.Tick)
}

func (k *sticky) Connect(owner *tether.Owner, handler func(tether.Tick), opts ...tether.ConnectOption) *tether.Connection {
	k.handlers = append(k.handlers, handler)
	return k.Signal.Connect(owner, handler, opts...)
}

func TestSpring_ALateTickOfAnEarlierWakingMovesNothing(t *testing.T) {
	o := app(t)
	src := new(sticky)
	s := state.NewSpring(o, src, 0, state.SpringConfig{Frequency: 1, Damping: 1})
	s.SetTarget(1)
	src.Fire(tether.Tick{Delta: time.Hour})
	require.True(t, s.Asleep())
	s.SetTarget(5)
	src.handlers[0](tether.Tick{Delta: time.Hour})
	require.Equal(t, 1.0, s.Get())
	src.handlers[1](tether.Tick{Delta: time.Hour})
	require.Equal(t, 5.0, s.Get())
}

func TestSpring_ASourceThatTicksAtOnceIsLeftToo(t *testing.T) {
	o := app(t)
	src := &eager{tick: tether.Tick{Delta: time.Hour}}
	s := state.NewSpring(o, src, 0, state.SpringConfig{Frequency: 1, Damping: 1})
	s.SetTarget(1)
	require.Equal(t, 1.0, s.Get())
	require.True(t, s.Asleep())
	w := state.NewTween(o, src, 0, 1, time.Second, state.Linear)
	require.True(t, w.Arrived())
	require.Zero(t, src.Len())
}

// A target nearer than Rest left a spring asleep beside it.
func TestSpring_OneThatNeedNotMoveIsAtItsTarget(t *testing.T) {
	app := tether.NewOwner("app")
	var ticks tether.Signal[tether.Tick]
	s := state.NewSpring(app, &ticks, 0, state.SpringConfig{Frequency: 1, Damping: 1, Rest: 0.5})
	var told []float64
	s.Changes().Connect(app, func(c state.Change[float64]) { told = append(told, c.New) })
	s.SetTarget(0.4)
	require.True(t, s.Asleep())
	require.Equal(t, 0.4, s.Get())
	require.Equal(t, 0.4, s.Target())
	require.Equal(t, []float64{0.4}, told)

	require.NoError(t, app.Destroy())
	s.SetTarget(7)
	s.Impulse(1)
	require.Equal(t, 0.4, s.Target(), "the owner is dead")
	require.Zero(t, s.Velocity())
}
