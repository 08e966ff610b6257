package agent

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/docker-prefect/docker-prefect/graphql"
)

// pollIntervals are the waits after 0, 1, 2 … polls without a flow run (1.4.1 agent.py).
var pollIntervals = [...]time.Duration{
	250 * time.Millisecond, 500 * time.Millisecond, time.Second, 2 * time.Second, 4 * time.Second, 8 * time.Second, 10 * time.Second,
}

const (
	// prefetch is how long before its start time a run is asked for, so that it starts on the second
	// (1.4.1 agent.py).
	prefetch = 10 * time.Second
	// taskRunGrace is how long a task run of a running flow run must be due before it counts as left to
	// the agent (1.4.1 agent.py).
	taskRunGrace = 3 * time.Second
	// maxRejections is how many polls in a row may be rejected before the credentials are taken to be
	// bad; gateways answer 401 and 403 during incidents, too.
	maxRejections = 3
)

// poll asks for work until ctx ends or the polls are used up; neither is an error. It does not while the
// engine is away.
func (a *Agent) poll(ctx, work context.Context) error {
	var (
		idle       int
		rejections int
		away       = outage{log: a.log, what: "the Prefect API"}
		wait       = newBackOff()
	)
	a.hunger.looked = time.Now()
	for n := 0; a.cfg.MaxPolls < 0 || n < a.cfg.MaxPolls; n++ {
		if !a.waitForEngine(ctx) {
			return nil
		}
		handedOut, err := a.pollOnce(ctx, work)
		if ctx.Err() != nil {
			return nil
		}
		pause := time.Duration(0)
		switch {
		case errors.Is(err, graphql.ErrUnauthorized):
			if rejections++; rejections >= maxRejections {
				return err
			}
			fallthrough
		case err != nil:
			away.refused = !errors.Is(err, graphql.ErrTemporary)
			away.begin(err)
			pause = wait.next(err)
		default:
			away.over()
			wait, rejections = newBackOff(), 0
			if idle = min(idle+1, len(pollIntervals)-1); handedOut > 0 {
				idle = 0
			}
			pause = pollIntervals[idle]
		}
		if n+1 == a.cfg.MaxPolls {
			break
		}
		a.log.Debug(fmt.Sprintf("Sleeping flow run poller for %v seconds...", pause.Seconds()))
		a.watchdog.expect(pause, a.cfg.StuckAfter)
		a.pause(ctx, pause)
	}
	return nil
}

// waitForEngine waits until the engine answers, and reports false if ctx ended first.
func (a *Agent) waitForEngine(ctx context.Context) bool {
	for pause := newBackOff(); ; {
		err := a.gate.open(ctx)
		if err == nil || ctx.Err() != nil {
			return ctx.Err() == nil
		}
		d := pause.next(err)
		a.watchdog.expect(d, a.cfg.StuckAfter)
		if !sleep(ctx, d) {
			return false
		}
	}
}

// pause waits until the next poll is due, the agent is poked, or ctx ends.
func (a *Agent) pause(ctx context.Context, d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-a.poke:
	case <-ctx.Done():
	}
}

// pollOnce hands out the runs that are due and not in flight, and returns how many.
func (a *Agent) pollOnce(ctx, work context.Context) (int, error) {
	a.log.Debug("Querying for ready flow runs...")
	now := time.Now()
	a.lastPoll.Store(&now)
	ids, err := a.api.RunsInQueue(ctx, now.Add(prefetch), a.cfg.Labels)
	if err != nil {
		return 0, fmt.Errorf("query for ready flow runs: %w", err)
	}
	fresh := a.launchableNow(slices.Clone(ids))
	a.log.Debug(fmt.Sprintf("Found %d ready flow run(s)", len(fresh)), "others", len(ids)-len(fresh))
	if len(ids) == 0 {
		a.hunger.look(ctx, a.api, a.cfg.Labels, a.log)
	} else {
		a.hunger.over(a.log)
	}
	room := a.room()
	if len(fresh) == 0 || room == 0 {
		a.sayFull(room, len(fresh))
		return 0, nil
	}
	runs, err := a.api.DueFlowRuns(ctx, fresh, now.Add(-taskRunGrace))
	if err != nil {
		return 0, fmt.Errorf("query for flow run metadata: %w", err)
	}
	a.sayFull(room, len(runs))
	return a.handOut(ctx, work, runs, room), nil
}

// launchableNow leaves out runs that are in flight, that were refused a moment ago, and that still have a live
// container, whoever started it: what the API says, a run is not executed twice at a time.
func (a *Agent) launchableNow(ids []string) []string {
	if len(ids) == 0 {
		return nil
	}
	live := map[string]bool{}
	for _, c := range a.roster.live(false) {
		live[c.runID()] = true
	}
	return slices.DeleteFunc(ids, func(id string) bool {
		if live[id] && !a.inFlight.has(id) {
			a.log.Debug("Flow run " + id + " is due, but still has a live container")
		}
		return live[id] || a.inFlight.has(id) || a.refused.has(id)
	})
}

// sayFull tells people when runs wait for the limit.
func (a *Agent) sayFull(room, waiting int) {
	switch {
	case waiting > room:
		a.full.begin(a.cfg.Limit, waiting-room, a.log)
	case room > 0:
		a.full.over(a.log)
	}
}

// handOut starts a goroutine for each run, the earliest first, as long as there is room.
func (a *Agent) handOut(ctx, work context.Context, runs []graphql.FlowRun, room int) int {
	due := make([]*dueRun, 0, len(runs))
	for _, run := range runs {
		due = append(due, newDueRun(run))
	}
	slices.SortStableFunc(due, func(x, y *dueRun) int { return x.start.Compare(y.start) })

	fresh := slices.DeleteFunc(due[:min(room, len(due))], func(d *dueRun) bool { return !a.inFlight.add(d.run.ID) })
	now, seconds := time.Now(), map[time.Time]*unclaimed{}
	for _, d := range fresh {
		at := second(d.start, now)
		if seconds[at] == nil {
			seconds[at] = &unclaimed{poke: a.Poke}
		}
		d.unclaimed = seconds[at]
		d.unclaimed.begin()
	}
	var before *dueRun
	for _, d := range fresh {
		// Those that are due now go in the order of their start times; the others come when their time has.
		if !d.start.After(now) {
			if before != nil {
				d.after = before.placed
			}
			before = d
		}
	}
	for _, d := range fresh {
		a.log.Debug("Submitting flow run " + d.run.ID + " for deployment...")
		a.launches.Go(func() {
			defer a.inFlight.remove(d.run.ID)
			a.deploy(ctx, work, d)
		})
	}
	return len(fresh)
}
