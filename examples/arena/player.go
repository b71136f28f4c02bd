package main

import (
	"context"
	"slices"

	"github.com/seed-ec287111/tether"
	"github.com/seed-ec287111/tether/pool"
	"github.com/seed-ec287111/tether/state"
)

// A Player is one visit to the arena. All that it has belongs to its owner, so
// there is nothing to be done when it leaves but to destroy that.
type Player struct {
	arena  *Arena
	owner  *tether.Owner
	name   string
	body   *pool.Lease[*Body]
	x, y   *state.Spring
	energy *state.Value[int]
	hurt   *state.Computed[bool]
	ears   *tether.Queue // what it hears, until its next tick
	skin   *Skin
	bag    []*Loot
	heard  int
	leaves uint64 // at this tick
}

// A Body is costly to make, so it is used again.
type Body struct {
	x, y float64
	mesh [2 << 10]byte
}

func newBody() (*Body, error) { return new(Body), nil }

func (b *Body) reset() { *b = Body{} }

// A Shot is an instance that lives for some ticks.
type Shot struct{ trail [512]byte }

func newShot() (*Shot, error) { return new(Shot), nil }

var gait = state.SpringConfig{Frequency: 1, Damping: 0.8, Rest: 0.01}

// Join brings a player in. If that name is in use, its player is thrown out.
func (a *Arena) Join(name string, t tether.Tick) {
	owner := a.players.Replace(name)
	body, err := a.bodies.Acquire(context.Background(), a.lender(owner))
	if err != nil {
		panic(err) // there is a body for everybody
	}
	p := &Player{
		arena:  a,
		owner:  owner,
		name:   name,
		body:   body,
		x:      state.NewSpring(owner, a.tick, 0, gait),
		y:      state.NewSpring(owner, a.tick, 0, gait),
		energy: state.NewValue(owner, 100),
		ears:   tether.NewQueue(owner, 16, tether.DropOldest, tether.Manual()),
		skin:   a.skins.Get(a.rng.IntN(skins), func() *Skin { return new(Skin) }),
		leaves: t.N + uint64(ticks*(10+a.rng.IntN(60))),
	}
	p.hurt = state.NewComputed(owner, func(use *state.Use) bool { return p.energy.Use(use) < 30 })
	state.NewEffect(owner, func(use *state.Use, run *tether.Owner) {
		if p.hurt.Use(use) {
			a.tell("%s is hurt", name)
			run.Defer(func() { a.tell("%s is well again, or gone", name) })
		}
	})

	a.joined++
	a.online = append(a.online, p)
	a.setHere(func(here map[string]*Player) { here[name] = p })
	owner.Defer(p.gone)
	a.tick.Connect(owner, p.play)
	a.recent.Connect(owner, func(Event) { p.heard++ }, tether.On(p.ears)) // and what was before
	a.tell("%s joined", name)
}

// lender is who borrows bodies, and is a player unless a leak is planted.
func (a *Arena) lender(player *tether.Owner) *tether.Owner {
	if a.leak == "lease" && a.chance(60) && a.bodies.Stats().Leased < maxPlayers/2 {
		return a.owner
	}
	return player
}

// gone is a cleanup: nothing of the player runs any more.
func (p *Player) gone() {
	a := p.arena
	a.online = slices.DeleteFunc(a.online, func(q *Player) bool { return q == p })
	a.setHere(func(here map[string]*Player) { delete(here, p.name) })
	a.tell("%s left", p.name)
	a.remember(p.name)
}

// play is a player's tick.
func (p *Player) play(t tether.Tick) {
	a := p.arena
	p.ears.Drain()
	b := p.body.Value()
	b.x, b.y = p.x.Get(), p.y.Get()
	b.mesh[t.N%uint64(len(b.mesh))]++
	switch {
	case t.N >= p.leaves:
		_ = p.owner.Destroy() // pending, as this is its own handler: gone comes after it
	case a.chance(60):
		p.x.SetTarget(100 * a.rng.Float64())
		p.y.SetTarget(100 * a.rng.Float64())
	case a.chance(30):
		p.shoot()
	case a.chance(50):
		p.find()
	}
}

// shoot sends off a shot, which has an owner of its own below the player's: it
// ends when it hits, or with who has fired it.
func (p *Player) shoot() {
	a := p.arena
	target := a.other(p)
	if target == nil || a.flying == maxShots {
		return
	}
	owner := p.owner.NewChild("shot")
	lease, err := a.shots.Acquire(context.Background(), owner)
	if err != nil {
		panic(err) // fewer than maxShots fly
	}
	a.shot++
	a.flying++
	owner.Defer(func() { a.flying-- })
	left := 5 + a.rng.IntN(20)
	name := target.name // and not the target, of which nothing shall live on when it is gone
	a.tick.Connect(owner, func(tether.Tick) {
		lease.Value().trail[left]++
		if left--; left == 0 {
			_ = owner.Destroy()
			a.hit(name, 5+a.rng.IntN(20))
		}
	})
}

// hit takes energy. It is called in a handler of somebody else's.
func (a *Arena) hit(name string, strength int) {
	i := slices.IndexFunc(a.online, func(p *Player) bool { return p.name == name })
	if i < 0 {
		return // it is gone
	}
	p := a.online[i]
	p.x.Impulse(float64(strength))
	p.energy.Update(func(e int) int { return e - strength })
	if p.energy.Get() <= 0 {
		_ = p.owner.Destroy() // nothing of it runs, so it is gone when this returns
	}
}

// find puts something into the bag, for which something else may have to go.
func (p *Player) find() {
	l := new(Loot)
	p.arena.origin.Set(l, "found by "+p.name)
	if p.arena.leak == "loot" {
		p.arena.kept = append(p.arena.kept, l)
	}
	p.bag = append(p.bag, l)
	if len(p.bag) > 4 {
		p.bag = slices.Delete(p.bag, 0, 1)
	}
}
