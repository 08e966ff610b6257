package agent

import (
	"context"
	"sync"
	"time"

	"github.com/docker-prefect/docker-prefect/graphql"
)

// superviseLaunched speaks Prefect for a container that does not: a run whose run config brings its own
// command is Running while its container runs and has the container's output in its log. Its end is told like
// that of others.
func (a *Agent) superviseLaunched(c Container) {
	a.follow(c, func(ctx context.Context) {
		a.setStates(ctx, c.runID(), 0, graphql.NewState("Running", "Running flow."))
		a.copyOutput(ctx, c, time.Time{})
	})
}

// superviseAdopted goes on where an earlier process of this agent left off.
func (a *Agent) superviseAdopted(c Container) {
	a.follow(c, func(ctx context.Context) {
		var status graphql.RunStatus
		err := a.retry(ctx, func() (err error) {
			status, err = a.api.FlowRunStatus(ctx, c.runID())
			return err
		})
		if err != nil {
			return
		}
		if status.State == submittedType {
			a.setStates(ctx, c.runID(), status.Version, graphql.NewState("Running", "Running flow."))
		}
		var last time.Time
		err = a.retry(ctx, func() (err error) {
			last, err = a.api.LastLogTime(ctx, c.runID(), outputLogger)
			return err
		})
		if err == nil {
			a.copyOutput(ctx, c, last)
		}
	})
}

// follow runs work for as long as the container lives or the agent does. The end of the container is told
// afterwards.
func (a *Agent) follow(c Container, work func(context.Context)) {
	done := a.copies.begin(c.ID)
	a.following.Go(func() {
		defer done()
		work(a.streams)
	})
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

// copies are the containers whose output is being copied.
type copies struct {
	mu   sync.Mutex
	done map[string]chan struct{}
}

// begin returns what ends it.
func (s *copies) begin(id string) (end func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.done == nil {
		s.done = map[string]chan struct{}{}
	}
	done := make(chan struct{})
	s.done[id] = done
	return func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		delete(s.done, id)
		close(done)
	}
}

// wait waits until a container's output is copied, and reports false if ctx ended first.
func (s *copies) wait(ctx context.Context, id string) bool {
	s.mu.Lock()
	done := s.done[id]
	s.mu.Unlock()
	if done == nil {
		return true
	}
	select {
	case <-done:
		return true
	case <-ctx.Done():
		return false
	}
}

// setStates sets the flow run's state and that of its task runs, in the order that the API wants: a task
// run may be Running only in a Running flow run, and a flow run finishes last.
func (a *Agent) setStates(ctx context.Context, runID string, version int, state graphql.State) {
	setFlowRun := func() error { return a.api.SetFlowRunState(ctx, runID, version, state) }
	setTaskRuns := func() error {
		tasks, err := a.api.TaskRuns(ctx, runID)
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
		if err := a.retry(ctx, set); err != nil && ctx.Err() == nil {
			a.log.Error("Flow run "+runID+" could not be marked as "+state.Type, "reason", err)
		}
	}
}
