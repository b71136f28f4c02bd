package state

import "fmt"

// Dump describes the node of a computed value and what it depends on.
func (c *Computed[T]) Dump() (text string) {
	books.mu.Lock()
	defer books.mu.Unlock()
	return c.node.dump("")
}

func (n *node) dump(indent string) string {
	text := fmt.Sprintf("%s%s color %d gen %d has %v bits %d run %v queued %v", indent, n.name(), n.color, n.gen, n.has, n.bits.Load(), n.run != nil, n.queued)
	if n.failure != nil {
		text += fmt.Sprintf(" failure %v era %d", n.failure.value, n.failure.era)
	}
	text += "\n"
	for l := n.users; l != nil; l = l.next {
		u := l.user
		text += fmt.Sprintf("%s  used by %s color %d effect %v queued %v again %v rounds %d\n", indent, u.name(), u.color, u.effect, u.queued, u.again, u.rounds)
	}
	for _, l := range n.deps {
		if l.dep.node != nil {
			text += l.dep.node.dump(indent + "  ")
		} else {
			text += fmt.Sprintf("%s  value %p %d\n", indent, l.dep, l.dep.bits.Load())
		}
	}
	return text
}
