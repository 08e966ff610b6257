package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os"
	"strings"
	"time"
)

// client speaks Prefect's GraphQL with what the agent put into the container's environment.
type client struct {
	url    string
	key    string
	tenant string
	http   http.Client
}

func newClient() (*client, error) {
	url := os.Getenv("PREFECT__CLOUD__API")
	if url == "" {
		return nil, errors.New("PREFECT__CLOUD__API is not set: this program is started by a Prefect agent")
	}
	return &client{
		url:    strings.TrimRight(url, "/"),
		key:    os.Getenv("PREFECT__CLOUD__API_KEY"),
		tenant: os.Getenv("PREFECT__CLOUD__TENANT_ID"),
		http:   http.Client{Timeout: 15 * time.Second},
	}, nil
}

// attempts and pause outlast a restart of the API: a flow should not fail for that.
const (
	attempts = 6
	pause    = 2 * time.Second
)

// do sends one operation and decodes its data into answer.
func (c *client) do(ctx context.Context, query string, variables, answer any) error {
	var err error
	for range attempts {
		var temporary bool
		if temporary, err = c.try(ctx, query, variables, answer); !temporary {
			return err
		}
		select {
		case <-time.After(pause):
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	return err
}

func (c *client) try(ctx context.Context, query string, variables, answer any) (temporary bool, err error) {
	// Prefect's clients send the variables as a string that holds JSON.
	encoded, err := json.Marshal(variables)
	if err != nil {
		return false, fmt.Errorf("encode variables: %w", err)
	}
	body, err := json.Marshal(map[string]string{"query": query, "variables": string(encoded)})
	if err != nil {
		return false, fmt.Errorf("encode request: %w", err)
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, c.url, bytes.NewReader(body))
	if err != nil {
		return false, err
	}
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("X-PREFECT-CORE-VERSION", version)
	if c.key != "" {
		req.Header.Set("Authorization", "Bearer "+c.key)
		req.Header.Set("X-PREFECT-TENANT-ID", c.tenant)
	}
	resp, err := c.http.Do(req)
	if err != nil {
		return true, fmt.Errorf("reach the Prefect API: %w", err)
	}
	defer resp.Body.Close()

	var envelope struct {
		Data   json.RawMessage `json:"data"`
		Errors []struct {
			Message string `json:"message"`
		} `json:"errors"`
	}
	err = json.NewDecoder(resp.Body).Decode(&envelope)
	switch {
	case resp.StatusCode >= http.StatusInternalServerError:
		return true, fmt.Errorf("the Prefect API answers %s", resp.Status)
	case err != nil:
		return false, fmt.Errorf("the Prefect API answers %s without JSON: %w", resp.Status, err)
	case len(envelope.Errors) > 0:
		return false, fmt.Errorf("the Prefect API refuses: %s", envelope.Errors[0].Message)
	}
	if err := json.Unmarshal(envelope.Data, answer); err != nil {
		return false, fmt.Errorf("decode the Prefect API's answer: %w", err)
	}
	return false, nil
}

type taskRun struct {
	Task struct {
		ID   string `json:"id"`
		Slug string `json:"slug"`
	} `json:"task"`
}

// flowRunInfo is what a flow container asks about its run before it starts.
type flowRunInfo struct {
	Name       string          `json:"name"`
	Version    int             `json:"version"`
	Parameters json.RawMessage `json:"parameters"` // an object or null
	Flow       struct {
		Name string `json:"name"`
	} `json:"flow"`
	TaskRuns []taskRun `json:"task_runs"`
}

func (c *client) flowRun(ctx context.Context, id string) (flowRunInfo, error) {
	var answer struct {
		FlowRun *flowRunInfo `json:"flow_run_by_pk"`
	}
	err := c.do(ctx, `query($id: uuid!) {
    flow_run_by_pk(id: $id) {
        name
        version
        parameters
        flow { name }
        task_runs(where: { map_index: { _eq: -1 } }) { task { id slug } }
    }
}`, map[string]any{"id": id}, &answer)
	if err == nil && answer.FlowRun == nil {
		err = fmt.Errorf("flow run %s does not exist", id)
	}
	if err != nil {
		return flowRunInfo{}, err
	}
	return *answer.FlowRun, nil
}

type taskRunInfo struct {
	ID      string `json:"id"`
	Version int    `json:"version"`
}

func (c *client) taskRunInfo(ctx context.Context, flowRunID, taskID string) (taskRunInfo, error) {
	var answer struct {
		Info taskRunInfo `json:"get_or_create_task_run_info"`
	}
	err := c.do(ctx, `mutation($input: get_or_create_task_run_info_input!) {
    get_or_create_task_run_info(input: $input) { id version }
}`, input(map[string]any{"flow_run_id": flowRunID, "task_id": taskID, "map_index": -1}), &answer)
	return answer.Info, err
}

func (c *client) heartbeat(ctx context.Context, flowRunID string) error {
	return c.do(ctx, `mutation($input: update_flow_run_heartbeat_input!) {
    update_flow_run_heartbeat(input: $input) { success }
}`, input(map[string]any{"flow_run_id": flowRunID}), &struct{}{})
}

// setFlowRunState sends the version that was read for the first state; later ones go without, as 0.
func (c *client) setFlowRunState(ctx context.Context, id string, version int, s state) error {
	return c.do(ctx, `mutation($input: set_flow_run_states_input!) {
    set_flow_run_states(input: $input) { states { id status message } }
}`, states("flow_run_id", id, version, s), &struct{}{})
}

func (c *client) setTaskRunState(ctx context.Context, id string, version int, s state) error {
	return c.do(ctx, `mutation($input: set_task_run_states_input!) {
    set_task_run_states(input: $input) { states { id status message } }
}`, states("task_run_id", id, version, s), &struct{}{})
}

func (c *client) writeLog(ctx context.Context, line logLine) error {
	return c.do(ctx, `mutation($input: write_run_logs_input!) {
    write_run_logs(input: $input) { success }
}`, input(map[string]any{"logs": []logLine{line}}), &struct{}{})
}

func input(fields map[string]any) map[string]any { return map[string]any{"input": fields} }

func states(idField, id string, version int, s state) map[string]any {
	element := map[string]any{idField: id, "state": s}
	if version > 0 {
		element["version"] = version
	}
	return input(map[string]any{"states": []any{element}})
}

// version is that of the Python package whose documents are written here.
const version = "1.4.1"

// state is a state as Prefect serialises it.
type state struct {
	Type         string         `json:"type"`
	Message      string         `json:"message"`
	Context      map[string]any `json:"context"`
	CachedInputs map[string]any `json:"cached_inputs"`
	Result       map[string]any `json:"_result"`
	Version      string         `json:"__version__"`
}

func newState(kind, message string) state {
	return state{
		Type: kind, Message: message, Version: version,
		Context: map[string]any{}, CachedInputs: map[string]any{},
		Result: map[string]any{"type": "NoResultType", "__version__": version},
	}
}
