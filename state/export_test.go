package state

import (
	"fmt"
	"strings"
)

// Dump describes the node of a computed value, who uses it, and what it depends on.
func (c *Computed[T]) Dump() string {
	books.mu.Lock()
	defer books.mu.Unlock()
	var b strings.Builder
	c.node.dump(&b, "")
	return b.String()
}

func (n *node) dump(b *strings.Builder, indent string) {
	fmt.Fprintf(b, "%s%s: color %d, has %v, bits %d, runs %v, queued %v, failure %v\n", indent,
		n.name(), n.color, n.has, n.bits.Load(), n.running(), n.queued, n.failure)
	for l := n.users; l != nil; l = l.next {
		fmt.Fprintf(b, "%s  used by %s: color %d, queued %v, again %v, waiting %v\n", indent,
			l.user.name(), l.user.color, l.user.queued, l.user.again, l.user.waiting)
	}
	for _, l := range n.deps {
		if l.dep.node != nil {
			l.dep.node.dump(b, indent+"  ")
		} else {
			fmt.Fprintf(b, "%s  value %d\n", indent, l.dep.bits.Load())
		}
	}
}
