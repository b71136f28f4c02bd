package tetherotel

import (
	"errors"

	"go.opentelemetry.io/otel/metric"

	"github.com/seed-ec287111/tether/inspect"
)

// A sample is what is known of one group at one collection.
type sample struct {
	inspect.Totals
	inspect.Stuck
}

// add adds t.
func (s *sample) add(t inspect.Totals) {
	s.Owners += t.Owners
	s.Connections += t.Connections
	s.Goroutines += t.Goroutines
	s.Timers += t.Timers
	s.Cleanups += t.Cleanups
	s.Totals.Handlers += t.Handlers
	s.Queues += t.Queues
	s.Queued += t.Queued
	s.Taken += t.Taken
	s.Dropped += t.Dropped
}

// A description says what one instrument is.
type description struct {
	name, unit, text string
	counter          bool // it never falls
	value            func(*sample) int64
}

// perGroup are the instruments with a value for each group. Their names are singular, as
// those of OpenTelemetry's conventions; an up-down counter of what the namespace is called
// after is its count.
var perGroup = []description{
	{"tether.owner.count", "{owner}", "Owners that have not ended.", false,
		func(s *sample) int64 { return int64(s.Owners) }},
	{"tether.connection.count", "{connection}", "Connections of handlers to signals.", false,
		func(s *sample) int64 { return int64(s.Connections) }},
	{"tether.goroutine.count", "{goroutine}", "Goroutines that owners have started and wait for.", false,
		func(s *sample) int64 { return int64(s.Goroutines) }},
	{"tether.timer.count", "{timer}", "Timers that are pending or running.", false,
		func(s *sample) int64 { return int64(s.Timers) }},
	{"tether.cleanup.count", "{cleanup}", "Cleanups that are registered.", false,
		func(s *sample) int64 { return int64(s.Cleanups) }},
	{"tether.handler.count", "{call}", "Calls of handlers that run.", false,
		func(s *sample) int64 { return int64(s.Totals.Handlers) }},
	{"tether.handler.stuck", "{call}", "Calls of handlers that have run for long.", false,
		func(s *sample) int64 { return int64(s.Stuck.Handlers) }},
	{"tether.teardown.stuck", "{teardown}", "Teardowns that have not been complete for long.", false,
		func(s *sample) int64 { return int64(s.Stuck.Drains) }},
	{"tether.queue.count", "{queue}", "Queues.", false,
		func(s *sample) int64 { return int64(s.Queues) }},
	{"tether.queue.depth", "{value}", "Values that are pending in queues.", false,
		func(s *sample) int64 { return int64(s.Queued) }},
	{"tether.queue.taken", "{value}", "Values that queues have let in.", true,
		func(s *sample) int64 { return int64(s.Taken) }},
	{"tether.queue.dropped", "{value}", "Values that queues have let in or refused, and not handled.", true,
		func(s *sample) int64 { return int64(s.Dropped) }},
}

// lostOwners is the one instrument that is of the whole program.
var lostOwners = description{
	name: "tether.owner.lost", unit: "{owner}", counter: true,
	text: "Root owners of the whole program that became garbage without having been destroyed.",
}

// instruments are made anew by each Register. A provider gives the same ones for the same
// descriptions.
type instruments struct {
	perGroup []metric.Int64Observable // as the descriptions
	lost     metric.Int64Observable
}

func newInstruments(m metric.Meter) (in instruments, err error) {
	var errs []error
	for _, d := range perGroup {
		o, err := d.instrument(m)
		in.perGroup = append(in.perGroup, o)
		errs = append(errs, err)
	}
	in.lost, err = lostOwners.instrument(m)
	return in, errors.Join(append(errs, err)...)
}

func (d description) instrument(m metric.Meter) (metric.Int64Observable, error) {
	if d.counter {
		return m.Int64ObservableCounter(d.name, metric.WithUnit(d.unit), metric.WithDescription(d.text))
	}
	return m.Int64ObservableUpDownCounter(d.name, metric.WithUnit(d.unit), metric.WithDescription(d.text))
}

// all returns what the callback observes.
func (in instruments) all() []metric.Observable {
	all := []metric.Observable{in.lost}
	for _, o := range in.perGroup {
		all = append(all, o)
	}
	return all
}
