package scenario

import (
	"runtime"
	"sync"

	"github.com/seed-ec287111/tether"
	"github.com/seed-ec287111/tether/bench/measure"
	"github.com/seed-ec287111/tether/bench/peers"
)

const (
	queueCapacity = 1024 // of the queue and of the channel it is compared with
	idleQueues    = 100_000
)

// costQueue measures a steady flow from one producer to one consumer, until the
// last value is handled.
func (b *Bench) costQueue() {
	b.alternate(CostQueue,
		variant{Bare, queueCapacity, measure.Timed(func(k int) {
			ch := make(chan int, queueCapacity)
			c := new(peers.Counter)
			var wg sync.WaitGroup
			wg.Go(func() {
				for v := range ch {
					c.Sum += v
				}
			})
			for i := range k {
				ch <- i
			}
			close(ch)
			wg.Wait()
		})},
		variant{One, queueCapacity, measure.Timed(func(k int) {
			app := tether.NewOwner("app")
			c, s := new(peers.Counter), new(tether.Signal[int])
			done := make(chan bool)
			s.Connect(app, func(v int) {
				if c.Sum += v; v == k-1 {
					close(done)
				}
			}, tether.On(tether.NewQueue(app, queueCapacity, tether.Block)))
			for i := range k {
				s.Fire(i)
			}
			<-done
			app.Destroy()
		})})
}

// costIdle measures a value for n queues that have nothing to do, from Fire until
// the last of them has handled it.
func (b *Bench) costIdle(n int) {
	app := tether.NewOwner("app")
	defer app.Destroy()
	var s tether.Signal[int]
	var all sync.WaitGroup
	for range n {
		s.Connect(app, func(int) { all.Done() }, tether.On(tether.NewQueue(app, 16, tether.Block)))
	}
	b.alternate(CostIdle, variant{One, n, measure.Timed(func(k int) {
		for i := range k {
			all.Add(n)
			s.Fire(i)
			all.Wait()
		}
	})})
}

// costIdleThreads counts the goroutines of queues that have nothing to do.
func (b *Bench) costIdleThreads() {
	before := runtime.NumGoroutine()
	app := tether.NewOwner("app")
	defer app.Destroy()
	var s tether.Signal[int]
	for range idleQueues {
		s.Connect(app, func(int) {}, tether.On(tether.NewQueue(app, queueCapacity, tether.Block)))
	}
	b.Book.Add(IdleThreads, One, idleQueues, float64(max(0, runtime.NumGoroutine()-before)))
}
