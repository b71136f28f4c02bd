package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/seed-ec287111/tether"
	"github.com/seed-ec287111/tether/tethertest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// within runs f with a host whose loop runs, in a bubble, and wants nothing to be left.
func within(t *testing.T, known map[string]Plugin, f func(t *testing.T, h *Host, out *bytes.Buffer)) {
	synctest.Test(t, func(t *testing.T) {
		tethertest.VerifyNone(t)
		out := new(bytes.Buffer)
		app := tether.NewOwner("host")
		h := NewHost(app, out, known)
		app.Go(h.Run)
		f(t, h, out)
		assert.NoError(t, app.Destroy())
		assert.Zero(t, app.Stats())
	})
}

func TestTheDemo(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		tethertest.VerifyNone(t)
		var out strings.Builder
		require.NoError(t, demo(&out))
		assert.Equal(t, `load linter = <nil>
load words = <nil>
load bomb = <nil>
load game = load game: no such plugin
bomb panicked: too loud, at '!'
3 words
not saved: there is something to do
linter unloaded
saved " TODO: say hello!"
load clock = <nil>
tick 1
tick 2
tick 3
`, out.String())
	})
}

// Words are counted when the user pauses, on the loop, and not after the plugin has gone.
func TestWordsAreCountedInPauses(t *testing.T) {
	within(t, map[string]Plugin{"words": words}, func(t *testing.T, h *Host, out *bytes.Buffer) {
		require.NoError(t, h.Load("words"))
		for range 3 {
			h.Type("ab ")
			time.Sleep(9 * time.Millisecond)
		}
		time.Sleep(2 * time.Millisecond)
		synctest.Wait()
		assert.Equal(t, "3 words\n", out.String())
		h.Type("c")
		require.NoError(t, h.Unload("words"))
		time.Sleep(time.Hour)
		assert.Equal(t, "3 words\n", out.String())
	})
}

func TestTheFirstThatRefusesPreventsTheSaving(t *testing.T) {
	within(t, map[string]Plugin{"linter": linter}, func(t *testing.T, h *Host, out *bytes.Buffer) {
		require.NoError(t, h.Load("linter"))
		save := func(text string) string {
			h.Do(func() { out.Reset(); h.Text = text; h.Save() })
			require.NoError(t, h.queue.Flush(t.Context()))
			return out.String()
		}
		assert.Equal(t, "not saved: there is something to do\n", save(" TODO"))
		assert.Equal(t, " TODO", h.Text)
		assert.Equal(t, "saved \"done\\n\"\n", save(" done "))
		assert.Equal(t, "done\n", h.Text)
	})
}

// The loop sleeps when all is still, and so the bubble's clock moves; and whoever fires,
// on whatever goroutine, wakes it.
func TestTheLoopSleepsAndIsWoken(t *testing.T) {
	within(t, nil, func(t *testing.T, h *Host, _ *bytes.Buffer) {
		begin := time.Now()
		for range 100 {
			time.Sleep(time.Hour)
			h.Type("x")
			synctest.Wait()
			assert.Equal(t, "x", h.Text)
			h.Text = ""
		}
		assert.Equal(t, 100*time.Hour, time.Since(begin))
	})
}

// None of the plugins locks anything: the race detector sees that the loop does all.
func TestPluginsNeedNoLock(t *testing.T) {
	n := 0
	counter := func(o *tether.Owner, h *Host) error {
		h.Typed.Connect(o, func(rune) { n++ }, h.OnLoop)
		h.Beat.Connect(o, func(tether.Tick) { n++ }, h.OnLoop)
		return nil
	}
	within(t, map[string]Plugin{"a": counter, "b": counter}, func(t *testing.T, h *Host, _ *bytes.Buffer) {
		require.NoError(t, h.Load("a"))
		require.NoError(t, h.Load("b"))
		var typists sync.WaitGroup
		for range 4 {
			typists.Go(func() {
				for range 100 {
					h.Type("x")
				}
			})
		}
		typists.Wait()
		time.Sleep(105 * time.Millisecond) // of beats
		require.NoError(t, h.queue.Flush(t.Context()))
		assert.Equal(t, 2*400+2*10, n)
		assert.Equal(t, 400, len(h.Text))
	})
}

func TestUnloadLeavesNothing(t *testing.T) {
	within(t, map[string]Plugin{"linter": linter}, func(t *testing.T, h *Host, out *bytes.Buffer) {
		before := h.loaded.Group().Stats()
		for range 3 {
			require.NoError(t, h.Load("linter"))
			require.NoError(t, h.Load("linter"), "once more changes nothing")
			assert.Equal(t, 1, h.Saving.Len())
			require.NoError(t, h.Reload("linter"))
			assert.Equal(t, 1, h.Saving.Len())
			require.NoError(t, h.Unload("linter"))
			assert.Zero(t, h.Saving.Len())
			assert.Equal(t, before, h.loaded.Group().Stats())
		}
		require.NoError(t, h.queue.Flush(t.Context()))
		assert.Equal(t, strings.Repeat("linter unloaded\n", 6), out.String())
	})
}

func TestAPluginMayUnloadItself(t *testing.T) {
	heard := ""
	shy := func(o *tether.Owner, h *Host) error {
		h.Typed.Connect(o, func(key rune) {
			heard += string(key)
			assert.ErrorIs(t, h.Unload("shy"), tether.ErrPending)
		}, h.OnLoop)
		return nil
	}
	within(t, map[string]Plugin{"shy": shy}, func(t *testing.T, h *Host, _ *bytes.Buffer) {
		require.NoError(t, h.Load("shy"))
		h.Type("abc") // two of these wait when it goes
		require.NoError(t, h.queue.Flush(t.Context()))
		assert.Equal(t, "a", heard)
		assert.Equal(t, "abc", h.Text)
	})
}

// A plugin that fails, by an error or a panic, leaves nothing of what it had connected, and
// can be loaded again.
func TestAPluginThatCantBeLoaded(t *testing.T) {
	broken := errors.New("broken")
	fail := func() error { return broken }
	fragile := func(o *tether.Owner, h *Host) error {
		h.Typed.Connect(o, func(rune) { assert.Fail(t, "it was called") }, h.OnLoop)
		return fail()
	}
	within(t, map[string]Plugin{"fragile": fragile}, func(t *testing.T, h *Host, _ *bytes.Buffer) {
		typed := slices.Collect(h.Bus.Topics())
		assert.ErrorIs(t, h.Load("fragile"), broken)
		fail = func() error { panic("oh") }
		assert.EqualError(t, h.Load("fragile"), "load fragile: it panicked: oh")
		assert.Equal(t, typed, slices.Collect(h.Bus.Topics()))
		h.Type("x")
		synctest.Wait()
		assert.Zero(t, h.loaded.Len())
		fail = func() error { return nil }
		assert.NoError(t, h.Load("fragile"))
		assert.NoError(t, h.Unload("fragile"))
		assert.EqualError(t, h.Load("game"), "load game: no such plugin")
	})
}

// One that panics later is unloaded, wherever that was, and the others go on.
func TestAPluginThatPanicsIsUnloaded(t *testing.T) {
	for name, where := range map[string]func(o *tether.Owner, h *Host){
		"handler on the loop": func(o *tether.Owner, h *Host) {
			h.Typed.Connect(o, func(rune) { panic("boom") }, h.OnLoop)
		},
		"handler of a child": func(o *tether.Owner, h *Host) {
			h.Typed.Connect(o.NewChild("a/b"), func(rune) { panic("boom") })
		},
		"goroutine": func(o *tether.Owner, h *Host) {
			o.Go(func(ctx context.Context) {
				if _, err := tether.Wait(ctx, h.Typed); err == nil {
					panic("boom")
				}
			})
		},
	} {
		t.Run(name, func(t *testing.T) {
			known := map[string]Plugin{
				"bad":  func(o *tether.Owner, h *Host) error { where(o, h); return nil },
				"good": linter,
			}
			within(t, known, func(t *testing.T, h *Host, out *bytes.Buffer) {
				require.NoError(t, h.Load("bad"))
				require.NoError(t, h.Load("good"))
				synctest.Wait()
				h.Type("x")
				synctest.Wait()
				fired := "'x'"
				if name == "goroutine" {
					fired = fmt.Sprintf("%q", any(nil)) // no handler
				}
				assert.Equal(t, "bad panicked: boom, at "+fired+"\n", out.String())
				_, bad := h.loaded.Lookup("bad")
				_, good := h.loaded.Lookup("good")
				assert.False(t, bad)
				assert.True(t, good)
				assert.NoError(t, h.Load("bad"), "it may be tried again")
				assert.Equal(t, "x", h.Text)
			})
		})
	}
}
