package agent

import (
	"context"
	"fmt"

	"github.com/docker-prefect/docker-prefect/graphql"
)

// supervise speaks Prefect for a container that does not: a run whose run config brings its own command
// is Running while its container runs, has the container's output in its log, and ends as Success or
// Failed by the exit code.
//
// When the agent ends first, the container goes on and the run stays Running.
func (a *Agent) supervise(ctx context.Context, run graphql.FlowRun, launched Launched) {
	work, cancel := lingering(ctx)
	defer cancel()
	a.setStates(work, run, graphql.NewState("Running", "Running flow."))
	output := a.newRunLogWriter(work, run)
	copyErr := a.launcher.Logs(ctx, launched.ID, output)
	output.close()
	exit, ended := waitExit(ctx, launched.Exit)
	if !ended {
		a.log.Warn("Flow run "+run.ID+" goes on without this agent, which was to report its end; it stays Running", "container", short(launched.ID))
		return
	}
	if copyErr != nil {
		a.log.Warn("The output of flow run "+run.ID+" is incomplete", "reason", copyErr)
	}
	a.conclude(work, run, exit)
	if launched.RemoveAfter {
		if err := a.launcher.Remove(work, launched.ID); err != nil {
			a.log.Warn("The container of flow run "+run.ID+" is left behind", "reason", err)
		}
	}
}

// conclude reports how the container ended. A state that is final already stays, and what was being
// cancelled is then cancelled: the API itself would let any state overwrite any other.
func (a *Agent) conclude(ctx context.Context, run graphql.FlowRun, exit Exit) {
	state, level := exitState(exit)
	if err := a.writeLog(ctx, run, level, state.Message); err != nil {
		a.log.Warn("The log of flow run "+run.ID+" could not be written", "reason", err)
	}
	var held string
	err := a.retry(ctx, func() (err error) {
		held, _, err = a.api.Holder(ctx, run.ID)
		return err
	})
	switch {
	case err != nil:
		a.log.Error("Flow run "+run.ID+" could not be marked as "+state.Type, "reason", err)
		return
	case graphql.NewState(held, "").IsFinished():
		a.log.Info("Flow run "+run.ID+" ended", "state", held)
		return
	case held == "Cancelling":
		state = graphql.NewState("Cancelled", state.Message)
	}
	a.setStates(ctx, run, state)
	a.log.Info("Flow run "+run.ID+" ended", "state", state.Type)
}

// waitExit prefers an exit that has come to a context that has ended.
func waitExit(ctx context.Context, exits <-chan Exit) (exit Exit, ended bool) {
	select {
	case exit = <-exits:
		return exit, true
	default:
	}
	select {
	case exit = <-exits:
		return exit, true
	case <-ctx.Done():
		return Exit{}, false
	}
}

func exitState(exit Exit) (state graphql.State, level string) {
	switch {
	case exit.Err != nil:
		return graphql.NewState("Failed", "The container's end was not seen: "+oneLine(exit.Err)), graphql.LevelError
	case exit.Code != 0:
		return graphql.NewState("Failed", fmt.Sprintf("The container exited with status %d.", exit.Code)), graphql.LevelError
	}
	return graphql.NewState("Success", "The container exited with status 0."), graphql.LevelInfo
}

// setStates sets the flow run's state and that of its task runs, in the order that the API wants: a task
// run may be Running only in a Running flow run, and a flow run finishes last.
func (a *Agent) setStates(ctx context.Context, run graphql.FlowRun, state graphql.State) {
	setFlowRun := func() error { return a.api.SetFlowRunState(ctx, run.ID, run.Version, state) }
	setTaskRuns := func() error {
		tasks, err := a.api.TaskRuns(ctx, run.ID)
		if err != nil {
			return err
		}
		for _, t := range tasks {
			if err := a.api.SetTaskRunState(ctx, t.ID, t.Version, state); err != nil {
				return err
			}
		}
		return nil
	}
	order := []func() error{setFlowRun, setTaskRuns}
	if state.IsFinished() {
		order = []func() error{setTaskRuns, setFlowRun}
	}
	for _, set := range order {
		if err := a.retry(ctx, set); err != nil {
			a.log.Error("Flow run "+run.ID+" could not be marked as "+state.Type, "reason", err)
		}
	}
}
