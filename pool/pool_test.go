package pool_test

import (
	"context"
	"errors"
	"runtime"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/seed-ec287111/tether"
	"github.com/seed-ec287111/tether/pool"
)

func TestAcquire_AnItemThatWasReleasedIsResetAndLentAgain(t *testing.T) {
	f, app, p := things(t)
	a := acquire(t, p, app)
	b := acquire(t, p, app)
	require.NotSame(t, a.Value(), b.Value())
	require.Equal(t, pool.Stats{Leased: 2, Made: 2}, p.Stats())
	th := a.Value()
	require.True(t, a.Release())
	require.Equal(t, pool.Stats{Leased: 1, Idle: 1, Made: 2}, p.Stats())
	require.Equal(t, 1, th.reset)
	require.Same(t, th, acquire(t, p, app).Value())
	require.Len(t, f.things, 2)
}

func TestAcquire_TheItemThatCameBackLastIsLentFirst(t *testing.T) {
	_, app, p := things(t)
	a, b := acquire(t, p, app), acquire(t, p, app)
	first, last := a.Value(), b.Value()
	a.Release()
	b.Release()
	require.Same(t, last, acquire(t, p, app).Value())
	require.Same(t, first, acquire(t, p, app).Value())
}

func TestLease_EndsOnceAndIsOfNoUseAfter(t *testing.T) {
	for name, end := range map[string]func(*pool.Lease[*thing], *tether.Owner){
		"Release": func(l *pool.Lease[*thing], _ *tether.Owner) { l.Release() },
		"Discard": func(l *pool.Lease[*thing], _ *tether.Owner) { l.Discard() },
		"Destroy": func(_ *pool.Lease[*thing], o *tether.Owner) { o.Destroy() },
		"Cancel":  func(_ *pool.Lease[*thing], o *tether.Owner) { o.Cancel(nil); <-o.Ended() },
	} {
		t.Run(name, func(t *testing.T) {
			_, app, p := things(t, pool.Limit(1))
			owner := app.NewChild("owner")
			stale := acquire(t, p, owner)
			end(stale, owner)
			next := acquire(t, p, app)
			require.PanicsWithValue(t, "pool: Value of a Lease that has ended", func() { stale.Value() })
			require.False(t, stale.Release())
			require.False(t, stale.Discard())
			owner.Destroy()
			// The item is still the next one's.
			require.Equal(t, 1, p.Stats().Leased)
			require.NotPanics(t, func() { next.Value() })
			require.True(t, next.Release())
			conserved(t, p, 1)
		})
	}
}

func TestLease_TheItemComesBackWhenNothingOfItsOwnerUsesItAnyMore(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_, app, p := things(t)
		owner := app.NewChild("owner")
		l := acquire(t, p, owner)
		th := l.Value()
		release := make(chan bool)
		owner.Go(func(context.Context) {
			<-release
			l.Value().used++
		})
		owner.Defer(func() { l.Value().used++ }) // registered later, runs before
		go owner.Destroy()
		synctest.Wait()
		require.False(t, owner.Alive())
		require.Equal(t, 1, p.Stats().Leased, "in use")
		close(release)
		<-owner.Ended()
		require.Equal(t, pool.Stats{Idle: 1, Made: 1}, p.Stats())
		require.Equal(t, thing{id: 1, used: 2, reset: 1}, *th)
	})
}

func TestLease_AReleasedOneLeavesNoTraceInItsOwner(t *testing.T) {
	_, app, p := things(t)
	owner := app.NewChild("owner")
	before := owner.Stats()
	a, b := acquire(t, p, owner), acquire(t, p, owner)
	require.Equal(t, before.Cleanups+2, owner.Stats().Cleanups)
	a.Release()
	b.Discard()
	require.Equal(t, before, owner.Stats())
}

func TestLease_ADiscardedItemMakesRoomForANewOne(t *testing.T) {
	_, app, p := things(t, pool.Limit(1))
	l := acquire(t, p, app)
	th := l.Value()
	require.True(t, l.Discard())
	require.Equal(t, thing{id: 1, dispose: 1}, *th)
	require.Equal(t, pool.Stats{Made: 1, Disposed: 1}, p.Stats())
	require.Equal(t, 2, acquire(t, p, app).Value().id)
}

func TestPrewarm_MakesItemsInAdvance(t *testing.T) {
	f, app, p := things(t, pool.Prewarm(3), pool.Limit(3))
	require.Equal(t, pool.Stats{Idle: 3, Made: 3}, p.Stats())
	acquire(t, p, app)
	require.Len(t, f.things, 3)
	require.Zero(t, f.things[0].reset, "what is new needs no reset")
}

func TestPrewarm_StopsAtAnErrorWhichTheNextAcquireMeets(t *testing.T) {
	app := tether.NewOwner("app")
	defer app.Destroy()
	full := errors.New("full")
	n := 0
	p := pool.New(app, func() (int, error) {
		if n == 2 {
			return 0, full
		}
		n++
		return n, nil
	}, pool.Prewarm(4), pool.Limit(4))
	require.Equal(t, pool.Stats{Idle: 2, Made: 2}, p.Stats())
	acquire(t, p, app)
	acquire(t, p, app)
	for range 10 {
		_, err := p.Acquire(t.Context(), app)
		require.Equal(t, full, err)
	}
	n = 0
	acquire(t, p, app)
	conserved(t, p, 4)
}

func TestAcquire_AnEndedContextOrOwnerRefusesAtOnce(t *testing.T) {
	f, app, p := things(t, pool.Prewarm(1))
	why := errors.New("why")
	ctx, cancel := context.WithCancelCause(t.Context())
	cancel(why)
	_, err := p.Acquire(ctx, app)
	require.Equal(t, why, err)
	owner := app.NewChild("owner")
	owner.Cancel(why)
	_, err = p.Acquire(t.Context(), owner)
	require.Equal(t, why, err)
	require.Equal(t, pool.Stats{Idle: 1, Made: 1}, p.Stats())
	require.Len(t, f.things, 1)
}

func TestAcquire_WaitersAreServedInOrderAndNobodyOvertakes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_, app, p := things(t, pool.Limit(2))
		a, b := acquire(t, p, app), acquire(t, p, app)
		var order []int
		var leases []*pool.Lease[*thing]
		for i := range 4 {
			go func() {
				l := acquire(t, p, app)
				order = append(order, i)
				leases = append(leases, l)
			}()
			synctest.Wait()
			conserved(t, p, 2)
		}
		require.Equal(t, 4, p.Stats().Waiting)
		a.Release()
		synctest.Wait()
		b.Discard() // a slot is as good
		synctest.Wait()
		require.Equal(t, []int{0, 1}, order)
		conserved(t, p, 2)
		for i := range 2 {
			leases[i].Release()
			synctest.Wait()
			require.Equal(t, 2+i, order[2+i])
		}
		require.Equal(t, pool.Stats{Leased: 2, Made: 3, Disposed: 1}, p.Stats())
	})
}

func TestAcquire_AWaitEndsWithContextOwnerAndPool(t *testing.T) {
	why := errors.New("why")
	for name, test := range map[string]struct {
		end  func(cancel context.CancelCauseFunc, owner, home *tether.Owner)
		want []error
	}{
		"context":           {func(c context.CancelCauseFunc, _, _ *tether.Owner) { c(why) }, []error{why}},
		"owner's Cancel":    {func(_ context.CancelCauseFunc, o, _ *tether.Owner) { o.Cancel(why) }, []error{why}},
		"owner's Destroy":   {func(_ context.CancelCauseFunc, o, _ *tether.Owner) { o.Destroy() }, []error{tether.ErrDestroyed}},
		"the pool's Cancel": {func(_ context.CancelCauseFunc, _, h *tether.Owner) { h.Cancel(why) }, []error{pool.ErrClosed, why}},
		"the pool's Destroy": {func(_ context.CancelCauseFunc, _, h *tether.Owner) { h.Destroy() },
			[]error{pool.ErrClosed, tether.ErrDestroyed}},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				f := new(factory)
				app := tether.NewOwner("app")
				defer app.Destroy()
				home, owner := app.NewChild("home"), app.NewChild("owner")
				p := pool.New(home, f.make, pool.Limit(1), pool.Dispose(dispose))
				held := acquire(t, p, app)
				ctx, cancel := context.WithCancelCause(t.Context())
				defer cancel(nil)
				// Inside a handler of the owner's, which Destroy waits for.
				var s tether.Signal[int]
				var err error
				s.Connect(owner, func(int) { _, err = p.Acquire(ctx, owner) })
				go s.Fire(1)
				synctest.Wait()
				require.Equal(t, 1, p.Stats().Waiting)
				test.end(cancel, owner, home)
				synctest.Wait()
				for _, want := range test.want {
					require.ErrorIs(t, err, want)
				}
				require.Zero(t, p.Stats().Waiting)
				require.True(t, held.Release())
				conserved(t, p, 1)
			})
		})
	}
}

func TestAcquire_AWaitHasATimeout(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_, app, p := things(t, pool.Limit(1))
		acquire(t, p, app)
		begin := time.Now()
		ctx, cancel := context.WithTimeout(t.Context(), time.Hour)
		defer cancel()
		_, err := p.Acquire(ctx, app)
		require.ErrorIs(t, err, context.DeadlineExceeded)
		require.Equal(t, time.Hour, time.Since(begin))
	})
}

func TestAcquire_AnItemHandedToAWaitThatHasEndedGoesOn(t *testing.T) {
	// The context ends and the item comes back before the waiter runs: in a
	// bubble on one processor it finds both.
	for _, end := range []string{"Release", "Discard"} {
		for _, first := range []string{"context", "item"} {
			t.Run(end+", first the "+first, func(t *testing.T) {
				defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(1))
				for range 50 {
					synctest.Test(t, func(t *testing.T) {
						_, app, p := things(t, pool.Limit(1))
						held := acquire(t, p, app)
						ctx, cancel := context.WithCancel(t.Context())
						var lost, next *pool.Lease[*thing]
						go func() { lost, _ = p.Acquire(ctx, app) }()
						synctest.Wait()
						go func() { next, _ = p.Acquire(t.Context(), app) }()
						synctest.Wait()
						if first == "context" {
							cancel()
						}
						if end == "Release" {
							held.Release()
						} else {
							held.Discard()
						}
						cancel()
						synctest.Wait()
						if lost != nil {
							require.Nil(t, next)
							lost.Release()
							synctest.Wait()
						}
						require.NotNil(t, next, "a wake-up was lost")
						next.Release()
						require.Equal(t, 1, p.Stats().Idle)
						conserved(t, p, 1)
					})
				}
			})
		}
	}
}

func TestPool_ADeadOneDisposesOfIdleItemsAtOnceAndOfOthersWhenTheyComeBack(t *testing.T) {
	f, app, _ := things(t)
	home := app.NewChild("home")
	p := pool.New(home, f.make, pool.Prewarm(3), pool.Reset(reset), pool.Dispose(dispose))
	l := acquire(t, p, app)
	below := acquire(t, p, home.NewChild("below")).Value()
	th := l.Value()
	require.NoError(t, home.Destroy())
	require.Equal(t, pool.Stats{Leased: 1, Made: 3, Disposed: 2}, p.Stats())
	require.Equal(t, 1, below.dispose, "came back while home unwound")
	_, err := p.Acquire(t.Context(), app)
	require.ErrorIs(t, err, pool.ErrClosed)
	require.ErrorIs(t, err, tether.ErrDestroyed)
	require.Equal(t, th, l.Value(), "on loan")
	l.Release()
	require.Equal(t, pool.Stats{Made: 3, Disposed: 3}, p.Stats())
	for _, th := range f.things {
		require.Equal(t, 1, th.dispose)
		require.Zero(t, th.reset)
	}
}

func TestPool_OfADeadOwnerIsBornClosed(t *testing.T) {
	f := new(factory)
	app := tether.NewOwner("app")
	app.Destroy()
	p := pool.New(app, f.make, pool.Prewarm(3))
	require.Equal(t, pool.Stats{}, p.Stats())
	other := tether.NewOwner("other")
	defer other.Destroy()
	_, err := p.Acquire(t.Context(), other)
	require.ErrorIs(t, err, pool.ErrClosed)
	require.Empty(t, f.things)
}

func TestAcquire_AnOwnerThatDiesWhileItsItemIsMadeGetsNone(t *testing.T) {
	app := tether.NewOwner("app")
	defer app.Destroy()
	owner := app.NewChild("owner")
	p := pool.New(app, func() (int, error) {
		owner.Destroy()
		return 1, nil
	}, pool.Limit(1))
	l, err := p.Acquire(t.Context(), owner)
	require.Equal(t, tether.ErrDestroyed, err)
	require.Nil(t, l)
	require.Equal(t, pool.Stats{Idle: 1, Made: 1}, p.Stats())
}
