package agent

import (
	"context"

	"github.com/docker-prefect/docker-prefect/graphql"
)

// takeUp finishes what an earlier process of this agent left undone: runs that it claimed for this engine and
// that got no container. The mark in their Submitted state tells them from those of other agents.
func (a *Agent) takeUp(ctx, work context.Context) error {
	engine, err := a.launcher.Info(ctx)
	if err != nil {
		return err
	}
	if engine.ID == "" {
		return nil // whose claims they are could not be told
	}
	// First the containers, then the claims: what ends in between is told and removed, and has begun all the same.
	begun := a.roster.begun()
	var claimed []graphql.FlowRun
	away := outage{log: a.log, what: "the Prefect API"}
	err = a.retry(ctx, func() (err error) {
		if claimed, err = a.api.ClaimedRuns(ctx); passes(err) {
			away.begin(err)
			return err
		}
		away.over()
		return err
	})
	switch {
	case ctx.Err() != nil:
		return err
	case err != nil: // a Server from before agents had records
		a.log.Warn("Launches that an earlier process left unfinished could not be asked for", "reason", err)
	}
	for _, run := range claimed {
		mark, ok := claimOf(run)
		if !ok || mark.Agent != a.owner.Identity || mark.Engine != engine.ID || begun[execution{run.ID, mark.Attempt}] {
			continue
		}
		if !a.inFlight.add(run.ID) {
			continue
		}
		a.log.Info("Taking up the launch of flow run " + run.ID + ", which an earlier process of this agent left unfinished")
		d := newDueRun(run)
		d.claimed = true
		a.launches.Go(func() {
			defer a.inFlight.remove(run.ID)
			a.deploy(ctx, work, d)
		})
	}
	return nil
}
