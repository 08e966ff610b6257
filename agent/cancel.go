package agent

import (
	"context"
	"time"

	"github.com/docker-prefect/docker-prefect/graphql"
)

const (
	// stopGrace is what a container has between SIGTERM and SIGKILL, as with `docker stop`.
	stopGrace = 10 * time.Second
	// missingPatience is how long a run must be missing at least before it counts as deleted: a single odd
	// answer of the API must not end everything.
	missingPatience = 10 * time.Second
)

// Why this agent stops a container.
const (
	stoppedCancelled = "stopped, since the flow run was cancelled"
	stoppedDeleted   = "stopped, since the flow run was deleted"
	stoppedOnStop    = "stopped together with its agent: --on-stop kill"
)

// cancellations are the live containers whose runs are to end, by the time when that was first seen.
type cancellations map[string]time.Time

// watchCancellations asks for the runs of all live containers at once, until ctx ends, and stops the containers
// of those that were cancelled or deleted.
func (a *Agent) watchCancellations(ctx, work context.Context) {
	if a.cfg.CancelPoll <= 0 {
		return
	}
	ticks := time.NewTicker(a.cfg.CancelPoll)
	defer ticks.Stop()
	seen := cancellations{}
	for {
		select {
		case <-ticks.C:
		case <-ctx.Done():
			return
		}
		live := a.roster.live(true)
		if len(live) == 0 {
			clear(seen)
			continue
		}
		ids := make([]string, 0, len(live))
		for _, c := range live {
			ids = append(ids, c.runID())
		}
		states, err := a.api.FlowRunStates(ctx, ids)
		if err != nil {
			a.log.Debug("The runs of the live containers could not be asked for", "reason", err)
			continue
		}
		for _, d := range seen.due(live, states, time.Now(), a.cfg.CancelGrace) {
			if a.roster.markStopped(d.container.ID, d.reason) {
				a.reports.Go(func() { a.stop(work, d.container, d.reason) })
			}
		}
	}
}

// doomed is a container that is to be stopped.
type doomed struct {
	container Container
	reason    string
}

// due returns the containers whose grace time is over. Prefect's process looks for a cancellation every 15
// seconds and ends by itself, hence the grace; a run that brings its own command does not look, and gets none.
func (s cancellations) due(live []Container, states map[string]string, now time.Time, grace time.Duration) []doomed {
	var list []doomed
	there := map[string]bool{}
	for _, c := range live {
		there[c.ID] = true
		state, exists := states[c.runID()]
		reason, patience := stoppedCancelled, grace
		switch {
		case !exists:
			reason, patience = stoppedDeleted, max(grace, missingPatience)
		case state != cancellingType && state != "Cancelled":
			delete(s, c.ID)
			continue
		case c.isCommand():
			patience = 0
		}
		if s[c.ID].IsZero() {
			s[c.ID] = now
		}
		if now.Sub(s[c.ID]) >= patience {
			list = append(list, doomed{c, reason})
		}
	}
	for id := range s {
		if !there[id] {
			delete(s, id)
		}
	}
	return list
}

// stop ends a container: SIGTERM, then SIGKILL. Its end is told by what the engine reports.
func (a *Agent) stop(ctx context.Context, c Container, reason string) {
	a.log.Info("Stopping the container of flow run "+c.runID(), "container", short(c.ID), "reason", reason)
	if reason != stoppedDeleted {
		write := a.logLine(ctx, c.runID(), graphql.LevelInfo, "The container is being "+reason+".")
		a.reports.Go(func() {
			if err := a.retry(ctx, write); err != nil {
				a.log.Debug("The log of flow run "+c.runID()+" could not be written", "reason", err)
			}
		})
	}
	if err := a.launcher.Stop(ctx, c.ID, stopGrace); err != nil {
		a.roster.unmarkStopped(c.ID) // to be tried again
		a.log.Warn("The container of flow run "+c.runID()+" could not be stopped", "container", short(c.ID), "reason", err)
	}
}
