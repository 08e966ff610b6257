package agent

import (
	"context"
	"sync"
	"time"

	"github.com/docker-prefect/docker-prefect/graphql"
)

// supervise speaks Prefect for a container that does not: a run whose run config brings its own command is
// Running while its container runs and has the container's output in its log. Its end is told like that of
// others. For a container that an earlier process of this agent launched, it goes on where that left off.
func (a *Agent) supervise(c Container, adopted bool) {
	a.follow(c, func(ctx context.Context) {
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
