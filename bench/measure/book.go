package measure

import (
	"cmp"
	"encoding/json"
	"maps"
	"slices"
)

// A Key names what was measured: a contestant, in a scenario, at a size.
type Key struct {
	Scenario string
	Who      string
	N        int
}

// A Book keeps what was measured. It is for one goroutine.
type Book struct{ samples map[Key]*Sample }

func (b *Book) at(k Key) *Sample {
	if b.samples == nil {
		b.samples = make(map[Key]*Sample)
	}
	if b.samples[k] == nil {
		b.samples[k] = new(Sample)
	}
	return b.samples[k]
}

// Add notes a round's value, or several.
func (b *Book) Add(scenario, who string, n int, values ...float64) {
	s := b.at(Key{scenario, who, n})
	s.Values = append(s.Values, values...)
}

// Cut notes that one round's measurement was given up at value.
func (b *Book) Cut(scenario, who string, n int, value float64) {
	b.Add(scenario, who, n, value)
	b.at(Key{scenario, who, n}).Cuts++
}

// Get returns the sample, without values where nothing was measured.
func (b *Book) Get(scenario, who string, n int) Sample {
	if s := b.samples[Key{scenario, who, n}]; s != nil {
		return *s
	}
	return Sample{}
}

// Sizes returns the sizes measured of who in the scenario, ascending.
func (b *Book) Sizes(scenario, who string) []int {
	var ns []int
	for k := range maps.Keys(b.samples) {
		if k.Scenario == scenario && k.Who == who {
			ns = append(ns, k.N)
		}
	}
	slices.Sort(ns)
	return ns
}

// Curve returns the medians of who in the scenario by size, without those that
// were cut.
func (b *Book) Curve(scenario, who string) []Point {
	var ps []Point
	for _, n := range b.Sizes(scenario, who) {
		if s := b.Get(scenario, who, n); !s.Cut() && n > 0 {
			ps = append(ps, Point{float64(n), s.Median()})
		}
	}
	return ps
}

// An entry is one sample as it is written to a file.
type entry struct {
	Key
	Sample
}

// MarshalJSON writes all samples, in the order of their keys.
func (b *Book) MarshalJSON() ([]byte, error) {
	entries := make([]entry, 0, len(b.samples))
	for k, s := range b.samples {
		entries = append(entries, entry{k, *s})
	}
	slices.SortFunc(entries, func(x, y entry) int {
		return cmp.Or(cmp.Compare(x.Scenario, y.Scenario), cmp.Compare(x.Who, y.Who), cmp.Compare(x.N, y.N))
	})
	return json.Marshal(entries)
}

// UnmarshalJSON reads what MarshalJSON wrote.
func (b *Book) UnmarshalJSON(data []byte) error {
	var entries []entry
	if err := json.Unmarshal(data, &entries); err != nil {
		return err
	}
	*b = Book{}
	for _, e := range entries {
		*b.at(e.Key) = e.Sample
	}
	return nil
}
