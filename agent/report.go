package agent

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/docker-prefect/docker-prefect/graphql"
)

// reportSubmitted tells the run's log where it went. That the log cannot be written does not make the
// run a failed one: its container runs (1.4.1 agent.py would fail it).
func (a *Agent) reportSubmitted(ctx context.Context, run graphql.FlowRun, info string) {
	if err := a.writeLog(ctx, run.ID, graphql.LevelInfo, "Submitted for execution: "+info); err != nil {
		a.log.Warn("The log of flow run "+run.ID+" could not be written; its container runs", "reason", err)
	}
}

// reportFailure tells the run's log why it failed, then marks it Failed, whether or not the log could
// be written (1.4.1 agent.py would leave it in Submitted). A run that was cancelled meanwhile stays so.
func (a *Agent) reportFailure(ctx context.Context, run graphql.FlowRun, cause error) {
	reason := oneLine(cause)
	a.log.Error("Exception encountered while deploying flow run "+run.ID, "reason", reason)
	if err := a.writeLog(ctx, run.ID, graphql.LevelError, reason); err != nil {
		a.log.Warn("The log of flow run "+run.ID+" could not be written", "reason", err)
	}
	a.log.Error("Updating flow run " + run.ID + " state to Failed...")
	err := a.finish(ctx, run.ID, graphql.NewState("Failed", reason), func(s graphql.RunStatus) bool {
		return s.AgentID == "" || s.AgentID == a.owner.AgentID
	})
	if err != nil {
		a.log.Error("Flow run "+run.ID+" could not be marked as Failed", "reason", err)
	}
	a.log.Error("Deployment of " + run.ID + " aborted!")
}

// finish sets the state that a run has reached, unless the API's own is final or may not be replaced. A run
// that is being cancelled becomes Cancelled, whatever it reached. Each attempt looks first: the one before may
// have been applied though its answer was lost, and somebody else may have come in between.
func (a *Agent) finish(ctx context.Context, runID string, state graphql.State, may func(graphql.RunStatus) bool) error {
	return a.retry(ctx, func() error {
		status, err := a.api.FlowRunStatus(ctx, runID)
		if err != nil || status.State == "" || graphql.NewState(status.State, "").IsFinished() || !may(status) {
			return err
		}
		next := state
		if status.State == cancellingType {
			next = graphql.NewState("Cancelled", state.Message)
		}
		err = a.api.SetFlowRunState(ctx, runID, status.Version, next)
		if errors.Is(err, graphql.ErrClaimed) { // it moved on just now
			return fmt.Errorf("%w: %w", graphql.ErrTemporary, err)
		}
		return err
	})
}

const cancellingType = "Cancelling"

func (a *Agent) writeLog(ctx context.Context, runID, level, message string) error {
	line := graphql.RunLog{FlowRunID: runID, Name: a.cfg.Name, Level: level, Message: message}
	return a.retry(ctx, func() error { return a.api.WriteRunLogs(ctx, line) })
}

// oneLine is an error as people read it in a list.
func oneLine(err error) string {
	return strings.Join(strings.FieldsFunc(err.Error(), func(r rune) bool { return r == '\n' || r == '\r' }), "; ")
}
