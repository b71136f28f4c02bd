package tethernats

import "sync/atomic"

// Stats counts what has gone through a [Conn] since it was made.
type Stats struct {
	Published    uint64 // given to the connection, or stored: Publish, Send, a Bridge
	Refused      uint64 // not published, and reported or returned: too large, no room, no stream
	Received     uint64 // given to handlers: Subscribe, Reply, a Bridge
	Dropped      uint64 // not given to them: the handlers were too slow, or their owner ended
	Undecodable  uint64 // of whichever kind
	Acknowledged uint64 // by Consume: f has returned nil
	Failed       uint64 // given back by Consume to be delivered again, as f has failed
	Returned     uint64 // given back at the end of a Consume, at once: f was not called, or has failed then
	DeadLettered uint64 // published as dead letters
	Unreported   uint64 // not told to OnError, which was too slow
	Reconnects   uint64 // of the connection
	Buffered     int    // bytes that wait to be sent
}

type counts struct {
	published, refused, received, dropped, undecodable, acknowledged, failed, returned, deadLettered atomic.Uint64
}

// Stats returns the counts of now.
func (c *Conn) Stats() Stats {
	c.check("Stats")
	n := &c.counts
	s := Stats{
		Published: n.published.Load(), Refused: n.refused.Load(), Received: n.received.Load(),
		Dropped: n.dropped.Load(), Undecodable: n.undecodable.Load(), Acknowledged: n.acknowledged.Load(),
		Failed: n.failed.Load(), Returned: n.returned.Load(), DeadLettered: n.deadLettered.Load(),
		Unreported: c.queue.Dropped(), Reconnects: c.nc.Statistics.Reconnects,
	}
	if buffered, err := c.nc.Buffered(); err == nil { // else it is closed
		s.Buffered = buffered
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	for in := range c.inlets {
		if in.dropped != nil {
			s.Dropped += in.dropped()
		}
	}
	return s
}
