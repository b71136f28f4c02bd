package main

import (
	"context"
	"errors"
	"fmt"
	"hash/fnv"
	"os"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/nats-io/nats.go/jetstream"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/seed-ec287111/tether"
	"github.com/seed-ec287111/tether/tethernats"
)

// What docs/cluster.md shows, from "snippet" to "end".

// snippet: idempotent

// A Balance and the number of the last deposit in it. Both change in one transaction.
type Balance struct {
	mu    sync.Mutex // stands for the transaction
	Cents int
	Last  uint64
}

func (b *Balance) Deposit(ctx context.Context, m tethernats.Msg[int]) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	if m.Sequence <= b.Last {
		return nil // it comes again: it is in the balance, and only its ack was lost
	}
	b.Cents, b.Last = b.Cents+m.Value, m.Sequence
	return nil
}

// end

// snippet: partitions

const partitions = 8

// subject puts what belongs together, the deposits of an account, into one partition.
func subject(account string) string {
	h := fnv.New32a()
	h.Write([]byte(account))
	return fmt.Sprintf("bank.%d.deposits", h.Sum32()%partitions)
}

// consume has f handle the partitions all at once, and the messages of each in order.
func consume[T any](owner *tether.Owner, c *tethernats.Conn, f func(context.Context, tethernats.Msg[T]) error) error {
	for p := range partitions {
		only := tethernats.Configure(func(cfg *jetstream.ConsumerConfig) {
			cfg.FilterSubject = fmt.Sprintf("bank.%d.>", p)
		})
		if err := tethernats.Consume(owner, c, "BANK", fmt.Sprint("books-", p), f, only); err != nil {
			return err
		}
	}
	return nil
}

// end

func TestThePageShowsWhatIsTestedHere(t *testing.T) {
	read := func(name string) string {
		text, err := os.ReadFile(name)
		require.NoError(t, err)
		return string(text)
	}
	snippets := make(map[string]string)
	for _, m := range regexp.MustCompile(`(?s)// snippet: (\w+)\n\n(.*?)\n\n// end\n`).FindAllStringSubmatch(read("page_test.go"), -1) {
		snippets[m[1]] = m[2]
	}
	require.Len(t, snippets, 2)
	blocks := regexp.MustCompile("(?s)(?:<!-- snippet: (\\w+) -->\n)?```go\n(.*?)\n```\n").FindAllStringSubmatch(read("../../docs/cluster.md"), -1)
	require.Len(t, blocks, len(snippets))
	for _, m := range blocks {
		assert.Equal(t, snippets[m[1]], m[2], "snippet %q", m[1])
	}
}

// embedded returns a connection to a server of the test, with a stream BANK.
func embedded(t *testing.T) (*tether.Owner, *tethernats.Conn) {
	app := tether.NewOwner("app")
	t.Cleanup(func() { require.NoError(t, app.Destroy()) })
	c, err := tethernats.Embed(app, "", tethernats.OnError(func(error) {}))
	require.NoError(t, err)
	require.NoError(t, c.Stream(context.Background(), "BANK", "bank.>"))
	return app, c
}

func send[T any](t *testing.T, c *tethernats.Conn, subject string, v T) {
	require.NoError(t, tethernats.Send(context.Background(), c, subject, v, tethernats.Stored()))
}

func await(t *testing.T, done <-chan struct{}, what string) {
	select {
	case <-done:
	case <-time.After(patience):
		t.Fatalf("within %v there is not %s", patience, what)
	}
}

func TestADepositThatComesAgainIsInTheBalanceOnce(t *testing.T) {
	app, c := embedded(t)
	var b Balance
	calls := 0
	done := make(chan struct{})
	require.NoError(t, tethernats.Consume(app, c, "BANK", "books", func(ctx context.Context, m tethernats.Msg[int]) error {
		calls++
		if err := b.Deposit(ctx, m); err != nil {
			return err
		}
		if m.Value == 5 && m.Delivered == 1 {
			return errors.New("the ack is lost") // as far as the server knows
		}
		if m.Value == 7 {
			close(done)
		}
		return nil
	}, tethernats.Backoff(0)))
	send(t, c, "bank.deposits", 5)
	send(t, c, "bank.deposits", 7)
	await(t, done, "a second deposit")
	assert.Equal(t, 3, calls)
	assert.Equal(t, 12, b.Cents)
}

func TestPartitionsKeepTheOrderOfEachAccount(t *testing.T) {
	const accounts, deposits = 20, 20
	app, c := embedded(t)
	type deposit struct{ Account, N int }
	var mu sync.Mutex
	last := make(map[int]int)
	handled, running, most := 0, 0, 0
	done := make(chan struct{})
	require.NoError(t, consume(app, c, func(_ context.Context, m tethernats.Msg[deposit]) error {
		mu.Lock()
		defer mu.Unlock()
		if m.Value.N != last[m.Value.Account]+1 {
			t.Errorf("deposit %d of account %d comes after %d", m.Value.N, m.Value.Account, last[m.Value.Account])
		}
		last[m.Value.Account] = m.Value.N
		if handled++; handled == accounts*deposits {
			close(done)
		}
		running++
		most = max(most, running)
		mu.Unlock()
		time.Sleep(time.Millisecond) // work, at which others may be too
		mu.Lock()
		running--
		return nil
	}))
	for n := range deposits {
		for a := range accounts {
			send(t, c, subject(fmt.Sprint(a)), deposit{a, n + 1})
		}
	}
	await(t, done, "every deposit")
	mu.Lock()
	defer mu.Unlock()
	assert.LessOrEqual(t, most, partitions)
	subjects := make(map[string]bool)
	for a := range accounts {
		subjects[strings.Split(subject(fmt.Sprint(a)), ".")[1]] = true
	}
	assert.Greater(t, len(subjects), 1, "partitions in use")
}
