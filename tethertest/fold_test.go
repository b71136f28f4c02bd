package tethertest_test

import (
	"fmt"
	"runtime"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/seed-ec287111/tether"
	"github.com/seed-ec287111/tether/tethertest"
)

// A thousand sessions were a thousand trees, of which the message showed the first fifty.
func TestReport_LikeOwnersAreShownTogether(t *testing.T) {
	clean(t)
	b := newBag(t)
	f := run("TestSessions", func(t *fake) {
		tethertest.VerifyWithin(t, 0)
		app := b.leave(makeApp())
		var said tether.Signal[string]
		for i := range 1000 {
			s := app.NewChild(fmt.Sprint("session-", i))
			s.Defer(sweep)
			said.Connect(s, hear)
			said.Connect(s, hear)
			s.NewChild("inbox").AfterFunc(time.Hour, beat)
			if i%10 == 0 {
				made(s, "rare")
			}
		}
		for i := range 3 {
			made(app, fmt.Sprint("room-", i))
		}
		for range 30 {
			b.leave(newRoot()).Defer(sweep)
		}
		for range 5 {
			b.leave(newRoot(tether.Staged()))
		}
	})
	require.Equal(t, lines(
		"tethertest: VerifyNone: TestSessions has ended, but not all that was made in it.",
		"It made, and left:",
		"    owner app",
		"        made by makeApp (verify_test.go)",
		"        1000 owners app/session-#",
		"            made by TestReport_LikeOwnersAreShownTogether.func1 (fold_test.go)",
		"            1000 cleanups sweep (verify_test.go)",
		"            2000 connections hear (verify_test.go) on a signal of string",
		"            1000 owners app/session-#/inbox",
		"                made by TestReport_LikeOwnersAreShownTogether.func1 (fold_test.go)",
		"                1000 timers beat (verify_test.go)",
		"            100 owners app/session-#/rare",
		"                made by made (golden_test.go)",
		"                100 cleanups sweep (verify_test.go)",
		"        owner app/room-0",
		"            made by made (golden_test.go)",
		"            cleanup sweep (verify_test.go)",
		"        owner app/room-1",
		"            made by made (golden_test.go)",
		"            cleanup sweep (verify_test.go)",
		"        owner app/room-2",
		"            made by made (golden_test.go)",
		"            cleanup sweep (verify_test.go)",
		"    35 owners root",
		"        made by newRoot (golden_test.go)",
		"        30 cleanups sweep (verify_test.go)",
		hint,
	), f.message())
}

func TestReport_WhatHasFurtherKindsIsCounted(t *testing.T) {
	clean(t)
	b := newBag(t)
	f := run("TestKinds", func(t *fake) {
		tethertest.VerifyWithin(t, 0)
		app := b.leave(makeApp())
		for i := range 30 {
			made(app, fmt.Sprintf("%c", 'a'+i))
		}
	})
	require.Contains(t, f.message(), lines(
		"        owner app/t",
		"            made by made (golden_test.go)",
		"            cleanup sweep (verify_test.go)",
		"        10 more owners: 10 cleanups",
		hint))
}

func TestReport_LikeGrowthOfOlderOwnersIsShownTogether(t *testing.T) {
	clean(t)
	hub := tether.NewOwner("hub")
	defer hub.Destroy()
	var said tether.Signal[string]
	f := run("TestGrows", func(t *fake) {
		tethertest.VerifyWithin(t, 0)
		for i := range 1000 {
			c := hub.NewChild(fmt.Sprint("client-", i))
			said.Connect(c, hear)
			said.Connect(c, hear)
		}
		for i := range 2 {
			child(hub.NewChild(fmt.Sprint("room-", i)))
		}
	})
	require.Equal(t, lines(
		"tethertest: VerifyNone: TestGrows has ended, but not all that was made in it.",
		"Owners that are older than the test hold more than before:",
		"    owner hub/client-#",
		"        1000 more owners by this path, made by TestReport_LikeGrowthOfOlderOwnersIsShownTogether.func1 (fold_test.go)",
		"        2000 more connections hear (verify_test.go) on a signal of string",
		"    owner hub/room-0",
		"        1 more owner by this path, made by TestReport_LikeGrowthOfOlderOwnersIsShownTogether.func1 (fold_test.go)",
		"    owner hub/room-0/late",
		"        1 more owner by this path, made by child (verify_test.go)",
		"    owner hub/room-1",
		"        1 more owner by this path, made by TestReport_LikeGrowthOfOlderOwnersIsShownTogether.func1 (fold_test.go)",
		"    owner hub/room-1/late",
		"        1 more owner by this path, made by child (verify_test.go)",
		hint,
	), f.message())
}

// What comes in place of what is like it is something else: folding is for the eye alone.
func TestReport_WhatReplacesALikeOwnerHasGrown(t *testing.T) {
	clean(t)
	hub := tether.NewOwner("hub")
	defer hub.Destroy()
	old := hub.NewChild("client-1")
	f := run("TestReplaces", func(t *fake) {
		tethertest.VerifyWithin(t, 0)
		old.Destroy()
		hub.NewChild("client-2")
	})
	require.Contains(t, f.message(), lines("    owner hub/client-2", "        1 more owner by this path"))
}

func TestReport_ManyLostOwnersAreShownTogether(t *testing.T) {
	clean(t)
	defer tether.OnLost(nil)()
	f := run("TestLoses", func(t *fake) {
		tethertest.VerifyWithin(t, 0)
		for range 50 {
			newRoot()
		}
		for range 3 {
			runtime.GC()
		}
	})
	require.Equal(t, lines(
		"tethertest: VerifyNone: TestLoses has ended, but not all that was made in it.",
		"It made, and left:",
		"    50 owners root, lost: it became garbage without Destroy",
		"        made by newRoot (golden_test.go)",
		hint,
	), f.message())
}

func TestReport_GrowthOfManyKindsIsListed(t *testing.T) {
	clean(t)
	hub := tether.NewOwner("hub")
	defer hub.Destroy()
	f := run("TestGrows", func(t *fake) {
		tethertest.VerifyWithin(t, 0)
		for i := range 26 {
			made(hub, fmt.Sprintf("%c", 'a'+i))
		}
	})
	for i := range 26 {
		require.Contains(t, f.message(), fmt.Sprintf("    owner hub/%c\n        1 more owner by this path, made by made (golden_test.go)\n", 'a'+i))
	}
}

func spawn(o *tether.Owner, name string) *tether.Owner { return o.NewChild(name) } // inlined

func TestReport_GrowthByOneLineIsShownTogether(t *testing.T) {
	clean(t)
	hub := tether.NewOwner("hub")
	defer hub.Destroy()
	f := run("TestGrows", func(t *fake) {
		tethertest.VerifyWithin(t, 0)
		for i := range 3 {
			spawn(hub, fmt.Sprint("a", i))
		}
		for i := range 3 {
			spawn(hub, fmt.Sprint("a", i+3))
		}
	})
	require.Contains(t, f.message(), lines("    owner hub/a#", "        6 more owners by this path, made by spawn (fold_test.go)"))
}
