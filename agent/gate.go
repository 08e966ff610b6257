package agent

import (
	"context"
	"log/slog"
	"sync/atomic"
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
	log   *slog.Logger

	turn      chan struct{} // holds one: who checks
	result    error         // of the last check,
	goodUntil time.Time     // and how long it counts
	isFull    atomic.Bool   // the engine's disk,
	fullSince time.Time     // and since when
}

func newGate(check func(context.Context) error, log *slog.Logger) *gate {
	return &gate{check: check, away: outage{log: log, what: "the container engine"}, log: log, turn: make(chan struct{}, 1)}
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

// doubt makes the next look a fresh one: a request has just failed.
func (g *gate) doubt() {
	g.turn <- struct{}{}
	defer func() { <-g.turn }()
	if g.result == nil {
		g.goodUntil = time.Time{}
	}
}

// fullPause is how long nothing is claimed for an engine whose disk is full.
const fullPause = 30 * time.Second

// full keeps the gate shut for a while: the engine answers, but has no room for a container.
func (g *gate) full(err error) {
	g.turn <- struct{}{}
	defer func() { <-g.turn }()
	if !g.isFull.Swap(true) {
		g.fullSince = time.Now()
		g.log.Error("The disk of the container engine is full; no flow runs are taken until there is room", "reason", err)
	}
	g.result, g.goodUntil = err, time.Now().Add(fullPause)
}

// fits tells that there was room for a container.
func (g *gate) fits() {
	if !g.isFull.Load() {
		return
	}
	g.turn <- struct{}{}
	defer func() { <-g.turn }()
	if g.isFull.Swap(false) {
		g.log.Info("The container engine has room again", "after", time.Since(g.fullSince).Round(time.Second))
	}
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
