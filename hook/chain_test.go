package hook_test

import (
	"context"
	"errors"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/seed-ec287111/tether"
	"github.com/seed-ec287111/tether/hook"
)

func TestRun_LinksChangeWhatGoesInAndWhatComesOut(t *testing.T) {
	app := newApp(t)
	var c hook.Chain[int, string]
	var log []string
	wrap := func(name string, in int) func(context.Context, int, func(context.Context, int) (string, error)) (string, error) {
		return func(ctx context.Context, v int, next func(context.Context, int) (string, error)) (string, error) {
			log = append(log, "before "+name)
			out, err := next(context.WithValue(ctx, key{}, name), v+in)
			log = append(log, "after "+name)
			return name + out, err
		}
	}
	last := func(ctx context.Context, in int) (string, error) {
		log = append(log, "last")
		require.Equal(t, 111, in)
		require.Equal(t, "b", ctx.Value(key{}), "the context that the innermost link has passed on")
		return "!", errBoom
	}
	c.Use(app, wrap("a", 10))
	c.Use(app, wrap("b", 100))
	c.Use(app, wrap("first", 0), tether.Priority(1))
	out, err := c.Run(bg, 1, last)
	require.Equal(t, errBoom, err)
	require.Equal(t, "firstab!", out)
	require.Equal(t, []string{"before first", "before a", "before b", "last", "after b", "after a", "after first"}, log)
	require.Equal(t, 3, c.Len())
}

func TestRun_WithoutLinksIsTheActionAlone(t *testing.T) {
	var c hook.Chain[int, int]
	ctx := context.WithValue(bg, key{}, 1)
	n, err := c.Run(ctx, 5, func(got context.Context, in int) (int, error) {
		require.Equal(t, ctx, got)
		return in + 1, errBoom
	})
	require.Equal(t, 6, n)
	require.Equal(t, errBoom, err)
}

func TestRun_ALinkThatDoesNotGoOnHasTheLastWord(t *testing.T) {
	app := newApp(t)
	var c hook.Chain[int, int]
	c.Use(app, func(context.Context, int, func(context.Context, int) (int, error)) (int, error) { return 3, nil })
	c.Use(app, func(context.Context, int, func(context.Context, int) (int, error)) (int, error) { panic("called") })
	n, err := c.Run(bg, 1, func(context.Context, int) (int, error) { panic("called") })
	require.NoError(t, err)
	require.Equal(t, 3, n)
}

// Other libraries share one cursor among all links, so that a second next finds nothing
// left to call.
func TestRun_NextMayBeCalledAgain(t *testing.T) {
	app := newApp(t)
	var c hook.Chain[int, int]
	tries, inner := 0, 0
	c.Use(app, func(ctx context.Context, in int, next func(context.Context, int) (int, error)) (n int, err error) {
		for range 3 {
			if n, err = next(ctx, in); err == nil {
				break
			}
		}
		return n, err
	})
	c.Use(app, func(ctx context.Context, in int, next func(context.Context, int) (int, error)) (int, error) {
		inner++
		if _, err := next(ctx, in); err != nil {
			return next(ctx, in)
		}
		return in, nil
	})
	_, err := c.Run(bg, 1, func(context.Context, int) (int, error) { tries++; return 0, errBoom })
	require.Equal(t, errBoom, err)
	require.Equal(t, 3, inner)
	require.Equal(t, 6, tries)
}

// watermill's middleware for a time limit leaves its ended context behind, so that a retry
// around it fails at once. Here each try has its own.
func TestRun_ARetryAroundATimeLimitHasItsTimeEachTry(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		app := newApp(t)
		var c hook.Chain[int, int]
		c.Use(app, func(ctx context.Context, in int, next func(context.Context, int) (int, error)) (n int, err error) {
			for range 3 {
				if n, err = next(ctx, in); err == nil {
					break
				}
			}
			return n, err
		})
		c.Use(app, func(ctx context.Context, in int, next func(context.Context, int) (int, error)) (int, error) {
			ctx, cancel := context.WithTimeout(ctx, time.Second)
			defer cancel()
			return next(ctx, in)
		})
		tries := 0
		began := time.Now()
		n, err := c.Run(bg, 7, func(ctx context.Context, in int) (int, error) {
			if tries++; tries < 3 {
				<-ctx.Done()
				return 0, ctx.Err()
			}
			return in, ctx.Err()
		})
		require.NoError(t, err)
		require.Equal(t, 7, n)
		require.Equal(t, 2*time.Second, time.Since(began))
	})
}

func TestRun_ARetryPassesOverWhatHasDiedMeanwhileAndWhatIsNew(t *testing.T) {
	app := newApp(t)
	o := app.NewChild("o")
	var c hook.Chain[int, int]
	calls, late := 0, 0
	pass := func(n *int) func(context.Context, int, func(context.Context, int) (int, error)) (int, error) {
		return func(ctx context.Context, in int, next func(context.Context, int) (int, error)) (int, error) {
			*n++
			return next(ctx, in)
		}
	}
	c.Use(app, func(ctx context.Context, in int, next func(context.Context, int) (int, error)) (int, error) {
		_, _ = next(ctx, in)
		_ = o.Destroy()
		c.Use(app, pass(&late))
		return next(ctx, in)
	}, tether.Priority(1))
	c.Use(o, pass(&calls))
	last := 0
	_, err := c.Run(bg, 1, func(context.Context, int) (int, error) { last++; return 0, nil })
	require.NoError(t, err)
	require.Equal(t, []int{1, 0, 2}, []int{calls, late, last})
}

func TestRun_NextThatIsCalledAfterItsLinkHasReturnedIsAnError(t *testing.T) {
	app := newApp(t)
	var c hook.Chain[int, int]
	var kept nexter
	for _, end := range []func(){func() {}, func() { panic("boom") }} {
		conn := c.Use(app, func(_ context.Context, _ int, next func(context.Context, int) (int, error)) (int, error) {
			kept = next
			end()
			return 0, nil
		})
		func() {
			defer func() { _ = recover() }()
			_, _ = c.Run(bg, 1, answer(1, nil))
		}()
		conn.Disconnect()
		_, err := kept(bg, 1)
		require.EqualError(t, err, "hook: next called after its link has returned")
	}
}

func TestRun_NextMayBeCalledOnOtherGoroutines(t *testing.T) {
	app := newApp(t)
	var c hook.Chain[int, int]
	c.Use(app, func(ctx context.Context, in int, next func(context.Context, int) (int, error)) (int, error) {
		var wg sync.WaitGroup
		var mu sync.Mutex
		sum := 0
		for i := range 8 {
			wg.Go(func() {
				n, err := next(ctx, in+i)
				if err != nil {
					t.Error(err)
				}
				mu.Lock()
				defer mu.Unlock()
				sum += n
			})
		}
		wg.Wait()
		return sum, nil
	})
	o := app.NewChild("o")
	c.Use(o, func(ctx context.Context, in int, next func(context.Context, int) (int, error)) (int, error) {
		return next(ctx, 10*in)
	})
	n, err := c.Run(bg, 1, func(_ context.Context, in int) (int, error) { return in, nil })
	require.NoError(t, err)
	require.Equal(t, 360, n)
	require.NoError(t, o.Destroy())
}

// A link whose owner is destroyed in the middle stops what comes after it, unless it says
// otherwise.
func TestRun_TheEndOfALinksOwnerStopsWhatIsStillToRun(t *testing.T) {
	for _, dispensable := range []bool{false, true} {
		app := newApp(t)
		o := app.NewChild("o")
		var c hook.Chain[int, int]
		c.Use(o, func(ctx context.Context, in int, next func(context.Context, int) (int, error)) (int, error) {
			o.Cancel(errOwner)
			if dispensable {
				ctx = context.WithoutCancel(ctx)
			}
			return next(ctx, in)
		})
		c.Use(app, func(ctx context.Context, in int, next func(context.Context, int) (int, error)) (int, error) {
			return next(ctx, in+1)
		})
		n, err := c.Run(bg, 1, answer2)
		if dispensable {
			require.NoError(t, err)
			require.Equal(t, 4, n)
		} else {
			require.True(t, errors.Is(err, errOwner))
		}
	}
}

func answer2(_ context.Context, in int) (int, error) { return 2 * in, nil }
