package main

import (
	"errors"
	"fmt"
	"io"
)

// A sum is of lines, one for each who was to hear them.
type sum struct{ said, heard int }

// balance prints the sums when all has ended, and returns what does not balance:
//
//   - Nobody has heard a line twice, out of order, or after one that was missing.
//   - Between clients of lobbies that lived, nothing is lost.
//   - Of the lines of a client whose lobby was killed, all who were in lobbies that lived have
//     heard the same: those that the lobby had sent. The rest was lost with it.
//   - The lobbies' own books say the same as those of the clients.
func balance(out io.Writer, clients []*Client, lobbies []*Process) error {
	var faults []error
	fault := func(format string, args ...any) { faults = append(faults, fmt.Errorf(format, args...)) }
	var lived, killed sum
	for _, c := range clients {
		for _, line := range c.wrong {
			fault("%s", line)
		}
		for _, speaker := range clients {
			from, there := c.joined[speaker.name]
			if !there {
				continue // the one had left before the other came
			}
			said, heard := speaker.said, c.heard[speaker.name]
			if c.process.killed {
				said = c.left[speaker.name]
			}
			at := &lived
			if c.process.killed || speaker.process.killed {
				at = &killed
			}
			at.said, at.heard = at.said+said-from, at.heard+heard-from
			if speaker.process.killed {
				said = clients[0].heard[speaker.name] // and by all others who lived
			}
			if !c.process.killed && heard != said {
				fault("%s has heard %s up to line %d, of %d", c.name, speaker.name, heard, said)
			}
		}
	}
	for _, p := range lobbies {
		if !p.killed { // else its book is gone
			p.compare(fault)
		}
	}
	const row = "%-46s %7v %7v %7v\n"
	fmt.Fprintf(out, row, "lines, once for each who was to hear them", "said", "heard", "lost")
	fmt.Fprintf(out, row, "between clients of lobbies that lived", lived.said, lived.heard, lived.said-lived.heard)
	fmt.Fprintf(out, row, "by or to clients of the lobby that was killed", killed.said, killed.heard, killed.said-killed.heard)
	if len(faults) == 0 {
		fmt.Fprintln(out, "the books balance")
	}
	return errors.Join(faults...)
}

// compare compares the book of a lobby with those of its clients.
func (p *Process) compare(fault func(format string, args ...any)) {
	if p.report == nil {
		fault("%s has left no report", p.name)
		return
	}
	said := 0
	for _, c := range p.clients {
		said += c.said
	}
	if p.report.Said != said || p.report.Dropped != 0 {
		fault("%s has had %d lines of the %d of its clients, and dropped %d", p.name, p.report.Said, said, p.report.Dropped)
	}
	listener := p.clients[0]
	for speaker, from := range listener.joined {
		if n := listener.heard[speaker] - from; p.report.Heard[speaker] != n {
			fault("%s has had %d lines of %s, and its clients %d", p.name, p.report.Heard[speaker], speaker, n)
		}
	}
}
