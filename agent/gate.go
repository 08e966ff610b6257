package agent

import (
	"context"
	"sync"
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

	mu        sync.Mutex
	openUntil time.Time
}

// open returns an error while the engine does not answer. It says once when that begins, and once when it
// is over.
func (g *gate) open(ctx context.Context) error {
	g.mu.Lock()
	defer g.mu.Unlock()
	if time.Now().Before(g.openUntil) {
		return nil
	}
	limited, cancel := context.WithTimeout(ctx, gateTimeout)
	defer cancel()
	if err := g.check(limited); err != nil {
		if ctx.Err() == nil {
			g.away.begin(err)
		}
		return err
	}
	g.away.over()
	g.openUntil = time.Now().Add(gateInterval)
	return nil
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
