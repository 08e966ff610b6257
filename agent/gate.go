package agent

import (
	"context"
	"log/slog"
	"time"
)

const (
	// gateInterval is how long an answer of the engine is good for: long enough to cost nothing beside a
	// launch, short enough that few runs are claimed for an engine that has just gone.
	gateInterval = time.Second
	// gateTimeout is what an engine that is alive needs for a ping, and an ssh connection to open.
	gateTimeout = 10 * time.Second
)

// gate keeps runs in the queue while the engine is away: a run that is claimed then would fail, though
// another agent, or this one a minute later, could have run it.
type gate struct {
	check func(context.Context) error
	away  outage

	turn      chan struct{} // holds one: who checks
	result    error         // of the last check,
	goodUntil time.Time     // and how long it counts
}

func newGate(check func(context.Context) error, log *slog.Logger) *gate {
	return &gate{check: check, away: outage{log: log, what: "the container engine"}, turn: make(chan struct{}, 1)}
}

// open returns an error while the engine does not answer. It says once when that begins, and once when it
// is over.
func (g *gate) open(ctx context.Context) error {
	select {
	case g.turn <- struct{}{}:
		defer func() { <-g.turn }()
	case <-ctx.Done():
		return context.Cause(ctx)
	}
	if time.Now().Before(g.goodUntil) {
		return g.result
	}
	limited, cancel := context.WithTimeout(ctx, gateTimeout)
	defer cancel()
	err := g.check(limited)
	switch {
	case ctx.Err() != nil:
		return context.Cause(ctx)
	case err != nil:
		g.away.begin(err)
	default:
		g.away.over()
	}
	// A failure counts as long, or all who wait here would ask a hung engine one after the other.
	g.result, g.goodUntil = err, time.Now().Add(gateInterval)
	return err
}

// wait waits until the engine answers, and reports false if ctx ended first.
func (g *gate) wait(ctx context.Context) bool {
	for pause := newBackOff(); ; {
		err := g.open(ctx)
		if err == nil {
			return ctx.Err() == nil
		}
		if !sleep(ctx, pause.next(err)) {
			return false
		}
	}
}
