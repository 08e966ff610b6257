package agent

import (
	"context"
	"errors"
	"fmt"
	"runtime/debug"
	"strings"
	"time"

	"github.com/containerd/errdefs"

	"github.com/docker-prefect/docker-prefect/graphql"
)

// dueRun is a flow run on its way from the queue to its container.
type dueRun struct {
	run       graphql.FlowRun
	state     graphql.State
	stateErr  error      // why run.SerializedState cannot be read
	start     time.Time  // zero: now
	read      time.Time  // when the API told of it
	claimed   bool       // by an earlier process of this agent
	reserved  string     // id of its container, if that comes before the claim
	unclaimed *unclaimed // of its second

	after  <-chan struct{} // closed once the run before has its slot; nil: there is none
	placed chan struct{}   // closed once this one has, or does not want one any more
}

func newDueRun(run graphql.FlowRun) *dueRun {
	d := &dueRun{run: run, read: time.Now(), placed: make(chan struct{})}
	d.state, d.stateErr = graphql.ParseState(run.SerializedState)
	d.start = d.state.StartTime
	return d
}

// deploy brings one run from the queue into a container and tells the API. It does not fail: what goes
// wrong is the run's own. ctx ends the waiting for the start time; from the claim on, the launch is finished
// under work.
func (a *Agent) deploy(ctx, work context.Context, d *dueRun) {
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
	case errors.Is(err, graphql.ErrClaimed):
		a.refused.add(d.run.ID, refusalPause)
		a.log.Debug("Updating Flow Run state failed: "+err.Error(), "flow_run", d.run.ID)
	case errors.Is(err, ErrElsewhere):
		a.refused.add(d.run.ID, elsewherePause)
		a.log.Info("Flow run "+d.run.ID+" was launched by another agent on this engine", "reason", err)
	case err != nil && work.Err() != nil:
		a.log.Warn("The launch of flow run "+d.run.ID+" was not finished; this agent takes it up when it is started again", "reason", err)
	case err != nil:
		a.reportFailure(work, d.run, err)
	default:
		a.log.Info("Completed deployment of flow run " + d.run.ID)
		a.reportSubmitted(work, d.run, info)
		if launched.isCommand() {
			a.follow(launched.ID, func(ctx context.Context) { a.supervise(ctx, launched, false) })
		}
	}
}

// errNotTaken: the run was not claimed. It stays Scheduled, for another agent or a later poll.
var errNotTaken = errors.New("not taken")

// launchInTurn claims and launches the run in a slot, which the runs that start earlier get first.
func (a *Agent) launchInTurn(ctx, work context.Context, d *dueRun) (Container, string, error) {
	if !a.takeSlot(ctx, d) {
		return Container{}, "", errNotTaken
	}
	defer func() { <-a.slots }()
	if !d.claimed {
		if a.gate.open(ctx) != nil {
			return Container{}, "", errNotTaken
		}
		if err := a.claimDue(ctx, work, d); err != nil {
			return Container{}, "", err
		}
	}
	defer a.whileLaunching(work, d.run.ID)()
	return a.launch(work, d)
}

// maxInterrupted is how often a launch is taken up again that the engine's absence interrupted.
const maxInterrupted = 10

// launch executes a claimed run.
func (a *Agent) launch(work context.Context, d *dueRun) (launched Container, info string, err error) {
	err = a.throughOutages(work, d.run, func() error {
		launched, info, err = a.deployFlow(work, d.run, d.reserved)
		return err
	})
	return launched, info, err
}

// reserve creates the container of a run that is not claimed yet.
func (a *Agent) reserve(work context.Context, run graphql.FlowRun) (c Container, err error) {
	err = a.throughOutages(work, run, func() error {
		spec, err := a.buildSpec(work, run)
		if err != nil {
			return err
		}
		c, err = a.launcher.Reserve(work, spec)
		return err
	})
	return c, err
}

// throughOutages takes up again what an engine that went away has interrupted: names make that safe. The run's
// state stays meanwhile.
func (a *Agent) throughOutages(work context.Context, run graphql.FlowRun, launch func() error) error {
	pause := newBackOff()
	for n := 1; ; n++ {
		err := launch()
		full := isDiskFull(err)
		if err == nil {
			a.gate.fits()
		}
		if err == nil || !full && !errdefs.IsUnavailable(err) || n == maxInterrupted {
			return err
		}
		a.log.Debug("The launch of flow run "+run.ID+" was interrupted", "reason", err)
		if full {
			a.gate.full(err)
		} else {
			a.gate.doubt()
		}
		if !a.gate.wait(work) || !sleep(work, pause.next(err)) {
			return err
		}
	}
}

// isDiskFull goes by the text: engines have no kind of error for it.
func isDiskFull(err error) bool {
	return err != nil && strings.Contains(err.Error(), "no space left on device")
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
	if d.claimed || d.start.IsZero() || delay <= 0 {
		return true
	}
	a.log.Debug(fmt.Sprintf("Waiting %.6fs to deploy flow run %s on time...", delay.Seconds(), d.run.ID))
	return sleep(ctx, delay)
}

// maxAge is how old the news of a run may be when it is claimed. Waiting for the start time takes up to
// prefetch; a run that waited longer, for a slot, may have been cancelled.
const maxAge = prefetch + 5*time.Second

func (a *Agent) claimDue(ctx, work context.Context, d *dueRun) (err error) {
	defer func() { d.unclaimed.end(err == nil) }()
	if time.Since(d.read) > maxAge {
		found, err := a.api.DueFlowRuns(ctx, []string{d.run.ID}, time.Now().Add(-taskRunGrace))
		if err != nil || len(found) == 0 || found[0].Version != d.run.Version {
			return errNotTaken
		}
	}
	if d.stateErr != nil {
		return fmt.Errorf("serialized_state of the flow run: %w", d.stateErr)
	}
	a.log.Info("Deploying flow run " + d.run.ID + " to execution environment...")
	if d.state.IsScheduled() {
		return a.claim(work, d)
	}
	return a.claimRetry(work, d)
}
