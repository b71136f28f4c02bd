package hook_test

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/seed-ec287111/tether"
	"github.com/seed-ec287111/tether/hook"
)

// Who knows the price of a thing says it, and who does not passes.
func ExampleHook_First() {
	app := tether.NewOwner("app")
	defer app.Destroy()
	var price hook.Hook[string, int]

	list := func(prices map[string]int) func(context.Context, string) (int, error) {
		return func(_ context.Context, thing string) (int, error) {
			if p, ok := prices[thing]; ok {
				return p, nil
			}
			return 0, hook.ErrPass
		}
	}
	price.Handle(app, list(map[string]int{"ham": 3, "egg": 1}))
	sale := app.NewChild("sale")
	price.Handle(sale, list(map[string]int{"ham": 2}), tether.Priority(1))

	ctx := context.Background()
	fmt.Println(price.First(ctx, "ham"))
	fmt.Println(price.First(ctx, "egg"))
	sale.Destroy()
	fmt.Println(price.First(ctx, "ham"))
	fmt.Println(price.First(ctx, "spam"))
	// Output:
	// 2 <nil>
	// 1 <nil>
	// 3 <nil>
	// 0 hook: nobody answered
}

func ExampleHook_All() {
	app := tether.NewOwner("app")
	defer app.Destroy()
	var health hook.Hook[string, string]
	health.Handle(app, func(context.Context, string) (string, error) { return "db fine", nil })
	health.Handle(app, func(context.Context, string) (string, error) { return "", errors.New("cache is gone") })
	health.Handle(app, func(context.Context, string) (string, error) { return "disk fine", nil })

	all, err := health.All(context.Background(), "now")
	fmt.Println(all)
	fmt.Println(err)
	// Output:
	// [db fine disk fine]
	// cache is gone
}

func ExampleVeto() {
	app := tether.NewOwner("app")
	defer app.Destroy()
	var leaving hook.Veto[string]

	doc := app.NewChild("doc")
	leaving.Handle(doc, func(_ context.Context, who string) error { return errors.New("not saved") })

	err := leaving.Ask(context.Background(), "ann")
	var o *hook.Objection
	if errors.As(err, &o) {
		fmt.Printf("%s: %v\n", o.Owner, o.Err)
	}
	doc.Destroy() // saved, and closed
	fmt.Println(leaving.Ask(context.Background(), "ann"))
	// Output:
	// app/doc: not saved
	// <nil>
}

func ExampleChain() {
	app := tether.NewOwner("app")
	defer app.Destroy()
	var fetch hook.Chain[string, string]

	type next = func(context.Context, string) (string, error)
	log := func(ctx context.Context, url string, next next) (string, error) {
		fmt.Println("fetch", url)
		page, err := next(ctx, url)
		fmt.Println("got", page, err)
		return page, err
	}
	retry := func(ctx context.Context, url string, next next) (page string, err error) {
		for range 3 {
			if page, err = next(ctx, url); err == nil {
				break
			}
			fmt.Println("again:", err)
		}
		return page, err
	}
	fetch.Use(app, log, tether.Priority(1))
	fetch.Use(app, retry)

	tries := 0
	_, _ = fetch.Run(context.Background(), "a.html", func(context.Context, string) (string, error) {
		if tries++; tries < 3 {
			return "", errors.New("timeout")
		}
		return "<a>", nil
	})
	// Output:
	// fetch a.html
	// again: timeout
	// again: timeout
	// got <a> <nil>
}

// A handler that blocks lets go when its owner is destroyed, by way of its context.
func ExampleHook_Handle() {
	app := tether.NewOwner("app")
	defer app.Destroy()
	plugin := app.NewChild("plugin")
	var ask hook.Hook[string, string]
	ask.Handle(plugin, func(ctx context.Context, q string) (string, error) {
		time.AfterFunc(time.Millisecond, func() { plugin.Destroy() })
		<-ctx.Done() // an answer that does not come
		return "", context.Cause(ctx)
	})
	_, err := ask.First(context.Background(), "why?")
	fmt.Println(err)
	// Output: tether: owner destroyed
}

// The context of a call is for the call: what a handler starts gets its owner's.
func ExampleHook_Handle_mistake() {
	app := tether.NewOwner("app")
	defer app.Destroy()
	var save hook.Veto[string]
	var kept context.Context
	save.Handle(app, func(ctx context.Context, doc string) error {
		kept = ctx
		app.Go(func(ctx context.Context) { <-ctx.Done() }) // this one is right
		return nil
	})
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	fmt.Println(save.Ask(ctx, "a.txt"))
	fmt.Println(ctx.Err(), kept.Err(), app.Context().Err())
	// Output:
	// <nil>
	// <nil> context canceled <nil>
}
