package keyed_test

import (
	"fmt"
	"sync"
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/require"

	"github.com/seed-ec287111/tether"
	"github.com/seed-ec287111/tether/keyed"
)

// needs makes maps in which open of a key gets others, and returns the first.
func needs(t *testing.T, before func(key string), of map[string][]string) *keyed.Map[string, *session] {
	var m *keyed.Map[string, *session]
	_, m = sessions(t, func(_ *tether.Owner, key string) {
		if before != nil {
			before(key)
		}
		for _, other := range of[key] {
			m.Get(other)
		}
	})
	return m
}

func TestMap_ACircleOfOpensPanicsAndNamesTheKeys(t *testing.T) {
	for get, test := range map[string]struct {
		of   map[string][]string
		says string
	}{
		"own":  {map[string][]string{"own": {"own"}}, `keyed: Get of "own" would wait for itself: "own" needs "own"`},
		"a":    {map[string][]string{"a": {"b"}, "b": {"a"}}, `keyed: Get of "a" would wait for itself: "a" needs "b" needs "a"`},
		"x":    {map[string][]string{"x": {"y"}, "y": {"z"}, "z": {"y"}}, `keyed: Get of "y" would wait for itself: "y" needs "z" needs "y"`},
		"\n\"": {map[string][]string{"\n\"": {"\n\""}}, `keyed: Get of "\n\"" would wait for itself: "\n\"" needs "\n\""`},
	} {
		m := needs(t, nil, test.of)
		require.PanicsWithValue(t, test.says, func() { m.Get(get) })
		require.Zero(t, m.Len())
		require.Zero(t, m.Entries())
	}
	// No circle: two ways to one key.
	m := needs(t, nil, map[string][]string{"a": {"b", "c"}, "b": {"d"}, "c": {"d"}})
	m.Get("a")
	require.Equal(t, 4, m.Len())
}

// Each of n goroutines opens a key, when all have begun to, and needs the next one's.
func TestMap_ACircleOfOpensOverGoroutinesPanicsInAll(t *testing.T) {
	for n := 2; n <= 4; n++ {
		synctest.Test(t, func(t *testing.T) {
			of := map[string][]string{}
			for i := range n {
				of[fmt.Sprint(i)] = []string{fmt.Sprint((i + 1) % n)}
			}
			begun := make(chan bool)
			var m *keyed.Map[string, *session]
			first := true
			m = needs(t, func(string) {
				if first {
					<-begun
				}
			}, of)
			var values []any
			var mu sync.Mutex
			for i := range n {
				go func() {
					defer func() {
						mu.Lock()
						defer mu.Unlock()
						values = append(values, recover())
					}()
					m.Get(fmt.Sprint(i))
				}()
			}
			synctest.Wait()
			first = false
			close(begun)
			synctest.Wait()
			require.Len(t, values, n)
			for _, v := range values {
				require.Equal(t, values[0], v, "all panic with what the one which finds it does")
				for i := range n {
					require.Contains(t, v, fmt.Sprintf("%q needs", fmt.Sprint(i)))
				}
			}
			require.Zero(t, m.Entries())
			m.Group().Parent().Destroy()
		})
	}
}

func TestMap_ACircleByWayOfTwoMapsPanics(t *testing.T) {
	app := tether.NewOwner("app")
	defer app.Destroy()
	var users *keyed.Map[int, string]
	rooms := keyed.NewMap(app, "rooms", func(_ *tether.Owner, key string) int { users.Get(7); return 1 })
	users = keyed.NewMap(app, "users", func(*tether.Owner, int) string { rooms.Get("lobby"); return "" })
	require.PanicsWithValue(t, `keyed: Get of "lobby" would wait for itself: "lobby" needs "7" needs "lobby"`, func() { rooms.Get("lobby") })
	require.Zero(t, rooms.Len()+users.Len())
}

// An open that destroys its owner and gets its own key would open for ever.
func TestMap_AnOpenThatEndsItsOwnerAndGetsItsOwnKeyIsACircle(t *testing.T) {
	var m *keyed.Map[string, *session]
	_, m = sessions(t, func(o *tether.Owner, _ string) { o.Destroy(); m.Get("ann") })
	require.PanicsWithValue(t, `keyed: Get of "ann" would wait for itself: "ann" needs "ann"`, func() { m.Get("ann") })
	_, m = sessions(t, func(*tether.Owner, string) { m.Replace("ann") })
	require.PanicsWithValue(t, `keyed: Replace of "ann" would wait for itself: "ann" needs "ann"`, func() { m.Get("ann") })
}

// The Replace waits for the open of "a", that one for the open of "b", and that one for the
// Replace.
func TestMap_ACircleThroughAReplaceThatWaitsForAnOpenPanics(t *testing.T) {
	for _, earlier := range []bool{false, true} { // the open is that of an owner before the last one
		synctest.Test(t, func(t *testing.T) {
			const says = `keyed: Get of "a" would wait for itself: "b" needs "a" needs "a" needs "b"`
			replace := make(chan bool)
			var before *tether.Owner
			var m *keyed.Map[string, *session]
			_, m = sessions(t, func(o *tether.Owner, key string) {
				switch {
				case key == "b":
					<-replace
					m.Get("a")
				case before == nil:
					before = o
					m.Get("b")
				}
			})
			var mu sync.Mutex
			var values []any
			for _, key := range []string{"b", "a"} {
				go func() {
					defer func() {
						v := recover()
						mu.Lock()
						defer mu.Unlock()
						values = append(values, v)
					}()
					m.Get(key)
				}()
				synctest.Wait()
			}
			if earlier {
				before.Cancel(nil)
				m.Get("a")
			}
			var fresh *session
			go func() { fresh = m.Replace("a") }()
			synctest.Wait()
			require.Nil(t, fresh)
			close(replace)
			synctest.Wait()
			require.Equal(t, []any{says, says}, values)
			require.NotNil(t, fresh, "it had to wait for the open before, and no more")
			v, ok := m.Lookup("a")
			require.True(t, ok)
			require.Same(t, fresh, v)
			m.Group().Parent().Destroy()
		})
	}
}

// A Replace that waits for an open which needs nothing of its own is no circle.
func TestMap_AGetThatWaitsForAReplaceThatWaitsForAnOpenIsNoCircle(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		opens := make(chan bool)
		first := true
		var m *keyed.Map[string, *session]
		_, m = sessions(t, func(_ *tether.Owner, key string) {
			switch {
			case key == "b":
				m.Get("a")
			case first:
				first = false
				<-opens
				m.Get("c")
			}
		})
		for _, get := range []func(string) *session{m.Get, m.Replace, m.Replace} {
			go get("a")
			synctest.Wait()
		}
		var b *session
		go func() { b = m.Get("b") }()
		synctest.Wait()
		require.Nil(t, b)
		close(opens)
		synctest.Wait()
		require.NotNil(t, b)
		require.Equal(t, 3, m.Len())
		m.Group().Parent().Destroy()
	})
}
