package graphql

import (
	"context"
	"encoding/json"
	"time"
)

// RunStatus is what decides what the end of a container means for its flow run.
type RunStatus struct {
	State     string    // type of the present state; empty: the run does not exist
	Version   int       // of that state
	AgentID   string    // the agent that last submitted the run; may be empty
	Heartbeat time.Time // last sign of life; zero: none
	Claim     *Claim    // mark in the state, where one of our agents left it
	Waiting   bool      // a task run is in a state that waits for an agent or a person
	Crashes   int       // how often the run was scheduled anew with CrashMessage
}

// CrashMessage begins the message of a Scheduled state that follows a crash.
const CrashMessage = "Rescheduled after a crash"

// FlowRunStatus reads the status of a flow run. One that does not exist has no state.
func (c *Client) FlowRunStatus(ctx context.Context, runID string) (RunStatus, error) {
	resp, err := flowRunStatus(ctx, c.t, runID, waitingTypes, CrashMessage+"%")
	if err != nil || len(resp.FlowRun) == 0 {
		return RunStatus{}, err
	}
	run := resp.FlowRun[0]
	status := RunStatus{
		State: value(run.State), Version: run.Version, AgentID: value(run.AgentId), Heartbeat: value(run.Heartbeat),
		Waiting: len(run.TaskRuns) > 0, Crashes: len(run.States),
	}
	if claim, ok := (State{raw: document(run.SerializedState)}).Claim(); ok {
		status.Claim = &claim
	}
	return status, nil
}

// maxIDs bounds one batch: far below what a server takes in one request.
const maxIDs = 500

// FlowRunStates returns the type of the present state of each run that exists.
func (c *Client) FlowRunStates(ctx context.Context, ids []string) (map[string]string, error) {
	states := make(map[string]string, len(ids))
	for len(ids) > 0 {
		batch := ids[:min(maxIDs, len(ids))]
		ids = ids[len(batch):]
		resp, err := flowRunStates(ctx, c.t, batch)
		if err != nil {
			return nil, err
		}
		for _, run := range resp.FlowRun {
			states[run.Id] = value(run.State)
		}
	}
	return states, nil
}

// RunningTaskRuns returns the task runs of a flow run that are Running, mapped children included.
func (c *Client) RunningTaskRuns(ctx context.Context, flowRunID string) ([]TaskRun, error) {
	resp, err := runningTaskRuns(ctx, c.t, flowRunID)
	if err != nil {
		return nil, err
	}
	runs := make([]TaskRun, 0, len(resp.TaskRun))
	for _, t := range resp.TaskRun {
		runs = append(runs, TaskRun{ID: t.Id, Version: t.Version, SerializedState: document(t.SerializedState)})
	}
	return runs, nil
}

// LastLogTime returns the time of the newest line that a logger of this name wrote to a flow run's log;
// zero: none.
func (c *Client) LastLogTime(ctx context.Context, runID, logger string) (time.Time, error) {
	resp, err := lastLogLine(ctx, c.t, runID, logger)
	if err != nil || len(resp.FlowRun) == 0 || len(resp.FlowRun[0].Logs) == 0 {
		return time.Time{}, err
	}
	return resp.FlowRun[0].Logs[0].Timestamp, nil
}

// QueuedRun is a flow run that waits for an agent.
type QueuedRun struct {
	ID     string
	Labels []string
}

// DueOfTenant returns the runs of the tenant that are due, whatever their labels, the oldest first.
func (c *Client) DueOfTenant(ctx context.Context, now time.Time, limit int) ([]QueuedRun, error) {
	resp, err := dueOfTenant(ctx, c.t, c.TenantID(), now, limit)
	if err != nil {
		return nil, err
	}
	runs := make([]QueuedRun, 0, len(resp.FlowRun))
	for _, r := range resp.FlowRun {
		run := QueuedRun{ID: r.Id}
		// Labels in a form that is none of Prefect's belong to nobody here.
		if err := json.Unmarshal(r.Labels, &run.Labels); err != nil {
			continue
		}
		runs = append(runs, run)
	}
	return runs, nil
}
