package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/seed-ec287111/tether"
)

func main() {
	grace := flag.Duration("grace", time.Second, "")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := tether.Run(ctx, "app", func(app *tether.Owner) error {
		app.Go(deaf)
		fmt.Println("running")

		<-ctx.Done()
		stop()
		fmt.Println("ending")
		return nil
	}, tether.WithGrace(*grace))
	if err != nil {
		fmt.Println("error:", err)
		os.Exit(1)
	}
}

// deaf does not look at its context.
func deaf(context.Context) { <-make(chan string) }
