package main

import (
	"fmt"
	"io"
	"net"
	"os"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// flood is enough to fill what the kernel and the lobby keep for a client.
const flood = 600

// tight leaves a slow reader little room.
func tight(l *Limits) { l.Buffer, l.Pending = 32<<10, 16 }

// deaf joins a guest for whom the kernel keeps little.
func (r *room) deaf(name string) *guest {
	g := r.join(name)
	require.NoError(r.t, g.conn.SetReadBuffer(32<<10))
	return g
}

func numbered(i int) string { return fmt.Sprintf("%d %s", i, strings.Repeat("x", 500)) }

func TestASlowReaderLosesLinesThatItIsToldOfAndStallsNobody(t *testing.T) {
	r := open(t, tight)
	slow := r.deaf("slow")
	ann := r.join("ann")
	slow.hears("* ann joined")
	for i := range flood { // each is heard by ann before she goes on
		ann.says(numbered(i))
		ann.hears("ann: " + numbered(i))
	}

	heard, lost, last := 0, 0, -1
	for heard+lost < flood {
		line := slow.line()
		var n, i int
		if _, err := fmt.Sscanf(line, "* %d lines lost", &n); err == nil {
			lost += n
		} else {
			_, err := fmt.Sscanf(line, "ann: %d", &i)
			require.NoError(t, err, "%q", line)
			require.Greater(t, i, last, "out of order")
			heard, last = heard+1, i
		}
	}
	assert.Equal(t, flood, heard+lost)
	assert.Positive(t, lost)
	assert.Equal(t, flood-1, last, "the newest line is never lost")

	ann.says("and now?")
	ann.hears("ann: and now?")
	slow.hears("ann: and now?")
}

func TestWhoeverNeverReadsIsDroppedInTime(t *testing.T) {
	r := open(t, tight, func(l *Limits) { l.Write = 200 * time.Millisecond })
	r.deaf("deaf")
	ann := r.join("ann")
	for i := 0; ; i++ {
		ann.says(numbered(i))
		line := ann.line()
		if line == "* deaf left: too slow a reader" {
			ann.hears("ann: " + numbered(i))
			break
		}
		require.Equal(t, "ann: "+numbered(i), line)
	}
	talk(ann)
}

// What waits for a player when it leaves, or when the lobby closes, it hears before the
// goodbye: here one that reads nothing until then.
func TestTheLastLinesAreHeardBeforeTheGoodbye(t *testing.T) {
	for why, end := range map[Reason]func(r *room, late *guest){
		Closing:  func(r *room, _ *guest) { go r.owner.Destroy() },
		ByChoice: func(_ *room, late *guest) { late.says("/quit") },
		NotText:  func(_ *room, late *guest) { late.says("\xff") },
	} {
		t.Run(string(why), func(t *testing.T) {
			r := open(t, func(l *Limits) { l.Buffer, l.Goodbye = 32<<10, patience })
			late := r.deaf("late")
			ann := r.join("ann")
			late.hears("* ann joined")
			for i := range flood { // more than the kernel holds
				ann.says(numbered(i))
				ann.hears("ann: " + numbered(i))
			}
			end(r, late)
			for len(r.alive()) == 2 {
				runtime.Gosched()
			}
			for i := range flood {
				late.hears("ann: " + numbered(i))
			}
			late.leaves(why)
			if why == Closing {
				ann.leaves(why)
			}
		})
	}
}

// alive returns the players that were not told to go.
func (r *room) alive() (alive []*Player) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for p := range r.players {
		if p.owner.Alive() {
			alive = append(alive, p)
		}
	}
	return alive
}

func TestShutdownEndsClientsInEveryStateAndLeavesNothing(t *testing.T) {
	r := open(t, tight) // with an hour for every write
	r.deaf("deaf")
	ann := r.join("ann")
	for i := range flood { // the write to deaf is stuck from some point on
		ann.says(numbered(i))
		ann.hears("ann: " + numbered(i))
	}
	bob, door, mid := r.join("bob"), r.dial(), r.join("mid")
	ann.hears("* bob joined", "* mid joined")
	bob.hears("* mid joined")
	door.hears("* your name?")
	_, err := io.WriteString(mid.conn, "in the middle of a li")
	require.NoError(t, err)

	r.closeOn(ann, bob, door, mid)
	assert.Equal(t, map[Reason]int{Closing: 5}, r.Gone())
	_, err = net.Dial("tcp", r.Addr().String())
	assert.Error(t, err, "it still listens")
}

// A connection that is accepted while the lobby goes has nobody to serve it, and
// must be closed nevertheless.
func TestShutdownLosesNoConnectionThatComesMeanwhile(t *testing.T) {
	for range 20 {
		r := open(t)
		var dialing sync.WaitGroup
		first := make(chan struct{}, 1)
		for range 8 {
			dialing.Go(func() {
				for {
					conn, err := net.Dial("tcp", r.Addr().String())
					if err != nil {
						return
					}
					_ = conn.SetDeadline(time.Now().Add(patience))
					_, err = io.WriteString(conn, "\n") // a bad name: it is dropped at once
					if err == nil {
						_, err = io.Copy(io.Discard, conn)
					}
					conn.Close()
					assert.NotErrorIs(t, err, os.ErrDeadlineExceeded, "never closed")
					select {
					case first <- struct{}{}:
					default:
					}
				}
			})
		}
		<-first
		r.close()
		dialing.Wait()
	}
}
