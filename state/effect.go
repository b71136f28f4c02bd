package state

func (p *pass) runEffect(n *node) {}
