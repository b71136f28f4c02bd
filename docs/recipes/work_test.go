package recipes

import (
	"context"
	"errors"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"

	"github.com/seed-ec287111/tether"
	"github.com/seed-ec287111/tether/derive"
	"github.com/seed-ec287111/tether/hook"
	"github.com/seed-ec287111/tether/tethertest"
)

// snippet: workers
func workers(owner *tether.Owner, n int, jobs tether.Source[int], do func(ctx context.Context, job int)) {
	todo := derive.Chan(owner, jobs, 100, tether.Block)
	for range n {
		owner.Go(func(ctx context.Context) {
			for {
				select {
				case job, ok := <-todo:
					if !ok || ctx.Err() != nil {
						return
					}
					do(ctx, job)
				case <-ctx.Done():
					return
				}
			}
		})
	}
}

// end

func TestWorkers(t *testing.T) {
	within(t, func(t *testing.T, owner *tether.Owner) {
		var jobs tether.Signal[int]
		var sum, most, now atomic.Int64
		workers(owner, 4, &jobs, func(_ context.Context, job int) {
			if n := now.Add(1); n > most.Load() {
				most.Store(n)
			}
			time.Sleep(time.Second)
			sum.Add(int64(job))
			now.Add(-1)
		})
		begin := time.Now()
		for job := range 20 {
			jobs.Fire(job)
			synctest.Wait()
		}
		time.Sleep(5*time.Second - time.Since(begin))
		synctest.Wait()
		assert.EqualValues(t, 190, sum.Load())
		assert.EqualValues(t, 4, most.Load())
	})
}

// The jobs may end before the owner of the workers does.
func TestWorkers_EndWithTheJobs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		app := tether.NewOwner("app")
		defer app.Destroy()
		source := app.NewChild("source")
		jobs := tether.NewSignal[int](source)
		var done atomic.Int64
		workers(app, 4, jobs, func(context.Context, int) { done.Add(1) })
		for job := range 10 {
			jobs.Fire(job)
		}
		source.Destroy()
		synctest.Wait()
		assert.EqualValues(t, 10, done.Load())
		assert.Zero(t, app.Stats().Goroutines)
	})
}

// snippet: loop
type Loop struct {
	queue *tether.Queue
	wake  chan struct{}
}

func NewLoop(owner *tether.Owner) *Loop {
	l := &Loop{wake: make(chan struct{}, 1)}
	l.queue = tether.NewQueue(owner, tether.Unbounded, tether.Block, tether.Manual(), tether.Notify(func() {
		select {
		case l.wake <- struct{}{}:
		default: // it is awake
		}
	}))
	return l
}

func (l *Loop) Run(ctx context.Context) {
	for ctx.Err() == nil {
		select {
		case <-l.wake: // something is pending
			l.queue.Drain() // calls handlers, here
		case <-ctx.Done():
		}
	}
}

// end

func TestLoop(t *testing.T) {
	within(t, func(t *testing.T, owner *tether.Owner) {
		var clicked, typed tether.Signal[int]
		l := NewLoop(owner)
		n := 0 // without a lock
		clicked.Connect(owner, func(v int) { n += v }, tether.On(l.queue))
		typed.Connect(owner, func(v int) { n += v }, tether.On(l.queue))
		owner.Go(l.Run)
		for range 100 {
			owner.Go(func(context.Context) { clicked.Fire(1) })
			owner.Go(func(context.Context) { typed.Fire(1) })
		}
		synctest.Wait()
		assert.NoError(t, l.queue.Flush(t.Context()))
		assert.Equal(t, 200, n)
	})
}

// snippet: leak
func TestAutosaveLeavesNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		tethertest.VerifyNone(t) // first: it judges when all else has ended
		owner := tethertest.NewOwner(t)
		var edited tether.Signal[string]
		saved := make(chan string, 1)
		autosave(owner, &edited, func(text string) { saved <- text })

		edited.Fire("hello")
		if got := <-saved; got != "hello" { // a second later, which takes no time
			t.Errorf("saved %q", got)
		}
	})
}

// end

// snippet: retry
func retry(owner *tether.Owner, sending *hook.Chain[string, int], times int) {
	sending.Use(owner, func(ctx context.Context, mail string, next func(context.Context, string) (int, error)) (int, error) {
		for n := 1; ; n++ {
			status, err := next(ctx, mail)
			if err == nil || n == times {
				return status, err
			}
			select {
			case <-time.After(time.Duration(n) * time.Second):
			case <-ctx.Done():
				return status, errors.Join(context.Cause(ctx), err)
			}
		}
	})
}

// end

func TestRetry(t *testing.T) {
	within(t, func(t *testing.T, owner *tether.Owner) {
		var sending hook.Chain[string, int]
		busy := errors.New("busy")
		retry(owner, &sending, 3)
		left := 0
		send := func(context.Context, string) (int, error) {
			if left--; left >= 0 {
				return 450, busy
			}
			return 250, nil
		}
		for failures, want := range []time.Duration{0, time.Second, 3 * time.Second} {
			left = failures
			begin := time.Now()
			status, err := sending.Run(t.Context(), "hello", send)
			assert.NoError(t, err)
			assert.Equal(t, 250, status)
			assert.Equal(t, want, time.Since(begin))
		}
		left = 3
		_, err := sending.Run(t.Context(), "hello", send)
		assert.ErrorIs(t, err, busy)

		left = 3
		owner.AfterFunc(500*time.Millisecond, func() { owner.Cancel(nil) })
		_, err = sending.Run(t.Context(), "hello", send)
		assert.ErrorIs(t, err, tether.ErrDestroyed, "it lets go when its owner ends")
	})
}

// snippet: queue
func subscribe(client *tether.Owner, news tether.Source[string], send func(line string)) *tether.Queue {
	inbox := tether.NewQueue(client, 100, tether.DropOldest)
	news.Connect(client, send, tether.On(inbox))
	return inbox // inbox.Dropped() says how many lines it has missed
}

// end

func TestQueue(t *testing.T) {
	within(t, func(t *testing.T, owner *tether.Owner) {
		var news tether.Signal[string]
		read, got := make(chan bool), 0
		slow := subscribe(owner, &news, func(string) { <-read })
		fast := subscribe(owner, &news, func(string) { got++ })
		for range 201 {
			news.Fire("hello")
			synctest.Wait()
		}
		assert.Equal(t, 201, got)
		assert.Zero(t, fast.Dropped())
		assert.EqualValues(t, 100, slow.Dropped())
		close(read)
		synctest.Wait()
		assert.Zero(t, slow.Len())
	})
}
