package tetherotel

import (
	"cmp"
	"slices"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"

	"github.com/seed-ec287111/tether/inspect"
)

// NameKey is the key of the attribute that has the name of a group.
const NameKey = attribute.Key("tether.owner.name")

// groups are those of one registration. A name that has got a group keeps it, and one that
// has come too late does not get one later: there is never room again. So no value moves from
// one group to another, and the counters of each never fall.
type groups struct {
	limit  int
	common []attribute.KeyValue
	known  map[string]*group // without other
	other  *group            // nil as long as it has nothing
	list   []*group          // all, in the order in which they came
}

// A group is a set of attributes and what was last observed with it.
type group struct {
	attributes metric.MeasurementOption
	last       sample
}

// update enters what is there now. Groups of which nothing is left stay, with the counters
// that totals still have of them. If totals is nil, the root is garbage: nothing is there,
// and nothing will be counted any more.
func (g *groups) update(totals map[string]inspect.Totals, stuck map[string]inspect.Stuck) {
	for _, group := range g.list {
		counted := inspect.Totals{Taken: group.last.Taken, Dropped: group.last.Dropped}
		group.last = sample{}
		if totals == nil {
			group.last.Totals = counted
		}
	}
	for _, name := range g.byImportance(totals) {
		g.of(name).last.add(totals[name])
	}
	for name, s := range stuck {
		if group := g.find(name); group != nil { // else it has ended since
			group.last.Stuck.Handlers += s.Handlers
			group.last.Drains += s.Drains
		}
	}
}

// byImportance returns the names in the order in which they are to get groups.
func (g *groups) byImportance(totals map[string]inspect.Totals) []string {
	names := make([]string, 0, len(totals))
	for name := range totals {
		names = append(names, name)
	}
	slices.SortFunc(names, func(a, b string) int {
		return cmp.Or(cmp.Compare(totals[b].Owners, totals[a].Owners), cmp.Compare(a, b))
	})
	return names
}

// find returns the group that name has, nil if it has none.
func (g *groups) find(name string) *group {
	if group := g.known[name]; group != nil {
		return group
	}
	return g.other
}

// of returns the group of name, and gives it one if it has none.
func (g *groups) of(name string) *group {
	if group := g.known[name]; group != nil {
		return group
	}
	if name != inspect.Other && len(g.known) < g.limit {
		group := g.add(name)
		g.known[name] = group
		return group
	}
	if g.other == nil {
		g.other = g.add(inspect.Other)
	}
	return g.other
}

func (g *groups) add(name string) *group {
	if name == "" {
		name = `""` // an empty attribute would be taken for none
	}
	set := attribute.NewSet(append(slices.Clone(g.common), NameKey.String(name))...)
	group := &group{attributes: metric.WithAttributeSet(set)}
	g.list = append(g.list, group)
	return group
}
