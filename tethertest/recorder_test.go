package tethertest_test

import (
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/seed-ec287111/tether"
	"github.com/seed-ec287111/tether/bus"
	"github.com/seed-ec287111/tether/derive"
	"github.com/seed-ec287111/tether/tethertest"
)

func TestRecorder_KeepsWhatIsFiredUntilItIsRead(t *testing.T) {
	tethertest.VerifyNone(t)
	var said tether.Signal[string]
	said.Fire("before")
	r := tethertest.Record(t, &said)
	r.ExpectNone()
	said.Fire("a")
	said.Fire("b")
	require.Equal(t, 2, r.Len())
	require.Equal(t, "a", r.Next())
	require.Equal(t, 1, r.Len())
	said.Fire("c")
	r.Expect("b", "c")
	r.Expect()
	r.ExpectNone()
}

// Whatever is a Source can be recorded: topics and patterns of a bus, and operators.
func TestRecorder_RecordsTopicsAndOperators(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		tethertest.VerifyNone(t)
		app := tethertest.NewOwner(t)
		b := bus.New(app, "bus")
		topic := bus.Named[int](b, "a.b")
		named := tethertest.Record(t, topic)
		matching := tethertest.Record(t, bus.Matching[int](b, "a.*"))
		dead := tethertest.Record(t, b.Dead())
		quiet := tethertest.Record(t, derive.Debounce(topic, time.Second))
		sums := tethertest.Record(t, derive.Scan(topic, 0, func(a, v int) int { return a + v }))
		for v := range 3 {
			require.NoError(t, topic.Publish(t.Context(), v))
		}
		require.NoError(t, bus.Named[int](b, "other").Publish(t.Context(), 7))
		named.Expect(0, 1, 2)
		matching.Expect(bus.Message[int]{Topic: "a.b", Value: 0}, bus.Message[int]{Topic: "a.b", Value: 1}, bus.Message[int]{Topic: "a.b", Value: 2})
		dead.Expect(bus.Letter{Topic: "other", Value: 7, Err: bus.ErrNobody})
		sums.Expect(0, 1, 3)
		quiet.Expect(2)
		for _, none := range []func(){named.ExpectNone, matching.ExpectNone, dead.ExpectNone, sums.ExpectNone, quiet.ExpectNone} {
			none()
		}
	})
}

func TestRecorder_EndsWithItsTest(t *testing.T) {
	clean(t)
	var said tether.Signal[string]
	passed(t, run("TestRecords", func(t *fake) {
		tethertest.Record(t, &said)
		assert.Equal(t, 1, said.Len())
	}))
	require.Zero(t, said.Len())
}

func TestRecorder_NextWaitsForWhatAnotherGoroutineFires(t *testing.T) {
	test := func(t *testing.T) {
		tethertest.VerifyNone(t)
		var said tether.Signal[int]
		r := tethertest.Record(t, &said)
		owner := tethertest.NewOwner(t)
		const n = 100
		owner.AfterFunc(time.Millisecond, func() {
			for i := range n {
				said.Fire(i)
			}
		})
		for i := range n {
			r.Expect(i)
		}
		r.ExpectNone()
	}
	t.Run("outside of bubbles", test)
	t.Run("in a bubble", func(t *testing.T) { synctest.Test(t, test) })
	t.Run("from a bubble", func(t *testing.T) {
		var said tether.Signal[int]
		r := tethertest.Record(t, &said)
		synctest.Test(t, func(t *testing.T) {
			go said.Fire(1)
		})
		r.Expect(1)
	})
}

func TestRecorder_NoValueIsReadTwiceOrLost(t *testing.T) {
	tethertest.VerifyNone(t)
	var said tether.Signal[int]
	r := tethertest.Record(t, &said)
	const readers, each = 4, 500
	var mu sync.Mutex
	seen := map[int]int{}
	var wg sync.WaitGroup
	for range readers {
		wg.Go(func() {
			for range each {
				v := r.Next()
				mu.Lock()
				seen[v]++
				mu.Unlock()
			}
		})
	}
	for i := range readers {
		wg.Go(func() {
			for k := range each {
				said.Fire(i*each + k)
			}
		})
	}
	wg.Wait()
	require.Len(t, seen, readers*each)
	r.ExpectNone()
}

func TestRecorder_AValueThatComesAtTheDeadlineIsReadOrLeft(t *testing.T) {
	for range 200 {
		synctest.Test(t, func(t *testing.T) {
			var said tether.Signal[int]
			time.AfterFunc(tethertest.Deadline, func() { said.Fire(7) })
			got := 0
			f := run("TestLate", func(t *fake) {
				r := tethertest.Record(t, &said)
				t.Cleanup(func() {
					synctest.Wait()
					got += r.Len() * 7
				})
				got = r.Next()
			})
			if f.fatal && got != 7 && got != 0 || !f.fatal && got != 7 {
				t.Errorf("got %d, %q", got, f.message())
			}
		})
	}
}

type point struct{ X, Y int }

// Each of these tests fails; the text is what its author reads.
func TestRecorder_Messages(t *testing.T) {
	clean(t)
	for _, c := range []struct {
		name string
		test func(t *fake, said *tether.Signal[string])
		want []string
	}{
		{"Next, nothing at all", func(t *fake, said *tether.Signal[string]) {
			tethertest.Record(t, said).Next()
		}, []string{
			"tethertest: Next: value #1 did not come: nothing was fired for 10s.",
			"This recorder of string values has seen none.",
		}},
		{"Next, after others", func(t *fake, said *tether.Signal[string]) {
			r := tethertest.Record(t, said)
			said.Fire("ann")
			said.Fire("bob")
			r.Expect("ann", "bob")
			r.Next()
		}, []string{
			"tethertest: Next: value #3 did not come: nothing was fired for 10s.",
			"Read so far from this recorder of string values:",
			`    #1 "ann"`,
			`    #2 "bob"`,
		}},
		{"Next, no connection", func(t *fake, said *tether.Signal[string]) {
			r := tethertest.Record(t, said)
			said.DisconnectAll()
			begun := time.Now()
			defer func() { assert.Less(t, time.Since(begun), time.Second) }()
			r.Next()
		}, []string{
			"tethertest: Next: value #1 did not come: the recorder's connection has ended, and with it whatever could come.",
			"This recorder of string values has seen none.",
		}},
		{"Next, the connection ends meanwhile", func(t *fake, said *tether.Signal[string]) {
			r := tethertest.Record(t, said)
			time.AfterFunc(time.Second, said.DisconnectAll)
			begun := time.Now()
			defer func() { assert.Less(t, time.Since(begun), 2*time.Second) }()
			r.Next()
		}, []string{
			"tethertest: Next: value #1 did not come: the recorder's connection has ended, and with it whatever could come.",
			"This recorder of string values has seen none.",
		}},
		{"Expect, another value", func(t *fake, said *tether.Signal[string]) {
			r := tethertest.Record(t, said)
			for _, name := range []string{"ann", "bob", "dora", "eve"} {
				said.Fire(name)
			}
			r.Expect("ann", "carl", "dora")
		}, []string{
			"tethertest: Expect: value #2 is another one.",
			`    got  "bob"`,
			`    want "carl"`,
			"Read so far from this recorder of string values:",
			`    #1 "ann"`,
			`    #2 "bob"`,
			`Unread: "dora", "eve"`,
			`Not compared any more: "dora"`,
		}},
		{"Expect, too few", func(t *fake, said *tether.Signal[string]) {
			r := tethertest.Record(t, said)
			said.Fire("ann")
			r.Expect("ann", "bob", "carl")
		}, []string{
			"tethertest: Expect: value #2 did not come: nothing was fired for 10s.",
			`    want "bob"`,
			"Read so far from this recorder of string values:",
			`    #1 "ann"`,
			`Not compared any more: "carl"`,
		}},
		{"ExpectNone, one", func(t *fake, said *tether.Signal[string]) {
			r := tethertest.Record(t, said)
			said.Fire("ann")
			r.ExpectNone()
		}, []string{
			"tethertest: ExpectNone: there is 1 value that nobody read.",
			"This recorder of string values has been read by nobody.",
			`Unread: "ann"`,
		}},
		{"ExpectNone, many", func(t *fake, said *tether.Signal[string]) {
			r := tethertest.Record(t, said)
			for range 24 {
				said.Fire("x")
			}
			for range 12 {
				r.Expect("x")
			}
			r.ExpectNone()
		}, []string{
			"tethertest: ExpectNone: there are 12 values that nobody read.",
			"Read so far from this recorder of string values, the last 10 of 12:",
			`    #3 "x"`, `    #4 "x"`, `    #5 "x"`, `    #6 "x"`, `    #7 "x"`,
			`    #8 "x"`, `    #9 "x"`, `    #10 "x"`, `    #11 "x"`, `    #12 "x"`,
			`Unread: "x", "x", "x", "x", "x", "x", "x", "x", "x", "x", and 2 more`,
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var said tether.Signal[string]
				f := run("TestFails", func(t *fake) {
					c.test(t, &said)
					t.Errorf("it went on")
				})
				require.True(t, f.fatal)
				require.Equal(t, lines(c.want...), f.message())
			})
		})
	}
	t.Run("values that look the same", func(t *testing.T) {
		var moved tether.Signal[any]
		f := run("TestFails", func(t *fake) {
			r := tethertest.Record(t, &moved)
			moved.Fire(point{1, 2})
			r.Expect(&point{1, 2}, nil)
		})
		require.Contains(t, f.message(), "    got  {X:1 Y:2}\n    want &{X:1 Y:2}\n")
		f = run("TestFails", func(t *fake) {
			r := tethertest.Record(t, &moved)
			moved.Fire(int8(1))
			r.Expect(1)
		})
		require.Contains(t, f.message(), "    got  1 (int8)\n    want 1 (int)\n")
	})
}

func TestRecorder_NeverHoldsWhoFires(t *testing.T) {
	var said tether.Signal[int]
	r := tethertest.Record(t, &said)
	const n = 100_000
	for i := range n {
		said.Fire(i)
	}
	require.Equal(t, n, r.Len())
	for i := range n {
		if r.Next() != i {
			t.Fatal(i)
		}
	}
}

// A wrapper is a user's own Source.
type wrapper struct{ tether.Source[int] }

func TestRecorder_TakesAnySource(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		tethertest.VerifyNone(t)
		app := tethertest.NewOwner(t)
		ticks := tethertest.Record(t, tether.NewHeartbeat(app, time.Second))
		time.Sleep(3 * time.Second)
		synctest.Wait()
		require.Equal(t, 3, ticks.Len())
		require.EqualValues(t, 1, ticks.Next().N)
		var s tether.Signal[int]
		r := tethertest.Record[int](t, wrapper{&s})
		s.Fire(1)
		r.Expect(1)
	})
}
