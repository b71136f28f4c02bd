package main

import (
	"bufio"
	"bytes"
	"io"
	"net"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestTheShowLeavesNothing(t *testing.T) {
	var out bytes.Buffer
	assert.True(t, show(&out, 20, 10*time.Millisecond, nil), "%s", &out)
	assert.Contains(t, out.String(), "\nnothing left\n")
}

func TestASignalStopsTheShow(t *testing.T) {
	signals := make(chan os.Signal, 1)
	signals <- os.Interrupt
	var out bytes.Buffer
	assert.True(t, show(&out, 20, 10*time.Millisecond, signals), "%s", &out)
	assert.Contains(t, out.String(), "\nnothing left\n")
}

func TestASignalStopsServingPeople(t *testing.T) {
	signals := make(chan os.Signal, 1)
	out, w := io.Pipe()
	addr, report, ok := make(chan string, 1), make(chan string, 1), make(chan bool, 1)
	go func() {
		text := bufio.NewReader(out)
		line, _ := text.ReadString('\n')
		addr <- strings.TrimSpace(strings.TrimPrefix(line, "listening on "))
		rest, _ := io.ReadAll(text)
		report <- string(rest)
	}()
	go func() {
		ok <- people(w, "127.0.0.1:0", signals)
		w.Close()
	}()
	conn, err := net.Dial("tcp", <-addr)
	require.NoError(t, err)
	defer conn.Close()

	g := &guest{t, "ann", conn.(*net.TCPConn), bufio.NewReader(conn)}
	require.NoError(t, conn.SetDeadline(time.Now().Add(patience)))
	g.hears("* your name?")
	g.says("ann")
	g.hears("* ann joined")
	signals <- os.Interrupt
	g.leaves(Closing)
	assert.True(t, <-ok)
	assert.Contains(t, <-report, "\nnothing left\n")
}

func TestAnAddressThatIsInUseIsReported(t *testing.T) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer ln.Close()
	var out bytes.Buffer
	assert.False(t, people(&out, ln.Addr().String(), nil))
	assert.Contains(t, out.String(), "address already in use")
}
