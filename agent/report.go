package agent

import (
	"context"
	"strings"

	"github.com/docker-prefect/docker-prefect/graphql"
)

// reportSubmitted tells the run's log where it went. That the log cannot be written does not make the
// run a failed one: its container runs (1.4.1 agent.py would fail it).
func (a *Agent) reportSubmitted(ctx context.Context, run graphql.FlowRun, info string) {
	if err := a.writeLog(ctx, run, graphql.LevelInfo, "Submitted for execution: "+info); err != nil {
		a.log.Warn("The log of flow run "+run.ID+" could not be written; its container runs", "reason", err)
	}
}

// reportFailure tells the run's log why it failed, then marks it Failed, whether or not the log could
// be written (1.4.1 agent.py would leave it in Submitted).
func (a *Agent) reportFailure(ctx context.Context, run graphql.FlowRun, cause error) {
	reason := oneLine(cause)
	a.log.Error("Exception encountered while deploying flow run "+run.ID, "reason", reason)
	if err := a.writeLog(ctx, run, graphql.LevelError, reason); err != nil {
		a.log.Warn("The log of flow run "+run.ID+" could not be written", "reason", err)
	}
	a.log.Error("Updating flow run " + run.ID + " state to Failed...")
	failed := graphql.NewState("Failed", reason)
	err := a.retry(ctx, func() error { return a.api.SetFlowRunState(ctx, run.ID, run.Version, failed) })
	if err != nil {
		a.log.Error("Flow run "+run.ID+" could not be marked as Failed", "reason", err)
	}
	a.log.Error("Deployment of " + run.ID + " aborted!")
}

func (a *Agent) writeLog(ctx context.Context, run graphql.FlowRun, level, message string) error {
	line := graphql.RunLog{FlowRunID: run.ID, Name: a.cfg.Name, Level: level, Message: message}
	return a.retry(ctx, func() error { return a.api.WriteRunLogs(ctx, line) })
}

// oneLine is an error as people read it in a list.
func oneLine(err error) string {
	return strings.Join(strings.FieldsFunc(err.Error(), func(r rune) bool { return r == '\n' || r == '\r' }), "; ")
}
