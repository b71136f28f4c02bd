package inspect

import (
	"github.com/seed-ec287111/tether"
	"github.com/seed-ec287111/tether/internal/quote"
	"github.com/seed-ec287111/tether/internal/scope"
)

// Totals says what a subtree holds, does, and has counted.
//
// Taken and Dropped count the values of all queues that are or were in the subtree. They
// never fall. When a queue or an owner ends, its counts stay in its parent. A queue may
// count a value after it has left its owner, such as that of a Fire that was held. Such a
// value is added when that Fire returns, at the latest.
type Totals struct {
	tether.Stats
	Handlers int // calls of handlers that run
	Queues   int
	Queued   int    // values pending in the queues
	Taken    uint64 // values that queues have let in
	Dropped  uint64 // values that queues have dropped, see [tether.Queue.Dropped]
}

// Other is a name in the map of [OwnerInfo.ByName]. It stands for all owners whose names
// came when there were enough names.
const Other = scope.Other

// Total returns what the owner and all below it hold now and have counted. It walks them.
// It is zero once the owner is garbage.
//
// What a walk sees of one owner is consistent. What it sees of several is not. But Taken
// and Dropped count no value twice, and are at least those of a walk that has returned
// before this one begins. Cost: some 50 ns for each owner, and as much for each of its
// queues.
func (i OwnerInfo) Total() (t Totals) {
	if s := i.scope.Value(); s != nil {
		t = total(s)
	}
	return t
}

func total(s *scope.Scope) (t Totals) {
	s.Shares(func(_ *scope.Scope, share scope.Share) {
		t.add(share)
		for _, p := range share.Past {
			t.count(p.Tally)
		}
	})
	return t
}

// ByName is [OwnerInfo.Total] by the names of owners. Each run of digits is "#", so
// "player-17" and "player-4" are counted as "player-#". A name is quoted if a path would
// quote it, and cut if it is longer than 64 bytes. Owners made by package keyed have keys
// for names. They are counted together as "key of" and the name of their group. What has
// ended is counted by the name that it had.
//
// A tree has up to 255 names, in the order in which walks and ends of queues come upon
// them. All later names are counted as [Other]. A name is never forgotten, as what it has
// counted must not fall. The map has the names of owners that there are, and the names by
// which something was counted. Cost: some 50 ns for each owner more than Total.
func (i OwnerInfo) ByName() map[string]Totals {
	s := i.scope.Value()
	if s == nil {
		return nil
	}
	found := make(map[string]*Totals)
	at := func(name string) *Totals {
		t := found[name]
		if t == nil {
			t = new(Totals)
			found[name] = t
		}
		return t
	}
	s.Shares(func(p *scope.Scope, share scope.Share) {
		at(p.Kin()).add(share)
		for _, p := range share.Past {
			at(p.Name).count(p.Tally)
		}
	})
	all := make(map[string]Totals, len(found))
	for name, t := range found {
		all[quote.Name(name)] = *t
	}
	return all
}

// add adds what one owner holds, and what its queues have counted.
func (t *Totals) add(s scope.Share) {
	t.Owners += s.Owners
	t.Connections += s.Connections
	t.Goroutines += s.Goroutines
	t.Timers += s.Timers
	t.Cleanups += s.Cleanups
	t.Handlers += s.Handlers
	t.Queues += s.Queues
	t.Queued += s.Queued
	t.count(s.Live)
}

func (t *Totals) count(c scope.Tally) {
	t.Taken += c.Taken
	t.Dropped += c.Dropped
}

// Lost returns how many root owners were found lost so far, in the whole program. See
// [tether.OnLost].
func Lost() uint64 { return scope.LostRoots() }
