package agent

import (
	"context"
	"errors"
	"fmt"
	"runtime/debug"
	"time"

	"github.com/docker-prefect/docker-prefect/graphql"
)

// dueRun is a flow run on its way from the queue to its container.
type dueRun struct {
	run       graphql.FlowRun
	state     graphql.State
	stateErr  error      // why run.SerializedState cannot be read
	start     time.Time  // zero: now
	unclaimed *unclaimed // of its second
}

func newDueRun(run graphql.FlowRun) *dueRun {
	d := &dueRun{run: run}
	d.state, d.stateErr = graphql.ParseState(run.SerializedState)
	d.start = d.state.StartTime
	return d
}

// deploy brings one run from the queue into a container and tells the API. It does not fail: what goes
// wrong is the run's own. ctx ends the waiting for the start time; from the claim on, the launch is finished.
func (a *Agent) deploy(ctx context.Context, d *dueRun) {
	work := context.WithoutCancel(ctx)
	defer func() {
		if r := recover(); r != nil {
			a.log.Debug("Panic while deploying flow run "+d.run.ID, "stack", string(debug.Stack()))
			a.reportFailure(work, d.run, fmt.Errorf("internal error of the agent: %v", r))
		}
	}()
	if !a.waitForStart(ctx, d) {
		return
	}
	select {
	case a.slots <- struct{}{}:
	case <-ctx.Done():
		return // not claimed: it stays Scheduled for another agent
	}
	if a.gate.open(ctx) != nil {
		<-a.slots
		return // not claimed either
	}
	launched, info, err := a.claimAndLaunch(work, d)
	<-a.slots
	switch {
	case errors.Is(err, graphql.ErrClaimed):
		a.log.Debug("Updating Flow Run state failed: "+err.Error(), "flow_run", d.run.ID)
	case err != nil:
		a.reportFailure(work, d.run, err)
	default:
		a.log.Info("Completed deployment of flow run " + d.run.ID)
		a.reportSubmitted(work, d.run, info)
		if launched.Exit != nil {
			a.watched.Go(func() { a.supervise(a.streams, d.run, launched) })
		}
	}
}

// waitForStart reports whether the run's time has come, false if ctx ended before.
func (a *Agent) waitForStart(ctx context.Context, d *dueRun) bool {
	if ctx.Err() != nil {
		return false
	}
	delay := time.Until(d.start)
	if d.start.IsZero() || delay <= 0 {
		return true
	}
	a.log.Debug(fmt.Sprintf("Waiting %.6fs to deploy flow run %s on time...", delay.Seconds(), d.run.ID))
	return sleep(ctx, delay)
}

func (a *Agent) claimAndLaunch(ctx context.Context, d *dueRun) (Launched, string, error) {
	if err := a.claimDue(ctx, d); err != nil {
		return Launched{}, "", err
	}
	return a.deployFlow(ctx, d.run)
}

func (a *Agent) claimDue(ctx context.Context, d *dueRun) (err error) {
	defer func() { d.unclaimed.end(err == nil) }()
	if d.stateErr != nil {
		return fmt.Errorf("serialized_state of the flow run: %w", d.stateErr)
	}
	a.log.Info("Deploying flow run " + d.run.ID + " to execution environment...")
	return a.claim(ctx, d)
}
