package agent

import (
	"context"
	"time"

	"github.com/docker-prefect/docker-prefect/graphql"
)

// supervise speaks Prefect for a container that does not: a run whose run config brings its own command is
// Running while its container runs and has the container's output in its log. Its end is told like that of
// others. For a container that an earlier process of this agent launched, it goes on where that left off.
func (a *Agent) supervise(ctx context.Context, c Container, adopted bool) {
	a.begin(ctx, c.runID())
	var since time.Time
	if adopted {
		err := a.retry(ctx, func() (err error) {
			since, err = a.api.LastLogTime(ctx, c.runID(), outputLogger)
			return err
		})
		if err != nil {
			return
		}
	}
	a.copyOutput(ctx, c, since)
}

// copyOutput sends what the container printed since the given time to its run's log.
func (a *Agent) copyOutput(ctx context.Context, c Container, since time.Time) {
	output := a.newRunLogWriter(ctx, c.runID(), since)
	err := a.launcher.Logs(ctx, c.ID, LogsOptions{Follow: true, Since: since, Timestamps: true}, output)
	output.close()
	if err != nil && ctx.Err() == nil {
		a.log.Warn("The output of flow run "+c.runID()+" is incomplete", "reason", err)
	}
}

// begin marks a flow run as Running, and its task runs: in this order, since a task run may be Running only in a
// Running flow run.
func (a *Agent) begin(ctx context.Context, runID string) {
	state := graphql.NewState("Running", "Running flow.")
	err := a.retry(ctx, func() error {
		status, err := a.api.FlowRunStatus(ctx, runID)
		if err != nil || status.State != submittedType {
			return err
		}
		return a.api.SetFlowRunState(ctx, runID, status.Version, state)
	})
	if err == nil {
		err = a.setTaskRuns(ctx, runID, state)
	}
	if err != nil && ctx.Err() == nil {
		a.log.Error("Flow run "+runID+" could not be marked as "+state.Type, "reason", err)
	}
}

// setTaskRuns gives the task runs of a flow run that are not in this state, nor in a final one, the state.
func (a *Agent) setTaskRuns(ctx context.Context, runID string, state graphql.State) error {
	return a.retry(ctx, func() error {
		tasks, err := a.api.TaskRuns(ctx, runID)
		if err != nil {
			return err
		}
		for _, t := range tasks {
			now, err := graphql.ParseState(t.SerializedState)
			if err == nil && (now.Type == state.Type || now.IsFinished()) {
				continue
			}
			if err := a.api.SetTaskRunState(ctx, t.ID, t.Version, state); err != nil {
				return err
			}
		}
		return nil
	})
}
