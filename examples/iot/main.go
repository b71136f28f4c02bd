// Iot is a gateway for ten thousand devices that come and go, and loses no reading
// uncounted:
//
//	go run ./examples/iot
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"sync/atomic"
	"time"

	"github.com/seed-ec287111/tether"
)

func main() {
	if err := demo(os.Stdout, 10_000); err != nil {
		fmt.Fprintln(os.Stderr, "error:", err)
		os.Exit(1)
	}
}

// printer stands for a broker.
type printer struct{ out io.Writer }

func (printer) Publish([]Reading) error { return nil }

func (p printer) Close() error {
	_, err := fmt.Fprintln(p.out, "the connection to the broker is closed")
	return err
}

// demo has so many devices send three readings each; half of them fall silent after that.
// The parts end one after the other, the gateway first, and the forwarder when it has
// published all that came.
func demo(out io.Writer, devices int) error {
	var f *Forwarder
	var joined, left, alerts atomic.Int64
	taken := 0
	err := tether.Run(context.Background(), "iot", func(app *tether.Owner) error {
		var ticks tether.Signal[tether.Tick] // fired by hand, so that each run prints the same
		log := app.NewChild("log")
		forwarder := app.NewChild("forwarder")
		g := NewGateway(app.NewChild("gateway"), &ticks, Config{Silence: time.Minute, Limit: 98, Every: time.Minute})
		f = Forward(forwarder, g.Readings, &ticks, printer{out}, 500)
		g.Joined.Connect(log, func(string) { joined.Add(1) })
		g.Left.Connect(log, func(Departure) { left.Add(1) })
		g.Alerts.Connect(log, func(Alert) { alerts.Add(1) })

		now := time.Now()
		send := func(every int) {
			for i := 0; i < devices; i += every {
				if g.Ingest(Reading{fmt.Sprint("device ", i), float64(i % 100), now}) {
					taken++
				}
			}
		}
		begin := time.Now()
		send(1)
		send(1)
		fmt.Fprintf(out, "%d devices, %v a reading\n", g.Devices.Len(), time.Since(begin)/time.Duration(taken))
		now = now.Add(50 * time.Second)
		send(2)
		ticks.Fire(tether.Tick{Time: now.Add(20 * time.Second)})
		fmt.Fprintf(out, "%d devices when the others were silent for a minute\n", g.Devices.Len())
		return nil
	}, tether.Staged(), tether.WithGrace(10*time.Second))
	fmt.Fprintf(out, "%d joined, %d left, %d alerts\n", joined.Load(), left.Load(), alerts.Load())
	sent, lost, dropped := f.Account()
	fmt.Fprintf(out, "%d readings taken: %d published, %d refused by the broker, %d dropped by the queue\n",
		taken, sent, lost, dropped)
	if taken != sent+lost+dropped {
		return errors.Join(err, errors.New("readings are lost"))
	}
	return err
}
