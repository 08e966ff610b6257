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
//
// The run is in flight until this returns, and its end is not told before, so a log that cannot be written at
// present is left to the background.
func (a *Agent) reportSubmitted(ctx context.Context, run graphql.FlowRun, info string) {
	write := a.logLine(ctx, run.ID, graphql.LevelInfo, "Submitted for execution: "+info)
	warn := func(err error) {
		if err != nil {
			a.log.Warn("The log of flow run "+run.ID+" could not be written; its container runs", "reason", err)
		}
	}
	err := a.retryTimes(ctx, patientLines, write)
	if passes(err) {
		a.reports.Go(func() { warn(a.retry(ctx, write)) })
		return
	}
	warn(err)
}

// reportFailure tells the run's log why it failed, then marks it Failed, whether or not the log could
// be written (1.4.1 agent.py would leave it in Submitted). A run that was cancelled meanwhile stays so.
func (a *Agent) reportFailure(ctx context.Context, run graphql.FlowRun, cause error) {
	reason := oneLine(cause)
	a.log.Error("Exception encountered while deploying flow run "+run.ID, "reason", reason)
	err := a.explain(ctx, run.ID, graphql.LevelError, reason, func() error {
		a.log.Error("Updating flow run " + run.ID + " state to Failed...")
		return a.finish(ctx, run.ID, graphql.NewState("Failed", reason), func(s graphql.RunStatus) bool {
			return s.AgentID == "" || s.AgentID == a.owner.AgentID
		})
	})
	if err != nil {
		a.log.Error("Flow run "+run.ID+" could not be marked as Failed", "reason", err)
	}
	a.log.Error("Deployment of " + run.ID + " aborted!")
}

// patientLines is how often a log line is tried before the state that it explains is set without it.
const patientLines = 3

// explain writes a line into a run's log, then sets the state that it explains. A log that cannot be written at
// present does not hold up the state, and is written afterwards.
func (a *Agent) explain(ctx context.Context, runID, level, message string, set func() error) error {
	write := a.logLine(ctx, runID, level, message)
	logErr := a.retryTimes(ctx, patientLines, write)
	err := set()
	if passes(logErr) && ctx.Err() == nil {
		logErr = a.retry(ctx, write)
	}
	if logErr != nil {
		a.log.Warn("The log of flow run "+runID+" could not be written", "reason", logErr)
	}
	return err
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

// logLine returns what writes a line of the agent's into a run's log, once.
func (a *Agent) logLine(ctx context.Context, runID, level, message string) func() error {
	line := graphql.RunLog{FlowRunID: runID, Name: a.cfg.Name, Level: level, Message: message}
	return func() error { return a.api.WriteRunLogs(ctx, line) }
}

// oneLine is an error as people read it in a list.
func oneLine(err error) string {
	return strings.Join(strings.FieldsFunc(err.Error(), func(r rune) bool { return r == '\n' || r == '\r' }), "; ")
}
