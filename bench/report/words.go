package report

import (
	"fmt"
	"slices"
	"strings"

	"github.com/seed-ec287111/tether/bench/measure"
	"github.com/seed-ec287111/tether/bench/peers"
	"github.com/seed-ec287111/tether/bench/scenario"
)

// near is the ratio below which two medians are called level.
const near = 1.05

// A rival is a contestant whose cost is set against tether's.
type rival struct {
	peers.Peer
	ratio float64 // its cost over tether's
	level bool    // the rounds do not tell them apart
}

// rivals returns those by hand and the libraries with their costs over ours,
// the cheapest first.
func rivals(b *measure.Book, what, ours string, kind peers.Kind, n int) []rival {
	mine := b.Get(what, ours, n)
	var rs []rival
	for _, p := range peers.Of(kind) {
		s := b.Get(what, p.Name, n)
		if len(s.Values) == 0 || len(mine.Values) == 0 || strings.HasPrefix(p.Name, peers.Ours) || p.Name == "bare loop" {
			continue
		}
		r := rival{Peer: p, ratio: s.Median() / mine.Median()}
		overlap := s.Min() <= mine.Max() && mine.Min() <= s.Max()
		r.level = !s.Cut() && (r.ratio < near && r.ratio > 1/near || overlap && r.ratio < 1.25 && r.ratio > 0.8)
		rs = append(rs, r)
	}
	slices.SortFunc(rs, func(a, b rival) int {
		if a.ratio < b.ratio {
			return -1
		}
		return 1
	})
	return rs
}

// A reason says what a contestant's figures come from.
type reason func(peers.Peer) string

func delivery(p peers.Peer) string { return p.Why }
func ending(p peers.Peer) string   { return p.Ends }

// standing says, a line for each size, who is ahead of tether and by how much, or
// that it is first; and then a line for each that is ahead somewhere, why.
func standing(b *measure.Book, what, ours string, kind peers.Kind, sizes []int, noun string, why reason) string {
	var out strings.Builder
	var reasons []peers.Peer
	for _, n := range sizes {
		rs := rivals(b, what, ours, kind, n)
		if len(rs) == 0 {
			continue
		}
		var ahead, level []string
		for _, r := range rs {
			switch {
			case r.level:
				level = append(level, r.Name)
			case r.ratio < 1:
				ahead = append(ahead, r.Name+" by "+times(1/r.ratio))
				if !slices.ContainsFunc(reasons, func(p peers.Peer) bool { return p.Name == r.Name }) {
					reasons = append(reasons, r.Peer)
				}
			}
		}
		fmt.Fprintf(&out, "- %s: ", plural(n, noun))
		next := firstBehind(rs)
		switch {
		case len(ahead) > 0:
			fmt.Fprintf(&out, "ahead of %s: %s.", ours, strings.Join(ahead, ", "))
		case len(level) > 0:
			fmt.Fprintf(&out, "nobody is ahead of %s.", ours)
		case next != nil:
			fmt.Fprintf(&out, "**%s is first**, %s before %s.", ours, times(next.ratio), next.Name)
		}
		if len(level) > 0 {
			fmt.Fprintf(&out, " Level with it: %s.", strings.Join(level, ", "))
		}
		out.WriteString("\n")
	}
	for i, p := range reasons {
		if i == 0 {
			out.WriteString("\nWhy they are ahead:\n\n")
		}
		fmt.Fprintf(&out, "- %s %s.\n", p.Name, why(p))
	}
	return out.String()
}

// Sizes of the scenarios that have more than are shown.
var (
	churn = []int{0, 1000, 100_000}
	bulk  = []int{10, 1000, 100_000}
)

// honest says in how many synchronous scenarios nobody is ahead of tether, how it
// stands at one handler, and then who is ahead where, and why.
func honest(b *measure.Book, plan scenario.Plan) string {
	fields := []struct {
		name, what, noun string
		sizes            []int
		why              reason
	}{
		{"Fire at", scenario.Fire, "handler", plan.Handlers, delivery},
		{"Fire at 10 handlers by", scenario.Parallel, "goroutine", plan.Firers, delivery},
		{"connect and disconnect beside", scenario.Churn, "other", churn, ending},
		{"ending", scenario.Teardown, "subscription", bulk, ending},
	}
	const hand = "RWMutex + slice"
	var places, reasons []string
	all, first, atOne := 0, "First", "not measured"
	for _, f := range fields {
		for _, n := range f.sizes {
			rs := rivals(b, f.what, peers.Ours, peers.Sync, n)
			if f.what == scenario.Fire && n == 1 {
				for _, r := range rs {
					if r.Name == hand {
						atOne = r.standing()
					}
				}
			}
			if len(rs) == 0 || f.what != scenario.Parallel && n < 10 {
				continue
			}
			all++
			var ahead []string
			for _, r := range rs {
				if r.level {
					first = "First or level"
				} else if r.ratio < 1 {
					ahead = append(ahead, r.Name+" by "+times(1/r.ratio))
					if why := "- " + r.Name + " " + f.why(r.Peer) + ".\n"; !slices.Contains(reasons, why) {
						reasons = append(reasons, why)
					}
				}
			}
			if len(ahead) > 0 {
				places = append(places, "- "+f.name+" "+plural(n, f.noun)+": "+strings.Join(ahead, ", ")+".\n")
			}
		}
	}
	if len(places) == 0 {
		return fmt.Sprintf("**%s in every synchronous scenario from 10 handlers on, %s %s at one.**\n", first, atOne, hand)
	}
	return fmt.Sprintf("**%s in %d of %d synchronous scenarios from 10 handlers on, %s %s at one.** Ahead of %s are:\n\n",
		first, all-len(places), all, atOne, hand, peers.Ours) + strings.Join(places, "") + "\nWhy:\n\n" + strings.Join(reasons, "")
}

// standing says where tether stands to r.
func (r rival) standing() string {
	switch {
	case r.level:
		return "level with"
	case r.ratio < 1:
		return "behind (by " + times(1/r.ratio) + ")"
	}
	return "before (by " + times(r.ratio) + ")"
}

// firstBehind returns the cheapest of those that cost more than we do.
func firstBehind(rs []rival) *rival {
	for i := range rs {
		if rs[i].ratio > 1 && !rs[i].level {
			return &rs[i]
		}
	}
	return nil
}

// bareNote says what Fire costs over the bare loop.
func bareNote(b *measure.Book, what string, sizes []int) string {
	var parts []string
	for _, n := range sizes {
		if n == 0 {
			continue
		}
		r := b.Get(what, peers.Ours, n).Over(b.Get(what, "bare loop", n))
		parts = append(parts, fmt.Sprintf("%s at %d", times(r.Median()), n))
	}
	return strings.Join(parts, ", ")
}

// lateNote names those of whom calls were seen that should have been over, and
// those of whom none were.
func lateNote(b *measure.Book, starts, runs string) string {
	var clean, late []string
	for _, p := range peers.All() {
		s, r := b.Get(starts, p.Name, 1), b.Get(runs, p.Name, 1)
		switch {
		case len(s.Values) == 0:
		case s.Max() == 0 && r.Max() == 0:
			clean = append(clean, p.Name)
		default:
			late = append(late, p.Name)
		}
	}
	return fmt.Sprintf("seen with %s; not seen with %s.", list(late), list(clean))
}

func list(names []string) string {
	if len(names) == 0 {
		return "none"
	}
	return strings.Join(names, ", ")
}
