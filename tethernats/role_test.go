package tethernats_test

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/stretchr/testify/require"

	"github.com/seed-ec287111/tether"
	"github.com/seed-ec287111/tether/tethernats"
)

// roleVariable names what this test binary is to do, in another process, in place of testing.
const roleVariable = "TETHERNATS_ROLE"

// roles are what it can do, until standard input ends. They speak in lines.
var roles = map[string]func(app *tether.Owner, say func(...any)) error{
	"server":    serverRole,
	"consumer":  consumerRole,
	"publisher": publisherRole,
	"peer":      peerRole,
}

// playRole is the main of another process. It ends as a program should: by Destroy.
func playRole(name string) int {
	play, ok := roles[name]
	if !ok {
		fmt.Fprintln(os.Stderr, "no such role:", name)
		return 2
	}
	out := bufio.NewWriter(os.Stdout)
	lines := make(chan string, 1000)
	written := make(chan struct{})
	go func() {
		defer close(written)
		for line := range lines {
			fmt.Fprintln(out, line)
			if len(lines) == 0 {
				out.Flush()
			}
		}
	}()
	say := func(words ...any) { lines <- strings.TrimSuffix(fmt.Sprintln(words...), "\n") }
	err := tether.Run(context.Background(), name, func(app *tether.Owner) error {
		if err := play(app, say); err != nil {
			return err
		}
		_, err := io.Copy(io.Discard, os.Stdin)
		return err
	})
	if err != nil {
		say("failed", err)
	}
	say("over")
	close(lines)
	<-written
	if err != nil {
		return 1
	}
	return 0
}

// variable returns an integer from the environment.
func variable(name string) int {
	n, err := strconv.Atoi(os.Getenv(name))
	if err != nil {
		panic(name + ": " + err.Error())
	}
	return n
}

func serverRole(app *tether.Owner, say func(...any)) error {
	c, err := tethernats.Embed(app, os.Getenv("DIR"), tethernats.Listen("127.0.0.1", variable("PORT")),
		tethernats.Server(func(o *server.Options) { o.ServerName = "tether-test" }))
	if err != nil {
		return err
	}
	say("url", c.URL())
	return nil
}

// A process is another one, that plays a role.
type process struct {
	t     *testing.T
	cmd   *exec.Cmd
	stdin io.Closer
	lines chan string // closed at its end
	done  chan struct{}
}

// start starts a process, which is killed at the end of the test at the latest.
func start(t *testing.T, role string, env ...string) *process {
	t.Helper()
	exe, err := os.Executable()
	require.NoError(t, err)
	p := &process{t: t, cmd: exec.Command(exe), lines: make(chan string, 1_000_000), done: make(chan struct{})}
	p.cmd.Env = append(append(os.Environ(), roleVariable+"="+role), env...)
	p.cmd.Stderr = os.Stderr
	out, err := p.cmd.StdoutPipe()
	require.NoError(t, err)
	p.stdin, err = p.cmd.StdinPipe()
	require.NoError(t, err)
	require.NoError(t, p.cmd.Start())
	go func() {
		defer close(p.done)
		for in := bufio.NewScanner(out); in.Scan(); {
			p.lines <- in.Text()
		}
		_ = p.cmd.Wait() // it may have been killed
		close(p.lines)
	}()
	t.Cleanup(p.kill)
	return p
}

// kill ends the process as a crash does.
func (p *process) kill() {
	_ = p.cmd.Process.Kill() // it may have ended
	<-p.done
}

// end has the process end as it should, and returns what it has said meanwhile.
func (p *process) end() (said []string) {
	p.t.Helper()
	require.NoError(p.t, p.stdin.Close())
	next(p.t, p.done)
	for line := range p.lines {
		said = append(said, line)
	}
	require.NotEmpty(p.t, said)
	require.Equal(p.t, "over", said[len(said)-1], "%v", said)
	require.Zero(p.t, p.cmd.ProcessState.ExitCode(), "%v", said)
	return said
}

// word returns the rest of the next line that begins with first. Others are dropped.
func (p *process) word(first string) string {
	p.t.Helper()
	for {
		select {
		case line, ok := <-p.lines:
			require.True(p.t, ok, "the process ended before it said %q", first)
			if rest, ok := strings.CutPrefix(line, first+" "); ok {
				return rest
			}
			require.False(p.t, strings.HasPrefix(line, "failed"), line)
		case <-time.After(hang):
			require.FailNow(p.t, "the process does not say "+first)
		}
	}
}

// A remote is a server in another process, with a directory, which can be killed and started
// again at the same address.
type remote struct {
	t    *testing.T
	dir  string
	port int
	url  string
	*process
}

func startServer(t *testing.T) *remote {
	t.Helper()
	r := &remote{t: t, dir: t.TempDir()}
	r.start()
	return r
}

func (r *remote) start() {
	r.t.Helper()
	r.process = start(r.t, "server", "DIR="+r.dir, "PORT="+strconv.Itoa(r.port))
	r.url = r.word("url")
	_, port, err := net.SplitHostPort(strings.TrimPrefix(r.url, "nats://"))
	require.NoError(r.t, err)
	r.port, err = strconv.Atoi(port)
	require.NoError(r.t, err)
}

// connect connects to a server from this process, with an owner that ends with the test.
func connect(t *testing.T, url string, opts ...tethernats.ConnOption) *setting {
	t.Helper()
	s := newSetting(t)
	c, err := tethernats.Connect(s.app, url, append([]tethernats.ConnOption{tethernats.OnError(s.errs.add)}, opts...)...)
	require.NoError(t, err)
	s.c = c
	return s
}
