package tetherwatermill_test

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/ThreeDotsLabs/watermill"
	"github.com/ThreeDotsLabs/watermill/message"
	"github.com/ThreeDotsLabs/watermill/message/router/middleware"
	"github.com/ThreeDotsLabs/watermill/pubsub/gochannel"

	"github.com/seed-ec287111/tether"
	"github.com/seed-ec287111/tether/tetherwatermill"
)

type Order struct {
	ID   int
	Item string
}

func Example() {
	app := tether.NewOwner("app")
	pubsub := tether.Own(app, gochannel.NewGoChannel(gochannel.Config{BlockPublishUntilSubscriberAck: true}, nil))

	stock := app.NewChild("stock")
	err := tetherwatermill.Subscribe(stock, pubsub, "orders", tetherwatermill.Decode(tetherwatermill.JSON,
		func(ctx context.Context, m tetherwatermill.Msg[Order]) error {
			fmt.Println("reserved:", m.Value.Item)
			return nil // it is acked now
		}))
	if err != nil {
		fmt.Println(err)
	}

	var placed tether.Signal[Order]
	tetherwatermill.Publish(app, &placed, pubsub, "orders", tetherwatermill.JSON)
	placed.Fire(Order{1, "ham"})
	placed.Fire(Order{2, "eggs"})

	stock.Destroy() // waits for handlers and acks: nothing is handled any more
	placed.Fire(Order{3, "spam"})
	app.Destroy()
	// Output:
	// reserved: ham
	// reserved: eggs
}

// A message that always fails comes again for ever. The middleware of watermill is for
// handlers of its own kind, which ours can be made into: here a message is tried three times,
// and then published to another topic.
func ExampleSubscribe_poison() {
	app := tether.NewOwner("app")
	pubsub := tether.Own(app, gochannel.NewGoChannel(gochannel.Config{}, nil))

	poison, err := middleware.PoisonQueue(pubsub, "poison")
	if err != nil {
		fmt.Println(err)
	}
	retry := middleware.Retry{MaxRetries: 2, InitialInterval: time.Millisecond, Logger: watermill.NopLogger{}}
	handle := poison(retry.Middleware(func(m *message.Message) ([]*message.Message, error) {
		fmt.Println("tried:", string(m.Payload))
		return nil, errors.New("out of ham")
	}))
	_ = tetherwatermill.Subscribe(app, pubsub, "orders", func(ctx context.Context, m *message.Message) error {
		m.SetContext(ctx) // which ends with app
		_, err := handle(m)
		return err
	})

	poisoned := make(chan bool)
	_ = tetherwatermill.Subscribe(app, pubsub, "poison", func(_ context.Context, m *message.Message) error {
		fmt.Println("poison:", string(m.Payload), "because of", m.Metadata.Get(middleware.ReasonForPoisonedKey))
		close(poisoned)
		return nil
	})
	_ = pubsub.Publish("orders", message.NewMessage("1", []byte("ham")))
	<-poisoned
	app.Destroy()
	// Output:
	// tried: ham
	// tried: ham
	// tried: ham
	// poison: ham because of out of ham
}
