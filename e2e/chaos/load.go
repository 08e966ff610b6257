package main

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/docker-prefect/docker-prefect/e2e/chaos/script"
)

// load creates the plan's flow runs at their times.
func (w *world) load(ctx context.Context, begin time.Time, cancels *canceller) error {
	for i, planned := range w.plan.runs {
		if !sleep(ctx, time.Until(begin.Add(planned.at))) {
			return ctx.Err()
		}
		id, err := w.backend.create(ctx, fmt.Sprintf("%s %d", planned.script.Kind, i+1), planned.script)
		if err != nil {
			return fmt.Errorf("create a flow run: %w", err)
		}
		if planned.script.IsCancelled() {
			cancels.add(id, planned.script)
		}
	}
	return nil
}

// canceller cancels runs once they are Running, each after as long as its script wants.
type canceller struct {
	backend *backend

	mu    sync.Mutex
	waits map[string]script.Script
	since map[string]time.Time // when a run was first seen Running
}

func newCanceller(b *backend) *canceller {
	return &canceller{backend: b, waits: map[string]script.Script{}, since: map[string]time.Time{}}
}

func (c *canceller) add(id string, s script.Script) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.waits[id] = s
}

func (c *canceller) run(ctx context.Context) {
	for sleep(ctx, 300*time.Millisecond) {
		states, err := c.backend.states(ctx)
		if err != nil {
			continue // it is asked again
		}
		for _, id := range c.due(states, time.Now()) {
			if c.backend.cancel(ctx, id) == nil {
				c.mu.Lock()
				delete(c.waits, id)
				c.mu.Unlock()
			}
		}
	}
}

func (c *canceller) due(states map[string]string, now time.Time) (ids []string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for id, s := range c.waits {
		if states[id] != "Running" {
			continue
		}
		if _, seen := c.since[id]; !seen {
			c.since[id] = now
		}
		if !now.Before(c.since[id].Add(s.Work)) {
			ids = append(ids, id)
		}
	}
	return ids
}

// awaitEnds waits until every flow run has ended, at most so long.
func (w *world) awaitEnds(ctx context.Context, patience time.Duration) {
	until := time.Now().Add(patience)
	said := time.Now()
	for time.Now().Before(until) {
		states, err := w.backend.states(ctx)
		open := 0
		for _, state := range states {
			if !isFinished(state) {
				open++
			}
		}
		if err == nil && open == 0 {
			return
		}
		if time.Since(said) > 10*time.Second {
			w.say("%d of %d flow runs have not ended", open, len(states))
			said = time.Now()
		}
		if !sleep(ctx, time.Second) {
			return
		}
	}
}
