package graphql

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"
)

// agentType is what user interfaces know the agent by, and part of its record's identity (9.1 of
// Server's register_agent).
const agentType = "DockerAgent"

// RegisterAgent registers the agent in the tenant in use and returns its id, which every later
// request carries. configID may be empty.
func (c *Client) RegisterAgent(ctx context.Context, name string, labels []string, configID string) (string, error) {
	kind, tenant := agentType, c.TenantID()
	input := RegisterAgentInput{Type: kind, Name: &name, Labels: notNil(labels), TenantId: optional(tenant), AgentConfigId: optional(configID)}
	resp, err := registerAgent(ctx, c.t, input)
	if err != nil {
		return "", c.explainTenant(err, configID)
	}
	if resp.RegisterAgent == nil || resp.RegisterAgent.Id == nil || *resp.RegisterAgent.Id == "" {
		return "", errors.New("the API answered the registration without an agent id")
	}
	id := *resp.RegisterAgent.Id
	c.t.agentID.Store(&id)
	return id, nil
}

// explainTenant says what Server may mean by its word for a tenant or an agent config that does not exist.
func (c *Client) explainTenant(err error, configID string) error {
	var apiErr *Error
	if !errors.As(err, &apiErr) || !strings.Contains(apiErr.Message, "Foreign key violation") {
		return err
	}
	apiErr.Message = fmt.Sprintf("%s; does tenant %s exist there? Without --tenant-id the API's own is used", apiErr.Message, c.TenantID())
	if configID != "" {
		apiErr.Message += fmt.Sprintf(". And agent config %s?", configID)
	}
	return err
}

// AgentConfig returns the settings of an agent config record.
func (c *Client) AgentConfig(ctx context.Context, id string) (json.RawMessage, error) {
	resp, err := agentConfig(ctx, c.t, id)
	if err != nil {
		return nil, err
	}
	if len(resp.AgentConfig) == 0 {
		return nil, fmt.Errorf("agent config %s does not exist", id)
	}
	return document(resp.AgentConfig[0].Settings), nil
}

// RunsInQueue returns the ids of the runs that start before the given time and match the labels,
// at most 25 of them on Server, by start time.
func (c *Client) RunsInQueue(ctx context.Context, before time.Time, labels []string) ([]string, error) {
	resp, err := runsInQueue(ctx, c.t, GetRunsInQueueInput{TenantId: c.TenantID(), Before: &before, Labels: notNil(labels)})
	if err != nil || resp.GetRunsInQueue == nil {
		return nil, err
	}
	return resp.GetRunsInQueue.FlowRunIds, nil
}

// DueFlowRuns returns those of the runs that an agent may launch: the Scheduled ones, and the Running
// ones with task runs due at the given time. Runs that moved on meanwhile are missing.
func (c *Client) DueFlowRuns(ctx context.Context, ids []string, due time.Time) ([]FlowRun, error) {
	resp, err := dueFlowRuns(ctx, c.t, ids, due)
	if err != nil {
		return nil, err
	}
	return launchable(resp.FlowRun), nil
}

// ClaimedRuns returns the flow runs that are Submitted by this agent, and Running ones with task runs that
// somebody submitted; those are in TaskRuns.
func (c *Client) ClaimedRuns(ctx context.Context) ([]FlowRun, error) {
	resp, err := claimedRuns(ctx, c.t, value(c.t.agentID.Load()))
	if err != nil {
		return nil, err
	}
	return launchable(resp.FlowRun), nil
}

func launchable(found []launchableRun) []FlowRun {
	runs := make([]FlowRun, 0, len(found))
	for _, r := range found {
		run := FlowRun{
			ID: r.Id, Name: value(r.Name), Version: r.Version, State: value(r.State),
			SerializedState: document(r.SerializedState), RunConfig: document(r.RunConfig),
			Flow: Flow{
				ID: r.Flow.Id, Name: r.Flow.Name, CoreVersion: value(r.Flow.CoreVersion),
				Storage: document(r.Flow.Storage), Environment: document(r.Flow.Environment),
			},
		}
		for _, t := range r.TaskRuns {
			run.TaskRuns = append(run.TaskRuns, TaskRun{ID: t.Id, Version: t.Version, SerializedState: document(t.SerializedState)})
		}
		runs = append(runs, run)
	}
	return runs
}

// SetFlowRunState sets one flow run's state; version is the one that was read, which only Cloud
// compares. ErrClaimed if the API refuses because of somebody else's claim.
func (c *Client) SetFlowRunState(ctx context.Context, runID string, version int, state State) error {
	element := SetFlowRunStateInput{FlowRunId: runID, Version: &version, State: state.raw}
	_, err := setFlowRunStates(ctx, c.t, SetFlowRunStatesInput{States: []SetFlowRunStateInput{element}})
	return err
}

// SetTaskRunState sets one task run's state, as SetFlowRunState does for flow runs.
func (c *Client) SetTaskRunState(ctx context.Context, taskRunID string, version int, state State) error {
	element := SetTaskRunStateInput{TaskRunId: taskRunID, Version: &version, State: state.raw}
	_, err := setTaskRunStates(ctx, c.t, SetTaskRunStatesInput{States: []SetTaskRunStateInput{element}})
	return err
}

// UpdateFlowRunHeartbeat says that a flow run lives. An API without the run takes it, too.
func (c *Client) UpdateFlowRunHeartbeat(ctx context.Context, runID string) error {
	_, err := updateFlowRunHeartbeat(ctx, c.t, UpdateFlowRunHeartbeatInput{FlowRunId: runID})
	return err
}

// WriteRunLogs appends lines to the logs of flow runs. The server stamps lines without a time.
func (c *Client) WriteRunLogs(ctx context.Context, lines ...RunLog) error {
	input := WriteRunLogsInput{Logs: make([]WriteRunLogInput, 0, len(lines))}
	for _, l := range lines {
		line := WriteRunLogInput{FlowRunId: &l.FlowRunID, Name: &l.Name, Level: &l.Level, Message: &l.Message}
		if !l.Timestamp.IsZero() {
			line.Timestamp = &l.Timestamp
		}
		input.Logs = append(input.Logs, line)
	}
	resp, err := writeRunLogs(ctx, c.t, input)
	if err != nil {
		return err
	}
	if resp.WriteRunLogs == nil || !value(resp.WriteRunLogs.Success) {
		return errors.New("the API did not accept the log lines")
	}
	return nil
}

// value dereferences an optional field; absent is the zero value.
func value[T any](p *T) T {
	if p == nil {
		var zero T
		return zero
	}
	return *p
}

// optional turns an empty text into an absent field.
func optional(s string) *string {
	if s == "" {
		return nil
	}
	return &s
}

// notNil sends an empty list as such: an explicit null makes Server's resolver fail.
func notNil(labels []string) []string {
	if labels == nil {
		return []string{}
	}
	return labels
}

// document drops the JSON null, so that nil alone means "none".
func document(raw *json.RawMessage) json.RawMessage {
	if raw == nil || string(*raw) == "null" {
		return nil
	}
	return *raw
}
