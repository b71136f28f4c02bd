// Package answers measures package hook beside what people write by hand: a slice of
// functions, bare and under a lock, and a chain of middlewares, nested once and nested for
// each call. None of these knows whose a function is, or waits for it.
//
//	go test -bench . ./answers
package answers

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"

	"github.com/seed-ec287111/tether"
	"github.com/seed-ec287111/tether/hook"
)

var (
	bg      = context.Background()
	errPass = errors.New("pass")
	sizes   = []int{1, 10, 100}
)

type key struct{}

// contexts are those of who asks: without end, and as a request has it.
func contexts(b *testing.B) map[string]context.Context {
	ctx, cancel := context.WithCancel(context.WithValue(bg, key{}, 1))
	b.Cleanup(cancel)
	return map[string]context.Context{"background": bg, "request": ctx}
}

type answer = func(context.Context, int) (int, error)

// answers returns n functions of which the last one answers.
func answers(n int, pass error) []answer {
	fs := make([]answer, n)
	for i := range fs {
		fs[i] = func(_ context.Context, in int) (int, error) {
			if i == n-1 {
				return in + i, nil
			}
			return 0, pass
		}
	}
	return fs
}

func BenchmarkFirst(b *testing.B) {
	for _, n := range sizes {
		b.Run(fmt.Sprintf("n=%d/by=slice", n), func(b *testing.B) {
			fs := answers(n, errPass)
			measure(b, func() error { _, err := first(fs, bg, 1); return err })
		})
		b.Run(fmt.Sprintf("n=%d/by=lockedslice", n), func(b *testing.B) {
			var mu sync.RWMutex
			fs := answers(n, errPass)
			measure(b, func() error {
				mu.RLock()
				now := fs // edited by copying
				mu.RUnlock()
				_, err := first(now, bg, 1)
				return err
			})
		})
		for name, ctx := range contexts(b) {
			b.Run(fmt.Sprintf("n=%d/by=hook/ctx=%s", n, name), func(b *testing.B) {
				o := tether.NewOwner("o")
				defer o.Destroy()
				var h hook.Hook[int, int]
				for _, f := range answers(n, hook.ErrPass) {
					h.Handle(o, f)
				}
				measure(b, func() error { _, err := h.First(ctx, 1); return err })
			})
		}
	}
}

func first(fs []answer, ctx context.Context, in int) (int, error) {
	for _, f := range fs {
		if out, err := f(ctx, in); !errors.Is(err, errPass) {
			return out, err
		}
	}
	return 0, errPass
}

func BenchmarkAsk(b *testing.B) {
	for _, n := range sizes {
		consent := func(context.Context, int) error { return nil }
		b.Run(fmt.Sprintf("n=%d/by=slice", n), func(b *testing.B) {
			fs := make([]func(context.Context, int) error, n)
			for i := range fs {
				fs[i] = consent
			}
			measure(b, func() error {
				for _, f := range fs {
					if err := f(bg, 1); err != nil {
						return err
					}
				}
				return nil
			})
		})
		for name, ctx := range contexts(b) {
			for _, each := range []bool{false, true} {
				b.Run(fmt.Sprintf("n=%d/by=hook/ctx=%s/ownereach=%v", n, name, each), func(b *testing.B) {
					app := tether.NewOwner("app")
					defer app.Destroy()
					var v hook.Veto[int]
					for range n {
						o := app
						if each {
							o = app.NewChild("o")
						}
						v.Handle(o, consent)
					}
					measure(b, func() error { return v.Ask(ctx, 1) })
				})
			}
		}
	}
}

func BenchmarkAll(b *testing.B) {
	for _, n := range sizes {
		b.Run(fmt.Sprintf("n=%d/by=slice", n), func(b *testing.B) {
			fs := answers(n, nil)
			measure(b, func() error {
				var outs []int
				for _, f := range fs {
					if out, err := f(bg, 1); err == nil {
						outs = append(outs, out)
					}
				}
				if len(outs) != n {
					return errPass
				}
				return nil
			})
		})
		b.Run(fmt.Sprintf("n=%d/by=hook/ctx=background", n), func(b *testing.B) {
			o := tether.NewOwner("o")
			defer o.Destroy()
			var h hook.Hook[int, int]
			for _, f := range answers(n, nil) {
				h.Handle(o, f)
			}
			measure(b, func() error { _, err := h.All(bg, 1); return err })
		})
	}
}

type link = func(ctx context.Context, in int, next answer) (int, error)

func pass(ctx context.Context, in int, next answer) (int, error) { return next(ctx, in+1) }

// nest makes one function of all links, as middlewares are nested.
func nest(links []link, last answer) answer {
	for i := len(links) - 1; i >= 0; i-- {
		f, next := links[i], last
		last = func(ctx context.Context, in int) (int, error) { return f(ctx, in, next) }
	}
	return last
}

func BenchmarkRun(b *testing.B) {
	last := func(_ context.Context, in int) (int, error) { return in, nil }
	for _, n := range []int{1, 5, 20} {
		links := make([]link, n)
		for i := range links {
			links[i] = pass
		}
		b.Run(fmt.Sprintf("n=%d/by=nestedonce", n), func(b *testing.B) {
			f := nest(links, last)
			measure(b, func() error { _, err := f(bg, 1); return err })
		})
		b.Run(fmt.Sprintf("n=%d/by=nestedeachtime", n), func(b *testing.B) {
			measure(b, func() error { _, err := nest(links, last)(bg, 1); return err })
		})
		for name, ctx := range contexts(b) {
			b.Run(fmt.Sprintf("n=%d/by=hook/ctx=%s", n, name), func(b *testing.B) {
				o := tether.NewOwner("o")
				defer o.Destroy()
				var c hook.Chain[int, int]
				for range n {
					c.Use(o, pass)
				}
				measure(b, func() error { _, err := c.Run(ctx, 1, last); return err })
			})
		}
	}
}

func measure(b *testing.B, f func() error) {
	b.ReportAllocs()
	for b.Loop() {
		if err := f(); err != nil {
			b.Fatal(err)
		}
	}
}
