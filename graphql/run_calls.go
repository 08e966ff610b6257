package graphql

import (
	"bytes"
	"compress/gzip"
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"time"
)

// TaskRuns returns a flow run's task runs with their present states, mapped children excepted.
func (c *Client) TaskRuns(ctx context.Context, flowRunID string) ([]TaskRun, error) {
	resp, err := unmappedTaskRuns(ctx, c.t, flowRunID)
	if err != nil {
		return nil, err
	}
	runs := make([]TaskRun, 0, len(resp.TaskRun))
	for _, t := range resp.TaskRun {
		runs = append(runs, TaskRun{ID: t.Id, Version: t.Version, SerializedState: document(t.SerializedState)})
	}
	return runs, nil
}

// StateChange is one entry in a flow run's history.
type StateChange struct {
	Version int
	At      time.Time
	State   string
	Message string
}

// LogLine is one line in a flow run's log, as stored.
type LogLine struct {
	ID      string
	At      time.Time
	Name    string
	Level   string
	Message string
}

// History is what became of a flow run so far.
type History struct {
	Name   string
	State  State // the present one
	States []StateChange
	Logs   []LogLine
}

// History returns all states of a flow run and its log lines since the given time; zero: all.
func (c *Client) History(ctx context.Context, runID string, since time.Time) (History, error) {
	if since.IsZero() {
		since = time.Unix(0, 0)
	}
	resp, err := flowRunHistory(ctx, c.t, runID, since)
	if err != nil {
		return History{}, err
	}
	if len(resp.FlowRun) == 0 {
		return History{}, fmt.Errorf("flow run %s does not exist any more", runID)
	}
	run := resp.FlowRun[0]
	h := History{Name: value(run.Name)}
	if h.State, err = ParseState(document(run.SerializedState)); err != nil {
		return History{}, fmt.Errorf("flow run %s: %w", runID, err)
	}
	for _, s := range run.States {
		h.States = append(h.States, StateChange{Version: value(s.Version), At: s.Timestamp, State: s.State, Message: value(s.Message)})
	}
	for _, l := range run.Logs {
		h.Logs = append(h.Logs, LogLine{
			ID: l.Id, At: l.Timestamp, Name: value(l.Name), Level: value(l.Level), Message: value(l.Message),
		})
	}
	return h, nil
}

// EnsureProject returns the id of the project of that name in the tenant in use, which is created unless it exists.
func (c *Client) EnsureProject(ctx context.Context, project string) (string, error) {
	found, err := projectByName(ctx, c.t, project, c.TenantID())
	if err != nil {
		return "", err
	}
	if len(found.Project) > 0 {
		return found.Project[0].Id, nil
	}
	created, err := createProject(ctx, c.t, CreateProjectInput{Name: project, TenantId: c.TenantID()})
	if err != nil {
		return "", fmt.Errorf("create project %q: %w", project, c.explainTenant(err, ""))
	}
	if created.CreateProject == nil || created.CreateProject.Id == nil {
		return "", fmt.Errorf("create project %q: the API answered without an id", project)
	}
	return *created.CreateProject.Id, nil
}

// RegisterFlow registers a flow document as Prefect serialises it (1.4.1 serialization/flow.py). Where
// the newest version of the flow has the same key, it is returned instead.
func (c *Client) RegisterFlow(ctx context.Context, projectID string, flow any, key string) (string, error) {
	text, err := compress(flow)
	if err != nil {
		return "", fmt.Errorf("encode the flow: %w", err)
	}
	schedule := false
	resp, err := createFlow(ctx, c.t, CreateFlowFromCompressedStringInput{
		ProjectId: projectID, SerializedFlow: text, SetScheduleActive: &schedule, IdempotencyKey: optional(key),
	})
	if err != nil {
		return "", err
	}
	if resp.CreateFlowFromCompressedString == nil || resp.CreateFlowFromCompressedString.Id == nil {
		return "", errors.New("the API answered the registration of the flow without an id")
	}
	return *resp.CreateFlowFromCompressedString.Id, nil
}

// compress is base64 of gzip of JSON, the form in which flows travel (1.4.1 utilities/graphql.py).
func compress(document any) (string, error) {
	var b bytes.Buffer
	zip := gzip.NewWriter(&b)
	if err := errors.Join(json.NewEncoder(zip).Encode(document), zip.Close()); err != nil {
		return "", err
	}
	return base64.StdEncoding.EncodeToString(b.Bytes()), nil
}

// NewRun describes a flow run to create.
type NewRun struct {
	FlowID         string
	IdempotencyKey string                     // a repetition with the same key returns the same run
	Parameters     map[string]json.RawMessage // by name
	Labels         []string                   // nil: what the flow says
	RunConfig      json.RawMessage            // nil: what the flow says
}

// CreateFlowRun creates a flow run that is due now, and returns its id.
func (c *Client) CreateFlowRun(ctx context.Context, run NewRun) (string, error) {
	input := CreateFlowRunInput{FlowId: &run.FlowID, IdempotencyKey: optional(run.IdempotencyKey), Labels: run.Labels}
	if run.RunConfig != nil {
		input.RunConfig = &run.RunConfig
	}
	if len(run.Parameters) > 0 {
		text, err := json.Marshal(run.Parameters)
		if err != nil {
			return "", fmt.Errorf("encode parameters: %w", err)
		}
		parameters := json.RawMessage(text)
		input.Parameters = &parameters
	}
	resp, err := createFlowRun(ctx, c.t, input)
	if err != nil {
		return "", err
	}
	if resp.CreateFlowRun == nil || resp.CreateFlowRun.Id == nil {
		return "", errors.New("the API answered the creation of the flow run without an id")
	}
	return *resp.CreateFlowRun.Id, nil
}
