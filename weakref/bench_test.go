package weakref_test

import (
	"testing"

	"github.com/seed-ec287111/tether"
	"github.com/seed-ec287111/tether/weakref"
)

func BenchmarkMap(b *testing.B) {
	owner := tether.NewOwner("owner")
	defer owner.Destroy()
	m := weakref.NewMap[object, int](owner)
	o := new(object)
	b.Run("op=get", func(b *testing.B) {
		m.Set(o, 1)
		b.ReportAllocs()
		for b.Loop() {
			m.Get(o)
		}
	})
	b.Run("op=set/key=known", func(b *testing.B) {
		m.Set(o, 1)
		b.ReportAllocs()
		for i := 0; b.Loop(); i++ {
			m.Set(o, i)
		}
	})
	b.Run("op=set+delete", func(b *testing.B) {
		m.Delete(o)
		b.ReportAllocs()
		for i := 0; b.Loop(); i++ {
			m.Set(o, i)
			m.Delete(o)
		}
	})
	b.Run("op=set/key=new", func(b *testing.B) {
		b.ReportAllocs()
		for i := 0; b.Loop(); i++ {
			m.Set(new(object), i)
		}
	})
}

func BenchmarkCache(b *testing.B) {
	owner := tether.NewOwner("owner")
	defer owner.Destroy()
	c := weakref.NewCache[int, object](owner)
	b.Run("op=get/key=known", func(b *testing.B) {
		o := c.Get(-1, func() *object { return new(object) })
		b.ReportAllocs()
		for b.Loop() {
			if c.Get(-1, nil) != o {
				b.Fatal("another one")
			}
		}
	})
	b.Run("op=get/key=new", func(b *testing.B) {
		b.ReportAllocs()
		for i := 0; b.Loop(); i++ {
			c.Get(i, func() *object { return new(object) })
		}
	})
}

func BenchmarkConnectDisconnect(b *testing.B) {
	for _, kind := range []string{"signal", "weakref"} {
		b.Run("kind="+kind, func(b *testing.B) {
			owner := tether.NewOwner("owner")
			defer owner.Destroy()
			var s tether.Signal[int]
			o := new(object)
			b.ReportAllocs()
			for b.Loop() {
				if kind == "signal" {
					s.Connect(owner, o.add).Disconnect()
				} else {
					weakref.Connect(owner, &s, o, (*object).add).Disconnect()
				}
			}
		})
	}
}

func BenchmarkFire(b *testing.B) {
	for _, kind := range []string{"signal", "weakref"} {
		b.Run("kind="+kind, func(b *testing.B) {
			owner := tether.NewOwner("owner")
			defer owner.Destroy()
			var s tether.Signal[int]
			o := new(object)
			if kind == "signal" {
				s.Connect(owner, o.add)
			} else {
				weakref.Connect(owner, &s, o, (*object).add)
			}
			b.ReportAllocs()
			for i := 0; b.Loop(); i++ {
				s.Fire(i)
			}
		})
	}
}
