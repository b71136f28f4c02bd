package main

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/seed-ec287111/tether"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := tether.Run(ctx, "app", func(app *tether.Owner) error {
		app.Defer(func() { fmt.Println("cleaned up") })
		app.Go(work)
		fmt.Println("running")

		<-ctx.Done()
		stop() // from here on a second ^C kills
		fmt.Println("ending")
		return nil
	}, tether.WithGrace(5*time.Second))
	if err != nil {
		fmt.Println("error:", err)
		os.Exit(1)
	}
}

func work(ctx context.Context) {
	for tick := time.Tick(time.Second); ; {
		select {
		case <-tick: // does something
		case <-ctx.Done():
			return
		}
	}
}
