package tethertest_test

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/seed-ec287111/tether"
	"github.com/seed-ec287111/tether/tethertest"
)

func TestNewOwner_IsNamedAfterItsTestAndEndsWithIt(t *testing.T) {
	clean(t)
	var app *tether.Owner
	cleaned := false
	passed(t, run("TestNamed/sub", func(t *fake) {
		app = tethertest.NewOwner(t)
		assert.Equal(t, "TestNamed/sub", app.Name())
		assert.Nil(t, app.Parent())
		app.Go(work)
		app.Defer(func() { cleaned = true })
	}))
	require.False(t, app.Alive())
	<-app.Ended()
	require.True(t, cleaned)
	require.Zero(t, tethertest.Kept())
}

func TestNewOwner_TakesOptions(t *testing.T) {
	clean(t)
	var got *tether.PanicError
	passed(t, run("TestOptions", func(t *fake) {
		app := tethertest.NewOwner(t, tether.WithPanicHandler(func(p *tether.PanicError) { got = p }))
		app.Defer(func() { panic("oops") })
	}))
	require.Equal(t, "oops", got.Value)
}

func TestNewOwner_ATestWhoseOwnerDoesNotEndFails(t *testing.T) {
	clean(t)
	synctest.Test(t, func(t *testing.T) {
		tethertest.VerifyNone(t)
		hold := make(chan bool)
		var said tether.Signal[string]
		begun := time.Now()
		f := run("TestHangs", func(t *fake) {
			tethertest.VerifyNone(t)
			app := tethertest.NewOwner(t)
			app.NewChild("lobby").Go(func(context.Context) { <-hold })
			app.AfterFunc(0, func() { <-hold })
			said.Connect(app, func(string) { <-hold })
			go said.Fire("hello")
			synctest.Wait()
		})
		require.Equal(t, tethertest.Deadline, time.Since(begun))
		close(hold)
		require.Equal(t, lines(
			`tethertest: NewOwner: owner TestHangs was told to end, and 10s later it has not.`,
			"Its teardown waits for:",
			"    timer TestNewOwner_ATestWhoseOwnerDoesNotEndFails.func1.1.2 (owner_test.go)",
			`        of owner TestHangs`,
			"    handler TestNewOwner_ATestWhoseOwnerDoesNotEndFails.func1.1.3 (owner_test.go)",
			`        of owner TestHangs`,
			"    goroutine TestNewOwner_ATestWhoseOwnerDoesNotEndFails.func1.1.1 (owner_test.go)",
			`        of owner TestHangs/lobby`,
			"A goroutine started by Owner.Go has to return soon after its context ends.",
			"A handler has to return, and may not wait for what only the end of its owner brings.",
			"A function given to AfterFunc has to return.",
		), f.message())
	})
}

func TestNewOwner_ATestWhoseCleanupDoesNotReturnFails(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		hold := make(chan bool)
		f := run("TestHangs", func(t *fake) {
			tethertest.NewOwner(t).Defer(func() { <-hold })
		})
		close(hold)
		require.Contains(t, f.message(), "    cleanup TestNewOwner_ATestWhoseCleanupDoesNotReturnFails.func1.1.1 (owner_test.go)\n")
		require.Contains(t, f.message(), "A cleanup given to Defer, or the Close of what was given to Own, has to return.")
	})
}

type closer func() error

func (c closer) Close() error { return c() }

func TestNewOwner_WhatClosersReturnFailsTheTest(t *testing.T) {
	clean(t)
	broken := errors.New("broken pipe")
	f := run("TestCloses", func(t *fake) {
		tether.Own(tethertest.NewOwner(t), closer(func() error { return broken }))
	})
	require.Equal(t, `tethertest: NewOwner: the end of owner TestCloses returned an error: broken pipe`, f.message())
	passed(t, run("TestExpectsIt", func(t *fake) {
		app := tethertest.NewOwner(t)
		tether.Own(app, closer(func() error { return broken }))
		assert.ErrorIs(t, app.Destroy(), broken)
	}))
}

// Whether such a test failed depended on who was faster: its end, or the end of the owner.
func TestNewOwner_ErrorsThatNoDestroyHasReturnedFailTheTest(t *testing.T) {
	clean(t)
	broken := errors.New("broken pipe")
	f := run("TestCancels", func(t *fake) {
		app := tethertest.NewOwner(t)
		tether.Own(app, closer(func() error { return broken }))
		app.Cancel(nil)
		<-app.Ended()
	})
	require.Equal(t, `tethertest: NewOwner: the end of owner TestCancels returned an error: broken pipe`, f.message())
	f = run("TestFails", func(t *fake) {
		app := tethertest.NewOwner(t)
		app.GoErr(func(context.Context) error { return broken })
		<-app.Ended()
	})
	require.Equal(t, `tethertest: NewOwner: the end of owner TestFails returned an error: broken pipe`, f.message())
	passed(t, run("TestCancelsAndAsks", func(t *fake) {
		app := tethertest.NewOwner(t)
		tether.Own(app, closer(func() error { return broken }))
		app.Cancel(nil)
		assert.ErrorIs(t, app.Destroy(), broken)
	}))
	require.Zero(t, tethertest.Kept())
}
