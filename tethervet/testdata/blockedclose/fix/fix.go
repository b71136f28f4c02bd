// Package fix has reports with a fix.
package fix

import (
	"context"
	"io"
	"net"

	"github.com/seed-ec287111/tether"
)

func reads(o *tether.Owner, conn net.Conn) {
	tether.Own(o, conn) // want `Own closes conn`
	o.Go(func(context.Context) { io.ReadAll(conn) })
}
