package agent

import (
	"context"
	"time"

	"github.com/containerd/errdefs"
)

// tidy removes a container whose end has been told. It stays where the run config says so
// (host_config.auto_remove: false), and the newest of failed runs stay where the agent says so.
func (a *Agent) tidy(ctx context.Context, c Container, failed bool) {
	if c.isKept() {
		return
	}
	surplus := []Container{c}
	if failed && a.cfg.KeepFailed > 0 {
		surplus = a.roster.keepFailed(c, a.cfg.KeepFailed)
	}
	for _, old := range surplus {
		a.awaitFollowers(ctx, old.ID)
		if err := a.remove(ctx, old.ID); err != nil && ctx.Err() == nil {
			a.log.Warn("The container of flow run "+old.runID()+" is left behind; 'docker prefect prune' removes it", "container", short(old.ID), "reason", err)
		}
	}
}

// remove waits for an engine that is away. What is not removed when the agent stops is removed by its next
// process.
func (a *Agent) remove(ctx context.Context, id string) error {
	for pause := newBackOff(); ; {
		err := a.launcher.Remove(ctx, id)
		if err == nil {
			a.roster.forget(id)
			return nil
		}
		if !errdefs.IsUnavailable(err) {
			return err
		}
		a.gate.doubt()
		if !a.gate.wait(ctx) || !sleep(ctx, pause.next(err)) {
			return err
		}
	}
}

// followersPatience is for readers that are slow to take the end of an output.
const followersPatience = 10 * time.Second

func (a *Agent) awaitFollowers(ctx context.Context, id string) {
	patient, cancel := context.WithTimeout(ctx, followersPatience)
	defer cancel()
	a.followers.wait(patient, id)
}

// removeLeftover removes a container that was created and not started, unless its launch is under way.
func (a *Agent) removeLeftover(ctx context.Context, c Container) {
	if a.inFlight.has(c.runID()) {
		return
	}
	a.log.Info("Removing a container that was never started", "container", short(c.ID), "flow_run", c.runID())
	a.tidy(ctx, c, false)
}
