package tetherwatermill_test

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/ThreeDotsLabs/watermill/message"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/seed-ec287111/tether"
	"github.com/seed-ec287111/tether/tetherwatermill"
)

// subscribed runs a test in a bubble, with an owner that has b's messages given to f.
func subscribed(t *testing.T, make func() *broker, f func(b *broker) handler, test func(b *broker, app *tether.Owner), opts ...tetherwatermill.SubscribeOption) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		b := make()
		app := tether.NewOwner("app", tether.WithPanicHandler(func(e *tether.PanicError) {
			b.note("panic: %v", e.Value)
		}))
		opts := append([]tetherwatermill.SubscribeOption{b.errors()}, opts...)
		require.NoError(t, tetherwatermill.Subscribe(app, b, "topic", f(b), opts...))
		test(b, app)
		require.NoError(t, app.Destroy())
		assert.Zero(t, app.Stats())
	})
}

func TestAMessageIsAckedWhenItsHandlerHasReturned(t *testing.T) {
	subscribed(t, func() *broker { return newBroker("a", "b", "c") },
		func(b *broker) handler {
			return func(ctx context.Context, m *message.Message) error {
				b.note("%s begins", m.Payload)
				time.Sleep(time.Second)
				b.note("%s is done", m.Payload)
				assert.NoError(t, ctx.Err())
				return nil
			}
		},
		func(b *broker, app *tether.Owner) {
			time.Sleep(time.Hour)
			assert.Equal(t, []string{
				"a begins", "a is done", "a acked", "b begins", "b is done", "b acked", "c begins", "c is done", "c acked",
			}, b.happened())
		})
}

func TestAMessageThatFailsIsNackedAfterAWhileAndComesAgainBeforeTheNext(t *testing.T) {
	calls := 0
	subscribed(t, func() *broker { return newBroker("a", "b") },
		func(b *broker) handler {
			return func(_ context.Context, m *message.Message) error {
				calls++
				b.note("%s at %v", m.Payload, time.Since(b.began))
				switch calls {
				case 1, 2, 3, 5, 6:
					return errors.New("not yet")
				}
				return nil
			}
		},
		func(b *broker, app *tether.Owner) {
			time.Sleep(time.Hour)
			assert.Equal(t, []string{
				"a at 0s", "error: not yet", "a nacked",
				"a at 10ms", "error: not yet", "a nacked",
				"a at 30ms", "error: not yet", "a nacked",
				"a at 60ms", "a acked", // not 70: 30 ms is the most
				"b at 60ms", "error: not yet", "b nacked",
				"b at 70ms", "error: not yet", "b nacked",
				"b at 90ms", "b acked",
			}, b.happened())
		},
		tetherwatermill.Backoff(10*time.Millisecond, 30*time.Millisecond))
}

func TestTheWaitBeforeANackEndsAtTheCutOff(t *testing.T) {
	subscribed(t, func() *broker { return newBroker("a", "b") },
		func(*broker) handler {
			return func(context.Context, *message.Message) error { return errors.New("never") }
		},
		func(b *broker, app *tether.Owner) {
			synctest.Wait()
			assert.Equal(t, []string{"error: never"}, b.happened())
			app.Destroy()
			assert.Less(t, time.Since(b.began), time.Second)
			assert.Equal(t, []string{"a nacked", "ended"}, b.happened())
		},
		tetherwatermill.Backoff(time.Hour, time.Hour))
}

func TestASupervisedPanicNacksAndTheSubscriptionGoesOn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBroker("a", "b")
		var panics []*tether.PanicError
		app := tether.NewOwner("app", tether.WithPanicHandler(func(e *tether.PanicError) { panics = append(panics, e) }))
		calls := 0
		require.NoError(t, tetherwatermill.Subscribe(app, b, "topic", func(_ context.Context, m *message.Message) error {
			if calls++; calls == 1 {
				panic("at first")
			}
			return nil
		}, b.errors()))
		time.Sleep(time.Second)
		assert.Equal(t, []string{"a nacked", "a acked", "b acked"}, b.happened())
		app.Destroy()
		require.Len(t, panics, 1)
		assert.Equal(t, "at first", panics[0].Value)
		assert.Equal(t, "app/topic", panics[0].Owner)
		assert.Contains(t, panics[0].Func, "TestASupervisedPanicNacksAndTheSubscriptionGoesOn")
		assert.Equal(t, "a", string(panics[0].Fired.(*message.Message).Payload))
	})
}

func TestAHandlerThatEndsItsGoroutineEndsTheSubscription(t *testing.T) {
	subscribed(t, func() *broker { return newBroker("a") },
		func(*broker) handler {
			return func(context.Context, *message.Message) error { runtime.Goexit(); return nil }
		},
		func(b *broker, app *tether.Owner) {
			time.Sleep(time.Hour)
			got := b.happened()
			require.Len(t, got, 3)
			assert.ElementsMatch(t, []string{"a nacked", "ended"}, got[:2])
			assert.Equal(t, "error: "+tetherwatermill.ErrClosed.Error(), got[2])
			assert.Equal(t, tether.Stats{Owners: 1}, app.Stats())
		})
}

func TestWhatIsRefusedIsAckedWhenOnErrorHasHadIt(t *testing.T) {
	subscribed(t, func() *broker { return newBroker("a", "b") },
		func(b *broker) handler {
			return func(_ context.Context, m *message.Message) error {
				if string(m.Payload) == "a" {
					return fmt.Errorf("no use: %w", tetherwatermill.Refuse(errors.New("bad")))
				}
				return nil
			}
		},
		func(b *broker, app *tether.Owner) {
			synctest.Wait()
			assert.Equal(t, []string{"error: no use: bad", "a acked", "b acked"}, b.happened())
		})
}

func TestWhereOnErrorPanicsARefusedMessageIsNotAcked(t *testing.T) {
	calls := 0
	subscribed(t, func() *broker { return newBroker("a") },
		func(*broker) handler {
			return func(context.Context, *message.Message) error { return tetherwatermill.Refuse(errors.New("bad")) }
		},
		func(b *broker, app *tether.Owner) {
			time.Sleep(time.Second)
			assert.Equal(t, []string{"panic: the dead letters are full", "a nacked", "a acked"}, b.happened())
		},
		tetherwatermill.OnError(func(e *tetherwatermill.Error) {
			if calls++; calls == 1 {
				panic("the dead letters are full")
			}
		}))
}

func TestDestroyWaitsForTheHandlerThenForItsAckThenForTheSubscriber(t *testing.T) {
	subscribed(t, func() *broker {
		b := newBroker("a", "b")
		b.accept = 2 * time.Second
		return b
	},
		func(b *broker) handler {
			return func(ctx context.Context, m *message.Message) error {
				<-ctx.Done()
				assert.ErrorIs(t, context.Cause(ctx), tether.ErrDestroyed)
				time.Sleep(time.Second)
				b.note("%s is done", m.Payload)
				return nil
			}
		},
		func(b *broker, app *tether.Owner) {
			synctest.Wait()
			require.NoError(t, app.Destroy())
			assert.Equal(t, 3*time.Second, time.Since(b.began))
			got := b.happened()
			if len(got) > 2 && got[2] == "b nacked" { // it may have been delivered
				got = append(got[:2], got[3:]...)
			}
			assert.Equal(t, []string{"a is done", "a acked", "ended"}, got)
		})
}

func TestDestroyWaitsForTheAckOfTheLastMessageThoughNoHandlerRuns(t *testing.T) {
	subscribed(t, func() *broker {
		b := newBroker("a")
		b.accept = 2 * time.Second
		return b
	},
		func(b *broker) handler {
			return func(context.Context, *message.Message) error { return nil }
		},
		func(b *broker, app *tether.Owner) {
			synctest.Wait()
			assert.Empty(t, b.happened(), "the ack is under way")
			app.Destroy()
			assert.Equal(t, []string{"a acked", "ended"}, b.happened())
		})
}

func TestDestroyGivesUpOnAnAckAfterTheTimeout(t *testing.T) {
	for _, c := range []struct {
		name string
		mute bool
		want time.Duration
	}{
		{"that does not come", false, 7 * time.Second},
		{"that nobody could tell of", true, 100 * time.Millisecond},
	} {
		t.Run(c.name, func(t *testing.T) {
			subscribed(t, func() *broker {
				b := newBroker("a")
				b.accept = time.Hour
				b.mute = c.mute
				return b
			},
				func(b *broker) handler {
					return func(context.Context, *message.Message) error { return nil }
				},
				func(b *broker, app *tether.Owner) {
					synctest.Wait()
					app.Destroy()
					assert.Equal(t, c.want, time.Since(b.began))
					assert.Equal(t, []string{"a acked too late", "ended"}, b.happened())
				},
				tetherwatermill.Timeout(7*time.Second))
		})
	}
}

// A subscriber whose channel has room may have delivered what nobody has begun.
type prefetched struct {
	*broker
	messages []*message.Message
}

func (p *prefetched) Subscribe(ctx context.Context, _ string) (<-chan *message.Message, error) {
	out := make(chan *message.Message, len(p.messages))
	for _, m := range p.messages {
		out <- m
	}
	context.AfterFunc(ctx, func() { close(out) })
	return out, nil
}

func TestWhatWasDeliveredAndNotBegunIsNackedAtTheEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := &prefetched{broker: newBroker()}
		for i := range 100 {
			p.messages = append(p.messages, message.NewMessage(fmt.Sprint(i), nil))
		}
		app := tether.NewOwner("app")
		handled := 0
		require.NoError(t, tetherwatermill.Subscribe(app, p, "topic", func(ctx context.Context, m *message.Message) error {
			if handled++; handled == 3 {
				<-ctx.Done()
			}
			return nil
		}))
		synctest.Wait()
		app.Destroy()
		assert.Equal(t, 3, handled)
		for i, m := range p.messages {
			select {
			case <-m.Acked():
				assert.Less(t, i, 3)
			case <-m.Nacked():
				assert.GreaterOrEqual(t, i, 3)
			default:
				assert.Fail(t, "neither acked nor nacked", "%d", i)
			}
		}
	})
}

func TestAHandlerThatReturnsTheEndOfItsOwnerIsNackedWithoutAReport(t *testing.T) {
	subscribed(t, func() *broker { return newBroker("a") },
		func(b *broker) handler {
			return func(ctx context.Context, m *message.Message) error {
				<-ctx.Done()
				return context.Cause(ctx)
			}
		},
		func(b *broker, app *tether.Owner) {
			synctest.Wait()
			app.Destroy()
			assert.Equal(t, []string{"a nacked", "ended"}, b.happened())
		})
}

func TestAHandlerMayDestroyItsOwner(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBroker("a", "b")
		app := tether.NewOwner("app")
		require.NoError(t, tetherwatermill.Subscribe(app, b, "topic", func(context.Context, *message.Message) error {
			assert.ErrorIs(t, app.Destroy(), tether.ErrPending)
			return nil
		}))
		<-app.Ended()
		assert.Contains(t, [][]string{{"a acked", "ended"}, {"a acked", "b nacked", "ended"}}, b.happened())
	})
}

func TestDestroyContextNamesAHandlerThatDoesNotReturn(t *testing.T) {
	release := make(chan struct{})
	b := newBroker("a")
	app := tether.NewOwner("app")
	began := make(chan struct{})
	require.NoError(t, tetherwatermill.Subscribe(app, b, "topic", func(context.Context, *message.Message) error {
		close(began)
		<-release
		return nil
	}))
	<-began
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	var pending *tether.PendingError
	require.ErrorAs(t, app.DestroyContext(ctx), &pending)
	assert.Contains(t, pending.Error(), "TestDestroyContextNamesAHandlerThatDoesNotReturn")
	close(release)
	require.NoError(t, app.Destroy())
}

// many is a subscriber with as many lines as messages.
type many struct{ *broker }

func (m many) Subscribe(ctx context.Context, topic string) (<-chan *message.Message, error) {
	out := make(chan *message.Message)
	left := atomic.Int64{}
	left.Store(10)
	for range 10 {
		go func() {
			select {
			case line := <-m.lines:
				m.deliver(ctx, line, out)
				<-ctx.Done()
			case <-ctx.Done():
			}
			if left.Add(-1) == 0 {
				close(out)
			}
		}()
	}
	return out, nil
}

func TestConcurrencyIsHowManyAreHandledAtOnce(t *testing.T) {
	for _, n := range []int{1, 3, 10, 20} {
		t.Run(fmt.Sprint(n), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				b := newBroker("a", "b", "c", "d", "e", "f", "g", "h", "i", "j")
				b.accept = time.Second
				app := tether.NewOwner("app")
				var running atomic.Int64
				require.NoError(t, tetherwatermill.Subscribe(app, many{b}, "topic", func(ctx context.Context, m *message.Message) error {
					running.Add(1)
					<-ctx.Done()
					return nil
				}, tetherwatermill.Concurrency(n)))
				synctest.Wait()
				assert.EqualValues(t, min(n, 10), running.Load())
				app.Destroy()
				assert.EqualValues(t, min(n, 10), running.Load(), "handled in all")
				acked := 0
				for _, note := range b.happened() {
					if strings.HasSuffix(note, " acked") {
						acked++
					} else {
						assert.NotContains(t, note, "too late")
					}
				}
				assert.Equal(t, min(n, 10), acked, "acks accepted before Destroy returned")
			})
		})
	}
}

func TestIfTheSubscriberClosesTheSubscriptionItsOwnerEndsAndOnErrorHears(t *testing.T) {
	subscribed(t, func() *broker { return newBroker("a") },
		func(b *broker) handler {
			return func(context.Context, *message.Message) error { return nil }
		},
		func(b *broker, app *tether.Owner) {
			synctest.Wait()
			assert.Equal(t, tether.Stats{Owners: 2, Connections: 1, Goroutines: 1, Cleanups: 1}, app.Stats())
			b.Close()
			synctest.Wait()
			assert.Equal(t, []string{"a acked", "ended", "error: " + tetherwatermill.ErrClosed.Error()}, b.happened())
			assert.Equal(t, tether.Stats{Owners: 1}, app.Stats())
		})
}

// A door is a subscriber that does not get as far as a channel.
type door struct {
	err error
	nil bool // no channel and no error
}

func (d door) Subscribe(ctx context.Context, _ string) (<-chan *message.Message, error) {
	switch {
	case d.nil:
		return nil, nil
	case d.err != nil:
		return nil, d.err
	}
	<-ctx.Done()
	return nil, context.Cause(ctx)
}

func (door) Close() error { return nil }

func nothing(context.Context, *message.Message) error { return nil }

func TestASubscribeThatFailsLeavesNothing(t *testing.T) {
	app := tether.NewOwner("app")
	defer app.Destroy()
	refused := errors.New("refused")
	assert.Equal(t, refused, tetherwatermill.Subscribe(app, door{err: refused}, "topic", nothing))
	assert.ErrorContains(t, tetherwatermill.Subscribe(app, door{nil: true}, "topic", nothing), "no channel")
	assert.Equal(t, tether.Stats{Owners: 1}, app.Stats())
}

func TestASubscribeThatWaitsLetsGoWhenItsOwnerIsCutOff(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		app := tether.NewOwner("app")
		failed := make(chan error)
		go func() { failed <- tetherwatermill.Subscribe(app, door{}, "topic", nothing) }()
		synctest.Wait()
		app.Destroy()
		assert.ErrorIs(t, <-failed, context.Canceled)
		assert.Zero(t, app.Stats())
	})
}

func TestADeadOwnerSubscribesToNothing(t *testing.T) {
	app := tether.NewOwner("app")
	why := errors.New("why")
	app.Cancel(why)
	assert.Equal(t, why, tetherwatermill.Subscribe(app, door{err: errors.New("called")}, "topic", nothing))
	require.NoError(t, app.Destroy())
}

type valueKey struct{}

func TestTheContextHasTheValuesOfTheMessagesAndOfTheOwners(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(context.WithValue(context.Background(), valueKey{}, "a value"))
		defer cancel()
		app := tether.NewOwner("app", tether.WithContext(ctx))
		b := newBroker("a")
		require.NoError(t, tetherwatermill.Subscribe(app, b, "topic", func(ctx context.Context, m *message.Message) error {
			assert.Equal(t, "a value", ctx.Value(valueKey{}))
			return nil
		}))
		synctest.Wait()
		assert.Equal(t, []string{"a acked"}, b.happened())
		app.Destroy()
	})
}

// A late subscriber has a channel although its context has ended meanwhile.
type late struct {
	*prefetched
	before func()
}

func (l late) Subscribe(ctx context.Context, topic string) (<-chan *message.Message, error) {
	l.before()
	return l.prefetched.Subscribe(ctx, topic)
}

func TestAnOwnerThatEndsDuringTheSubscribeHandlesNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		app := tether.NewOwner("app")
		m := message.NewMessage("a", nil)
		sub := late{&prefetched{newBroker(), []*message.Message{m}}, func() { app.Destroy() }}
		require.NoError(t, tetherwatermill.Subscribe(app, sub, "topic", func(context.Context, *message.Message) error {
			assert.Fail(t, "handled")
			return nil
		}))
		<-m.Nacked()
		assert.Zero(t, app.Stats())
	})
}
