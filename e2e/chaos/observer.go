package main

import (
	"context"
	"maps"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"
)

// observer watches the engine itself, past the proxies.
type observer struct {
	engine *engineClient
	limit  int

	mu         sync.Mutex
	containers map[string]*containerRecord
	doubles    []doubleRecord
	crowds     []crowdRecord
}

func newObserver(e *engineClient, limit int) *observer {
	return &observer{engine: e, limit: limit, containers: map[string]*containerRecord{}}
}

// lookEvery is how often the observer lists containers. Events tell what happens in between.
const lookEvery = 200 * time.Millisecond

// watch observes until ctx ends. An engine that is away is looked for again.
func (o *observer) watch(ctx context.Context) {
	var both sync.WaitGroup
	both.Go(func() {
		for ctx.Err() == nil {
			_ = o.engine.events(ctx, o.happened)
			sleep(ctx, 20*time.Millisecond)
		}
	})
	both.Go(func() {
		for ctx.Err() == nil {
			o.look(ctx)
			sleep(ctx, lookEvery)
		}
	})
	both.Wait()
}

// of is the record of a container; the caller has the lock.
func (o *observer) of(id string, labels map[string]string, name string) *containerRecord {
	c := o.containers[id]
	if c == nil {
		c = &containerRecord{id: id, name: name, run: labels[runLabel], agent: labels[agentLabel]}
		o.containers[id] = c
	}
	return c
}

// happened takes down an event.
func (o *observer) happened(e event) {
	o.mu.Lock()
	defer o.mu.Unlock()
	c := o.of(e.Actor.ID, e.Actor.Attributes, e.Actor.Attributes["name"])
	at := time.Unix(0, e.TimeNano)
	switch e.Action {
	case "start":
		c.started = at
	case "die":
		c.finished = at
		c.exitCode, _ = strconv.Atoi(e.Actor.Attributes["exitCode"])
	}
}

// look takes down which containers are there.
func (o *observer) look(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	list, err := o.engine.list(ctx)
	if err != nil {
		return // away; what happens meanwhile shows afterwards
	}
	for _, id := range o.take(list, time.Now()) {
		found, err := o.engine.inspect(ctx, id)
		if err != nil {
			continue // removed meanwhile, or away
		}
		o.mu.Lock()
		c := o.containers[id]
		if found.State.StartedAt.Year() > 1 {
			c.started = found.State.StartedAt
		}
		if found.State.Status == "exited" {
			c.finished, c.exitCode = found.State.FinishedAt, found.State.ExitCode
		}
		o.mu.Unlock()
	}
}

// take takes down a list and returns the containers of which too little is known.
func (o *observer) take(list []listed, now time.Time) (unclear []string) {
	o.mu.Lock()
	defer o.mu.Unlock()
	byRun, byAgent := map[string][]string{}, map[string]int{}
	for _, l := range list {
		c := o.of(l.ID, l.Labels, strings.TrimPrefix(strings.Join(l.Names, " "), "/"))
		if l.live() {
			c.lastLive = now
			byRun[c.run] = append(byRun[c.run], l.ID)
			byAgent[c.agent]++
		}
		if l.live() && c.started.IsZero() || l.State == "exited" && c.finished.IsZero() {
			unclear = append(unclear, l.ID)
		}
	}
	for run, ids := range byRun {
		if len(ids) > 1 {
			o.doubles = append(o.doubles, doubleRecord{now, run, ids})
		}
	}
	for agent, live := range byAgent {
		if agent != "" && live > o.limit {
			o.crowds = append(o.crowds, crowdRecord{now, agent, live})
		}
	}
	return unclear
}

// seen hands over what was observed.
func (o *observer) seen(r *record) {
	o.mu.Lock()
	defer o.mu.Unlock()
	for _, id := range slices.Sorted(maps.Keys(o.containers)) {
		r.containers = append(r.containers, *o.containers[id])
	}
	r.doubles, r.crowds = slices.Clone(o.doubles), slices.Clone(o.crowds)
}
