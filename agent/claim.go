package agent

import (
	"context"
	"errors"
	"fmt"

	"github.com/docker-prefect/docker-prefect/graphql"
)

// claim moves the run, and its task runs that are due, to Submitted (1.4.1 agent.py). The first to do
// so has the run; graphql.ErrClaimed tells that it was somebody else.
//
// The state of a run that is not scheduled (Running, with a task run left to the agent) stays.
func (a *Agent) claim(ctx context.Context, d *dueRun) error {
	engine, err := a.launcher.Info(ctx)
	if err != nil {
		return errNotTaken
	}
	mark := graphql.Claim{Agent: a.owner.Identity, Engine: engine.ID, Attempt: attemptOf(d.run)}
	if d.state.IsScheduled() {
		a.log.Debug("Updating flow run " + d.run.ID + " state from Scheduled -> Submitted...")
		if err := a.submitFlowRun(ctx, d, mark); err != nil {
			return err
		}
	}
	count := 0
	for _, t := range d.run.TaskRuns {
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
		a.log.Debug(fmt.Sprintf("Updated %d task runs states for flow run %s from  Scheduled -> Submitted", count, d.run.ID))
	}
	return nil
}

// claimAttempts with the waits of backOff span about a minute and a half, a little more than Prefect's client
// allows for one request (1.4.1 client.py). A run that could not be claimed by then stays in the queue.
const claimAttempts = 8

// submitFlowRun repeats a claim that failed for reasons that pass, and one whose answer was lost. The API then
// refuses the repetition as it would refuse another agent's claim, so the holder decides; who that is is asked
// until there is an answer.
func (a *Agent) submitFlowRun(ctx context.Context, d *dueRun, mark graphql.Claim) error {
	submitted := graphql.Submitted(d.state, "Submitted for execution", mark)
	lost := false
	err := a.retryTimes(ctx, claimAttempts, func() error {
		err := a.api.SetFlowRunState(ctx, d.run.ID, d.run.Version, submitted)
		var apiErr *graphql.Error
		if errors.As(err, &apiErr) && apiErr.MayApply {
			lost = true
		}
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
