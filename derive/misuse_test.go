package derive_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/seed-ec287111/tether"
	"github.com/seed-ec287111/tether/derive"
)

type nowhere struct{ tether.Source[int] }

func (nowhere) Connect(*tether.Owner, func(int), ...tether.ConnectOption) *tether.Connection {
	return nil
}

// What cannot be meant is refused at the call, by name, before anything changes.
func TestMisuse_PanicsInTheNameOfTheCall(t *testing.T) {
	app := tether.NewOwner("app")
	defer app.Destroy()
	var s tether.Signal[int]
	var none tether.Source[int]
	var typed *tether.Signal[int]
	var noOwner *tether.Owner
	src := derive.Map(&s, ten)
	id := func(v int) bool { return true }
	for want, f := range map[string]func(){
		"derive: Map with nil Source":              func() { derive.Map(none, ten) },
		"derive: Filter with nil Source":           func() { derive.Filter[int](typed, id) },
		"derive: FilterMap with nil Source":        func() { derive.FilterMap(none, func(v int) (int, bool) { return v, true }) },
		"derive: Merge with nil Source":            func() { derive.Merge[int](&s, typed) },
		"derive: Merge of nothing":                 func() { derive.Merge[int]() },
		"derive: Scan with nil Source":             func() { derive.Scan(none, 0, sum) },
		"derive: Distinct with nil Source":         func() { derive.Distinct[int](typed) },
		"derive: DistinctFunc with nil Source":     func() { derive.DistinctFunc(none, func(a, b int) bool { return false }) },
		"derive: Take with nil Source":             func() { derive.Take(none, 1) },
		"derive: Take with n 0":                    func() { derive.Take(src, 0) },
		"derive: Take with n -1":                   func() { derive.Take(src, -1) },
		"derive: Until with nil Source":            func() { derive.Until(src, none) },
		"derive: Debounce with nil Source":         func() { derive.Debounce(none, 1) },
		"derive: Debounce with quiet -1s":          func() { derive.Debounce(src, -time.Second) },
		"derive: Throttle with nil Source":         func() { derive.Throttle(none, 1, derive.Both) },
		"derive: Throttle with every -1s":          func() { derive.Throttle(src, -time.Second, derive.Both) },
		"derive: Throttle with edges Edges(0)":     func() { derive.Throttle(src, time.Second, 0) },
		"derive: Throttle with edges Edges(4)":     func() { derive.Throttle(src, time.Second, 4) },
		"derive: Sample with nil Source":           func() { derive.Sample(src, none) },
		"derive: Buffer with nil Source":           func() { derive.Buffer(none, 1, 0) },
		"derive: Buffer with n 0":                  func() { derive.Buffer(src, 0, 0) },
		"derive: Buffer with wait -1s":             func() { derive.Buffer(src, 1, -time.Second) },
		"derive: Latest with nil Source":           func() { derive.Latest(src, none, pair) },
		"derive: Switch with nil Source":           func() { derive.Switch(none, func(*tether.Owner, int) tether.Source[int] { return src }) },
		"derive: Share with nil Source":            func() { derive.Share(app, none) },
		"derive: Share with nil Owner":             func() { derive.Share(noOwner, src) },
		"derive: FromChan with nil Owner":          func() { derive.FromChan(noOwner, make(chan int)) },
		"derive: FromChan with nil channel":        func() { derive.FromChan[int](app, nil) },
		"derive: Chan with nil Owner":              func() { derive.Chan(new(tether.Owner), src, 1, tether.Block) },
		"derive: Chan with nil Source":             func() { derive.Chan(app, none, 1, tether.Block) },
		"derive: Chan with capacity 0":             func() { derive.Chan(app, src, 0, tether.Block) },
		"derive: Chan with overflow Overflow(9)":   func() { derive.Chan(app, src, 1, 9) },
		"derive: Send with nil Owner":              func() { derive.Send(noOwner, src, make(chan int)) },
		"derive: Send with nil Source":             func() { derive.Send(app, none, make(chan int)) },
		"derive: Send with nil channel":            func() { derive.Send(app, src, nil) },
		"derive: Map with nil function":            func() { derive.Map[int, int](src, nil) },
		"derive: Filter with nil function":         func() { derive.Filter(src, nil) },
		"derive: FilterMap with nil function":      func() { derive.FilterMap[int, int](src, nil) },
		"derive: Scan with nil function":           func() { derive.Scan(src, 0, nil) },
		"derive: DistinctFunc with nil function":   func() { derive.DistinctFunc(src, nil) },
		"derive: Latest with nil function":         func() { derive.Latest[int, int, int](src, src, nil) },
		"derive: Switch with nil function":         func() { derive.Switch[int, int](src, nil) },
		"derive: Connect of a Source returned nil": func() { derive.Map[int](nowhere{}, ten).Connect(app, func(int) {}) },
		"tether: Connect with nil Owner":           func() { src.Connect(nil, func(int) {}) },
		"tether: Connect with nil handler":         func() { src.Connect(app, nil) },
		"tether: Connect with nil option":          func() { src.Connect(app, func(int) {}, nil) },
		"tether: Once with nil Owner":              func() { src.Once(nil, func(int) {}) },
		"tether: Once with nil handler":            func() { src.Once(app, nil) },
	} {
		require.PanicsWithValue(t, want, f)
		require.Zero(t, s.Len(), want)
		require.Equal(t, tether.Stats{Owners: 1}, app.Stats(), want)
	}
}

// Of two sources each is looked at.
func TestMisuse_BothSourcesMustBeThere(t *testing.T) {
	var s tether.Signal[int]
	var none tether.Source[int]
	require.PanicsWithValue(t, "derive: Latest with nil Source", func() { derive.Latest(none, &s, pair) })
	require.PanicsWithValue(t, "derive: Sample with nil Source", func() { derive.Sample(none, &s) })
	require.PanicsWithValue(t, "derive: Until with nil Source", func() { derive.Until(none, &s) })
}

func TestEdges_HaveNames(t *testing.T) {
	require.Equal(t, "Leading Trailing Both", derive.Leading.String()+" "+derive.Trailing.String()+" "+derive.Both.String())
}
