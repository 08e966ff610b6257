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
	if d.state.IsScheduled() {
		a.log.Debug("Updating flow run " + d.run.ID + " state from Scheduled -> Submitted...")
		if err := a.submitFlowRun(ctx, d); err != nil {
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
		submitted := graphql.Submitted(state, "Submitted for execution.")
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

// submitFlowRun repeats a claim that failed for reasons that pass, and one whose answer was lost. The API then refuses the repetition as it would
// refuse another agent's claim, so the holder decides.
func (a *Agent) submitFlowRun(ctx context.Context, d *dueRun) error {
	submitted := graphql.Submitted(d.state, "Submitted for execution")
	lost := false
	err := a.retry(ctx, func() error {
		err := a.api.SetFlowRunState(ctx, d.run.ID, d.run.Version, submitted)
		var apiErr *graphql.Error
		if errors.As(err, &apiErr) && apiErr.MayApply {
			lost = true
		}
		if !lost || !errors.Is(err, graphql.ErrClaimed) {
			return err
		}
		state, holder, holderErr := a.api.Holder(ctx, d.run.ID)
		if holderErr != nil {
			return holderErr
		}
		if state == submitted.Type && holder == a.id {
			return nil
		}
		return err
	})
	// An API that never got the claim still has the run in its queue; to fail it would be wrong.
	if !lost && (errors.Is(err, graphql.ErrTemporary) || ctx.Err() != nil) {
		return errNotTaken
	}
	return err
}
