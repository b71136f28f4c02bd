package tethernats

import (
	"fmt"
	"os"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nuid"

	"github.com/seed-ec287111/tether"
	"github.com/seed-ec287111/tether/internal/handle"
)

// Embed starts a NATS server with JetStream in this process and connects to it, in memory.
// The server keeps its streams in the directory dir. Two servers can't have one directory
// at the same time. If dir is "", the streams are in memory and end with the server. Other
// processes can connect if the option [Listen] is given. Options for the connection go here
// too.
//
// The server is stopped in the unwinding of owner, when the connection is closed.
func Embed(owner *tether.Owner, dir string, opts ...EmbedOption) (*Conn, error) {
	handle.Scope("tethernats: Embed", owner)
	cfg := embedConfig{connConfig: connConfig{codec: JSON}}
	for _, opt := range opts {
		if opt == nil {
			panic("tethernats: Embed with nil option")
		}
		opt.embed(&cfg)
	}
	o := owner.NewChild("nats")
	srv, err := serve(o, dir, cfg.server)
	if err != nil {
		o.Destroy()
		return nil, err
	}
	if cfg.started != nil {
		cfg.started(srv)
	}
	cfg.nats = append([]nats.Option{nats.InProcessServer(srv)}, cfg.nats...)
	c, err := connect(o, "", cfg.connConfig)
	if err != nil {
		return nil, err
	}
	c.embedded, c.memory = true, dir == ""
	if srv.Addr() != nil {
		c.url = srv.ClientURL()
	}
	return c, nil
}

// serve starts a server that is stopped when o unwinds.
func serve(o *tether.Owner, dir string, change []func(*server.Options)) (*server.Server, error) {
	if !o.Alive() {
		return nil, ErrClosed
	}
	if dir == "" {
		temporary, err := os.MkdirTemp("", "tethernats")
		if err != nil {
			return nil, fmt.Errorf("tethernats: embed: %w", err)
		}
		o.Defer(func() { _ = os.RemoveAll(temporary) }) // what is left there is the system's to remove
		dir = temporary
	}
	unlock, err := lock(dir)
	if err != nil {
		return nil, fmt.Errorf("tethernats: embed: %w", err)
	}
	o.Defer(unlock)
	opts := &server.Options{
		ServerName: "tether-" + nuid.Next(),
		DontListen: true,
		JetStream:  true,
		StoreDir:   dir,
		NoLog:      true,
		NoSigs:     true,
	}
	for _, f := range change {
		f(opts)
	}
	srv, err := server.NewServer(opts)
	if err != nil {
		return nil, fmt.Errorf("tethernats: embed: %w", err)
	}
	log := &log{fatal: make(chan string, 1)}
	srv.SetLogger(log, false, false)
	srv.Start()
	o.Defer(func() {
		srv.Shutdown()
		srv.WaitForShutdown()
	})
	for begun := time.Now(); !srv.ReadyForConnections(patience / 100); {
		select {
		case why := <-log.fatal:
			return nil, fmt.Errorf("tethernats: embed: %s", why)
		default:
		}
		if time.Since(begun) > patience {
			return nil, fmt.Errorf("tethernats: embed: the server is not ready after %v", patience)
		}
	}
	return srv, nil
}

// A log is the server's. It keeps why the server has not started; what else goes wrong the
// connections are told.
type log struct{ fatal chan string }

func (l *log) Fatalf(format string, args ...any) {
	select {
	case l.fatal <- fmt.Sprintf(format, args...):
	default: // the first says it
	}
}

func (*log) Noticef(string, ...any) {}
func (*log) Warnf(string, ...any)   {}
func (*log) Errorf(string, ...any)  {}
func (*log) Debugf(string, ...any)  {}
func (*log) Tracef(string, ...any)  {}
