// Package other is imported for its facts, of which there are some as it uses the
// library.
package other

import (
	"io"
	"net"

	"github.com/seed-ec287111/tether"
)

func Read(_ *tether.Owner, c net.Conn) { io.Copy(io.Discard, c) }

func Write(_ *tether.Owner, c net.Conn) { io.WriteString(c, "hello") }
