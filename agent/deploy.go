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

	after  <-chan struct{} // closed once the run before has its slot; nil: there is none
	placed chan struct{}   // closed once this one has, or does not want one any more
}

func newDueRun(run graphql.FlowRun) *dueRun {
	d := &dueRun{run: run, placed: make(chan struct{})}
	d.state, d.stateErr = graphql.ParseState(run.SerializedState)
	d.start = d.state.StartTime
	return d
}

// deploy brings one run from the queue into a container and tells the API. It does not fail: what goes
// wrong is the run's own. ctx ends the waiting for the start time; from the claim on, the launch is finished,
// though an API that is away is not waited for as long then.
func (a *Agent) deploy(ctx context.Context, d *dueRun) {
	work, cancel := lingering(ctx)
	defer cancel()
	defer func() {
		if r := recover(); r != nil {
			a.log.Debug("Panic while deploying flow run "+d.run.ID, "stack", string(debug.Stack()))
			a.reportFailure(work, d.run, fmt.Errorf("internal error of the agent: %v", r))
		}
	}()
	if !a.waitForStart(ctx, d) {
		return
	}
	launched, info, err := a.launchInTurn(ctx, work, d)
	switch {
	case errors.Is(err, errNotTaken):
		return
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

// errNotTaken: the run was not claimed. It stays Scheduled, for another agent or a later poll.
var errNotTaken = errors.New("not taken")

// launchInTurn claims and launches the run in a slot, which the runs that start earlier get first.
func (a *Agent) launchInTurn(ctx, work context.Context, d *dueRun) (Launched, string, error) {
	if !a.takeSlot(ctx, d) {
		return Launched{}, "", errNotTaken
	}
	defer func() { <-a.slots }()
	if a.gate.open(ctx) != nil {
		return Launched{}, "", errNotTaken
	}
	if err := a.claimDue(work, d); err != nil {
		return Launched{}, "", err
	}
	return a.deployFlow(context.WithoutCancel(ctx), d.run)
}

// takeSlot reports false if ctx ended first.
func (a *Agent) takeSlot(ctx context.Context, d *dueRun) bool {
	defer close(d.placed)
	if d.after != nil {
		select {
		case <-d.after:
		case <-ctx.Done():
			return false
		}
	}
	select {
	case a.slots <- struct{}{}:
		if ctx.Err() == nil {
			return true
		}
		<-a.slots // it came together with the end
		return false
	case <-ctx.Done():
		return false
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

func (a *Agent) claimDue(ctx context.Context, d *dueRun) (err error) {
	defer func() { d.unclaimed.end(err == nil) }()
	if d.stateErr != nil {
		return fmt.Errorf("serialized_state of the flow run: %w", d.stateErr)
	}
	a.log.Info("Deploying flow run " + d.run.ID + " to execution environment...")
	return a.claim(ctx, d)
}
