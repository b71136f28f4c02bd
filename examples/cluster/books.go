package main

import (
	"errors"
	"fmt"
	"io"
)

// Books are what is compared when all has ended.
type Books struct{ faults []error }

func (b *Books) fault(format string, args ...any) {
	b.faults = append(b.faults, fmt.Errorf(format, args...))
}

// A sum is of lines, one for each who was to hear them.
type sum struct{ due, heard int }

// balance prints the sums, and returns what does not balance:
//
//   - Nobody has heard a line twice, out of order, or after one that was missing.
//   - Between clients of lobbies that lived, nothing is lost.
//   - Of the lines of a client whose lobby was killed, all who were in lobbies that lived have
//     heard the same: those that the lobby had sent. The rest was lost with it.
//   - The lobbies' own books say the same as those of the clients.
func (b *Books) balance(out io.Writer, clients []*Client, lobbies []*Process) error {
	sent := make(map[string]int) // the last line of each client that the lobbies had
	for _, speaker := range clients {
		sent[speaker.name] = speaker.said
		if speaker.process.killed {
			sent[speaker.name] = clients[0].heard[speaker.name]
		}
	}
	var lived, killed sum
	for _, c := range clients {
		for _, line := range c.wrong {
			b.fault("%s", line)
		}
		for _, speaker := range clients {
			from, there := c.joined[speaker.name]
			if !there {
				continue // gone before c came
			}
			due, heard := speaker.said-from, c.heard[speaker.name]-from
			at := &lived
			if c.process.killed || speaker.process.killed {
				at = &killed
			}
			at.due, at.heard = at.due+due, at.heard+heard
			if !c.process.killed && from+heard != sent[speaker.name] {
				b.fault("%s has heard %d lines of %s, of %d that were sent", c.name, from+heard, speaker.name, sent[speaker.name])
			}
		}
	}
	b.compare(lobbies)
	row := func(what string, s sum) {
		fmt.Fprintf(out, "%-46s %7d %7d %7d\n", what, s.due, s.heard, s.due-s.heard)
	}
	fmt.Fprintf(out, "%-46s %7s %7s %7s\n", "lines, for each who was to hear them", "said", "heard", "lost")
	row("between clients of lobbies that lived", lived)
	row("by or to clients of the one that was killed", killed)
	if len(b.faults) == 0 {
		fmt.Fprintln(out, "the books balance")
	}
	return errors.Join(b.faults...)
}

// compare compares the books of the lobbies with those of their clients.
func (b *Books) compare(lobbies []*Process) {
	for _, p := range lobbies {
		if p.killed {
			continue // with its book
		}
		if p.report == nil {
			b.fault("%s has left no report", p.name)
			continue
		}
		var said int64
		for _, c := range p.clients {
			said += int64(c.said)
		}
		if p.report.Said != said || p.report.Dropped != 0 {
			b.fault("%s has had %d lines, of %d, and dropped %d", p.name, p.report.Said, said, p.report.Dropped)
		}
		listener := p.clients[0]
		for speaker, from := range listener.joined {
			if n := listener.heard[speaker] - from; p.report.Heard[speaker] != n {
				b.fault("%s has had %d lines of %s, and its clients %d", p.name, p.report.Heard[speaker], speaker, n)
			}
		}
	}
}
