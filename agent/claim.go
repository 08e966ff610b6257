package agent

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/docker-prefect/docker-prefect/graphql"
)

// claim moves a scheduled run, and its task runs that are due, to Submitted (1.4.1 agent.py). The first to do
// so has the run; graphql.ErrClaimed tells that it was somebody else.
func (a *Agent) claim(ctx context.Context, d *dueRun) error {
	mark, err := a.mark(ctx, d.run)
	if err != nil {
		return errNotTaken
	}
	a.log.Debug("Updating flow run " + d.run.ID + " state from Scheduled -> Submitted...")
	if err := a.submitFlowRun(ctx, d, mark); err != nil {
		return err
	}
	return a.submitTaskRuns(ctx, d.run, mark)
}

// claimRetry claims the task runs of a Running run that were left to the agent; its own state stays (1.4.1
// agent.py). No API refuses the second claim of a task run, so the engine has to: the container comes first,
// and what is due is read again once it is there.
func (a *Agent) claimRetry(ctx context.Context, d *dueRun) error {
	mark, err := a.mark(ctx, d.run)
	if err != nil {
		return errNotTaken
	}
	c, err := a.reserve(ctx, d.run)
	if err != nil || !c.neverBegan() {
		return err
	}
	found, err := a.api.DueFlowRuns(ctx, []string{d.run.ID}, time.Now().Add(-taskRunGrace))
	if err != nil || len(found) == 0 || attemptOf(found[0]) != mark.Attempt {
		if err := a.remove(ctx, c.ID); err != nil && ctx.Err() == nil {
			a.log.Warn("A container that is not needed is left behind", "container", short(c.ID), "reason", err)
		}
		return errNotTaken
	}
	d.run, d.reserved = found[0], c.ID
	return a.submitTaskRuns(ctx, d.run, mark)
}

// mark is what a claim of the run leaves in its state.
func (a *Agent) mark(ctx context.Context, run graphql.FlowRun) (graphql.Claim, error) {
	engine, err := a.launcher.Info(ctx)
	return graphql.Claim{Agent: a.owner.Identity, Engine: engine.ID, Attempt: attemptOf(run)}, err
}

func (a *Agent) submitTaskRuns(ctx context.Context, run graphql.FlowRun, mark graphql.Claim) error {
	count := 0
	for _, t := range run.TaskRuns {
		state, err := graphql.ParseState(t.SerializedState)
		if err != nil {
			return fmt.Errorf("serialized_state of task run %s: %w", t.ID, err)
		}
		if !state.IsScheduled() {
			continue
		}
		// With a full stop, unlike the flow run's message.
		submitted := graphql.Submitted(state, "Submitted for execution.", mark)
		err = a.retry(ctx, func() error { return a.api.SetTaskRunState(ctx, t.ID, t.Version, submitted) })
		if err != nil {
			return err
		}
		count++
	}
	if count > 0 {
		a.log.Debug(fmt.Sprintf("Updated %d task runs states for flow run %s from  Scheduled -> Submitted", count, run.ID))
	}
	return nil
}

// claimAttempts with the waits of backOff span about a minute and a half, a little more than Prefect's client
// allows for one request (1.4.1 client.py). A run that could not be claimed by then stays in the queue.
const claimAttempts = 8

// submitFlowRun claims a flow run. Only the first attempt goes by what the queue told: Server refuses a claim
// for 30 s after another, no longer, so that a later attempt has to look whether the run still waits. An attempt
// whose answer was lost is resolved by asking who holds the run, until there is an answer: the API refuses its
// repetition as it would refuse another agent's claim.
func (a *Agent) submitFlowRun(ctx context.Context, d *dueRun, mark graphql.Claim) error {
	submitted := graphql.Submitted(d.state, "Submitted for execution", mark)
	first, lost := true, false
	err := a.retryTimes(ctx, claimAttempts, func() error {
		if !first {
			status, err := a.api.FlowRunStatus(ctx, d.run.ID)
			switch {
			case err != nil:
				return err
			case status.State != d.state.Type || status.Version != d.run.Version:
				return errMovedOn
			}
		}
		first = false
		err := a.api.SetFlowRunState(ctx, d.run.ID, d.run.Version, submitted)
		var apiErr *graphql.Error
		lost = lost || errors.As(err, &apiErr) && apiErr.MayApply
		return err
	})
	switch {
	case err == nil:
		return nil
	case !lost && (passes(err) || ctx.Err() != nil):
		// An API that never got the claim still has the run in its queue; to fail it would be wrong.
		return errNotTaken
	case !lost || !passes(err) && !errors.Is(err, graphql.ErrClaimed):
		return err
	}
	var status graphql.RunStatus
	askErr := a.retry(ctx, func() (err error) {
		status, err = a.api.FlowRunStatus(ctx, d.run.ID)
		return err
	})
	switch {
	case askErr != nil:
		return askErr
	case a.holds(status, mark):
		return nil
	case errors.Is(err, graphql.ErrClaimed):
		return err
	}
	return errNotTaken
}

// errMovedOn: somebody else set the run's state since it was found in the queue.
var errMovedOn = fmt.Errorf("it does not wait any more: %w", graphql.ErrClaimed)

// holds tells whether a run is Submitted by the claim with this mark. Agents of one name share their id, so
// the id counts only where the API did not keep the mark.
func (a *Agent) holds(status graphql.RunStatus, mark graphql.Claim) bool {
	if status.State != submittedType {
		return false
	}
	if status.Claim != nil {
		return *status.Claim == mark
	}
	return status.AgentID == a.owner.AgentID
}
