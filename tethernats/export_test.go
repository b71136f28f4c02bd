package tethernats

import (
	"time"

	"github.com/nats-io/nats-server/v2/server"
)

// EmbeddedServer has f called with the embedded server, when it was started.
func EmbeddedServer(f func(*server.Server)) EmbedOption {
	return embedOption(func(c *embedConfig) { c.started = f })
}

// Idle has requests for messages end after six times d.
func Idle(d time.Duration) ConsumeOption {
	return consumeOption(func(c *consumeConfig) { c.idle = d })
}
