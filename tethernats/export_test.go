package tethernats

import "github.com/nats-io/nats-server/v2/server"

// EmbeddedServer has f called with the embedded server, when it was started.
func EmbeddedServer(f func(*server.Server)) EmbedOption {
	return embedOption(func(c *embedConfig) { c.started = f })
}
