package tethernats_test

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"math/big"
	"net"
	"net/url"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/seed-ec287111/tether"
	"github.com/seed-ec287111/tether/tethernats"
)

func TestSubscribe_ASlowConsumerIsCountedAndReported(t *testing.T) {
	s := open(t)
	const room, all = 10, 100
	src, err := tethernats.Subscribe[order](s.app, s.c, "orders", tethernats.Pending(room, 0))
	require.NoError(t, err)
	begun, release := make(chan struct{}, 1), make(chan struct{})
	handled := 0
	src.Connect(s.app, func(tethernats.Msg[order]) {
		if handled++; handled == 1 {
			begun <- struct{}{}
		}
		<-release
	})
	require.NoError(t, tethernats.Send(s.ctx, s.c, "orders", order{}))
	next(t, begun)
	for range all {
		require.NoError(t, tethernats.Send(s.ctx, s.c, "orders", order{}))
	}
	require.NoError(t, s.c.NATS().Flush()) // all have come by then
	err = s.errs.wait(t, func(err error) bool { return errors.Is(err, nats.ErrSlowConsumer) })
	var e *tethernats.Error
	require.ErrorAs(t, err, &e)
	assert.Equal(t, "orders", e.Subject, "it says whose")
	assert.EqualValues(t, all-room, s.c.Stats().Dropped)
	close(release)
	require.NoError(t, s.c.Drain(s.ctx))
	stats := s.c.Stats()
	assert.EqualValues(t, 1+room, handled)
	assert.EqualValues(t, 1+all, stats.Received+stats.Dropped, "nothing is lost uncounted")
}

func TestSubscribe_WhatCannotBeDecodedIsReportedAndTheRestGoesOn(t *testing.T) {
	s := open(t)
	src, err := tethernats.Subscribe[order](s.app, s.c, "orders")
	require.NoError(t, err)
	got := make(chan order, 1)
	src.Connect(s.app, func(m tethernats.Msg[order]) { got <- m.Value })
	require.NoError(t, s.c.NATS().Publish("orders", []byte("{")))
	require.NoError(t, tethernats.Send(s.ctx, s.c, "orders", order{ID: 1}))
	assert.Equal(t, order{ID: 1}, next(t, got))
	var wrong *tethernats.DecodeError
	require.ErrorAs(t, s.errs.wait(t, func(error) bool { return true }), &wrong)
	assert.EqualValues(t, 1, s.c.Stats().Undecodable)
}

func TestPublish_WhatIsTooLargeIsRefused(t *testing.T) {
	s := open(t, tethernats.Server(func(o *server.Options) { o.MaxPayload = 1000 }))
	s.stream("ORDERS", "stored", 0)
	large := order{Item: strings.Repeat("x", 1001)}
	require.ErrorIs(t, tethernats.Send(s.ctx, s.c, "orders", large), nats.ErrMaxPayload)
	require.ErrorIs(t, tethernats.Send(s.ctx, s.c, "stored", large, tethernats.Stored()), nats.ErrMaxPayload)
	var fired tether.Signal[order]
	_, err := tethernats.Publish(s.app, &fired, s.c, "orders")
	require.NoError(t, err)
	fired.Fire(large)
	fired.Fire(order{ID: 1})
	require.ErrorIs(t, s.errs.wait(t, func(error) bool { return true }), nats.ErrMaxPayload)
	stats := s.c.Stats()
	assert.EqualValues(t, 3, stats.Refused)
	assert.EqualValues(t, 1, stats.Published)

	require.NoError(t, tethernats.Reply(s.app, s.c, "large", func(context.Context, int) (order, error) { return large, nil }))
	_, err = tethernats.Ask[order](s.ctx, s.c, "large", 1)
	var remote *tethernats.RemoteError
	require.ErrorAs(t, err, &remote, "who asks learns it at once")
	assert.Contains(t, remote.Text, "maximum payload")
	_, err = tethernats.Ask[order](s.ctx, s.c, "large", large)
	require.ErrorIs(t, err, nats.ErrMaxPayload)
}

func TestPublish_AFullStreamRefuses(t *testing.T) {
	s := open(t)
	_, err := s.c.JetStream().CreateStream(s.ctx, jetstream.StreamConfig{
		Name: "SMALL", Subjects: []string{"small"}, MaxMsgs: 3, Discard: jetstream.DiscardNew, Storage: jetstream.MemoryStorage,
		Retention: jetstream.WorkQueuePolicy,
	})
	require.NoError(t, err)
	for id := 1; id <= 3; id++ {
		require.NoError(t, tethernats.Send(s.ctx, s.c, "small", order{ID: id}, tethernats.Stored()))
	}
	err = tethernats.Send(s.ctx, s.c, "small", order{ID: 4}, tethernats.Stored())
	var api *jetstream.APIError
	require.ErrorAs(t, err, &api)
	assert.Contains(t, api.Description, "maximum messages exceeded")
	assert.EqualValues(t, 1, s.c.Stats().Refused)

	handled := make(chan int, 3)
	o := s.app.NewChild("consumer")
	require.NoError(t, tethernats.Consume(o, s.c, "SMALL", "stock", func(_ context.Context, m tethernats.Msg[order]) error {
		handled <- m.Value.ID
		return nil
	}))
	for range 3 {
		next(t, handled)
	}
	require.NoError(t, o.Destroy())
	require.NoError(t, tethernats.Send(s.ctx, s.c, "small", order{ID: 4}, tethernats.Stored()), "there is room")
	require.ErrorIs(t, tethernats.Send(s.ctx, s.c, "nowhere", order{}, tethernats.Stored()), jetstream.ErrNoStreamResponse)
}

func TestConnect_WithTheWrongCredentialsFailsAtOnce(t *testing.T) {
	s := open(t, tethernats.Listen("127.0.0.1", 0), tethernats.Options(nats.UserInfo("ann", "secret")),
		tethernats.Server(func(o *server.Options) { o.Username, o.Password = "ann", "secret" }))
	_, err := tethernats.Connect(s.app, s.c.URL())
	require.ErrorIs(t, err, nats.ErrAuthorization)
	_, err = tethernats.Connect(s.app, s.c.URL(), tethernats.Options(nats.UserInfo("ann", "guess")))
	require.ErrorIs(t, err, nats.ErrAuthorization)
	c, err := tethernats.Connect(s.app, s.c.URL(), tethernats.Options(nats.UserInfo("ann", "secret")))
	require.NoError(t, err)
	assert.Contains(t, c.URL(), "127.0.0.1")
	s.quiet()
}

func TestConnect_WithAToken(t *testing.T) {
	s := open(t, tethernats.Listen("127.0.0.1", 0), tethernats.Options(nats.Token("secret")),
		tethernats.Server(func(o *server.Options) { o.Authorization = "secret" }))
	_, err := tethernats.Connect(s.app, s.c.URL(), tethernats.Options(nats.Token("guess")))
	require.ErrorIs(t, err, nats.ErrAuthorization)
	_, err = tethernats.Connect(s.app, s.c.URL(), tethernats.Options(nats.Token("secret")))
	require.NoError(t, err)
	s.quiet()
}

func TestConnect_CredentialsThatBecomeWrongCloseTheConnection(t *testing.T) {
	s := newSetting(t)
	embed := func(port int, password string) (*tether.Owner, *tethernats.Conn) {
		o := s.app.NewChild("server")
		c, err := tethernats.Embed(o, "", tethernats.Listen("127.0.0.1", port), tethernats.Options(nats.UserInfo("ann", password)),
			tethernats.Server(func(o *server.Options) { o.Username, o.Password = "ann", password }))
		require.NoError(t, err)
		return o, c
	}
	first, at := embed(0, "secret")
	c, err := tethernats.Connect(s.app, at.URL(), tethernats.OnError(s.errs.add), tethernats.Options(
		nats.UserInfo("ann", "secret"), nats.ReconnectWait(5*time.Millisecond), nats.ReconnectJitter(0, 0)))
	require.NoError(t, err)
	src, err := tethernats.Subscribe[order](s.app, c, "orders")
	require.NoError(t, err)
	conn := src.Connect(s.app, func(tethernats.Msg[order]) {})
	at2, err := url.Parse(at.URL())
	require.NoError(t, err)
	port, err := strconv.Atoi(at2.Port())
	require.NoError(t, err)
	first.Destroy()
	embed(port, "changed")
	next(t, conn.Ended())
	s.errs.wait(t, func(err error) bool { return errors.Is(err, nats.ErrAuthorization) })
	s.errs.wait(t, func(err error) bool { return errors.Is(err, nats.ErrConnectionClosed) })
	_, err = tethernats.Ask[price](s.ctx, c, "prices", priceOf{})
	require.ErrorIs(t, err, tethernats.ErrClosed)
}

func TestConnect_WithoutPermissionForASubject(t *testing.T) {
	s := open(t, tethernats.Listen("127.0.0.1", 0), tethernats.Options(nats.UserInfo("boss", "b")),
		tethernats.Server(func(o *server.Options) {
			o.Users = []*server.User{
				{Username: "boss", Password: "b"},
				{Username: "ann", Password: "a", Permissions: &server.Permissions{
					Publish:   &server.SubjectPermission{Allow: []string{"ann.>"}},
					Subscribe: &server.SubjectPermission{Allow: []string{"ann.>", "_INBOX.>"}},
				}},
			}
		}))
	errs := newErrorBook()
	c, err := tethernats.Connect(s.app, s.c.URL(), tethernats.Options(nats.UserInfo("ann", "a")), tethernats.OnError(errs.add))
	require.NoError(t, err)
	require.NoError(t, tethernats.Send(s.ctx, c, "boss.orders", order{}), "the server says no later")
	errs.wait(t, func(err error) bool {
		return strings.Contains(err.Error(), `Permissions Violation for Publish to "boss.orders"`)
	})
	_, err = tethernats.Subscribe[order](s.app, c, "boss.orders")
	require.NoError(t, err)
	errs.wait(t, func(err error) bool {
		return strings.Contains(err.Error(), `Permissions Violation for Subscription to "boss.orders"`)
	})
}

func TestConnect_ToNobodyFails(t *testing.T) {
	s := newSetting(t)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	address := l.Addr().String()
	require.NoError(t, l.Close())
	_, err = tethernats.Connect(s.app, "nats://"+address)
	require.ErrorIs(t, err, nats.ErrNoServers)
}

// certificate makes one for 127.0.0.1, which vouches for itself.
func certificate(t *testing.T) (tls.Certificate, *x509.CertPool) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, IsCA: true, BasicConstraintsValid: true,
		KeyUsage: x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	require.NoError(t, err)
	leaf, err := x509.ParseCertificate(der)
	require.NoError(t, err)
	pool := x509.NewCertPool()
	pool.AddCert(leaf)
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}, pool
}

func TestConnect_WithTLS(t *testing.T) {
	cert, pool := certificate(t)
	trusting := tethernats.Options(nats.Secure(&tls.Config{RootCAs: pool, ServerName: "127.0.0.1"}))
	s := open(t, tethernats.Listen("127.0.0.1", 0), trusting, tethernats.Server(func(o *server.Options) {
		o.TLS, o.TLSConfig = true, &tls.Config{Certificates: []tls.Certificate{cert}}
	}))
	c, err := tethernats.Connect(s.app, s.c.URL(), trusting)
	require.NoError(t, err)
	require.NoError(t, tethernats.Reply(s.app, c, "prices", func(_ context.Context, q priceOf) (price, error) { return price{1}, nil }))
	got, err := tethernats.Ask[price](s.ctx, c, "prices", priceOf{"ham"})
	require.NoError(t, err)
	assert.Equal(t, price{1}, got)
	state, err := c.NATS().TLSConnectionState()
	require.NoError(t, err)
	assert.True(t, state.HandshakeComplete)

	_, err = tethernats.Connect(s.app, s.c.URL())
	var unknown x509.UnknownAuthorityError
	require.ErrorAs(t, err, &unknown, "nobody vouches for the server")
}

// Names of servers matter within a cluster. Two that are apart may have the same.
func TestEmbed_TwoServersWithOneNameAreTwo(t *testing.T) {
	named := tethernats.Server(func(o *server.Options) { o.ServerName = "twin" })
	s := open(t, named)
	other, err := tethernats.Embed(s.app, t.TempDir(), named)
	require.NoError(t, err)
	for _, c := range []*tethernats.Conn{s.c, other} {
		require.NoError(t, c.Stream(s.ctx, "ORDERS", "orders"))
		require.NoError(t, tethernats.Send(s.ctx, c, "orders", order{ID: 1}, tethernats.Stored()))
		stream, err := c.JetStream().Stream(s.ctx, "ORDERS")
		require.NoError(t, err)
		assert.EqualValues(t, 1, stream.CachedInfo().State.Msgs)
	}
	s.quiet()
}

func TestEmbed_SaysWhyItDoesNotStart(t *testing.T) {
	s := newSetting(t)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer l.Close()
	_, err = tethernats.Embed(s.app, "/dev/null/store")
	require.ErrorContains(t, err, "/dev/null")
	_, err = tethernats.Embed(s.app, "", tethernats.Listen("127.0.0.1", l.Addr().(*net.TCPAddr).Port))
	require.ErrorContains(t, err, "address already in use")
}
