package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"time"
)

// api speaks to the backend, directly and with all patience, so that a script ends as it says.
type api struct {
	url       string
	flowRunID string
}

// flowRun is what the flow asks about its run.
type flowRun struct {
	State      string          `json:"state"`
	Parameters json.RawMessage `json:"parameters"`
	TaskRuns   []taskRun       `json:"task_runs"`
}

type taskRun struct {
	ID    string `json:"id"`
	State struct {
		Type string `json:"type"`
	} `json:"serialized_state"`
}

func (a *api) read(ctx context.Context) (flowRun, error) {
	var answer struct {
		FlowRun flowRun `json:"flow_run_by_pk"`
	}
	err := a.do(ctx, `query($id: uuid!) { flow_run_by_pk(id: $id) {
		state parameters task_runs(where: { map_index: { _eq: -1 } }) { id serialized_state } } }`,
		object{"id": a.flowRunID}, &answer)
	return answer.FlowRun, err
}

func (a *api) log(ctx context.Context, message string) error {
	fmt.Println(message)
	line := object{"flow_run_id": a.flowRunID, "timestamp": timestamp(time.Now()), "name": "prefect.chaos", "level": "INFO", "message": message}
	return a.do(ctx, `mutation($input: write_run_logs_input!) { write_run_logs(input: $input) { success } }`,
		object{"input": object{"logs": []object{line}}}, nil)
}

func (a *api) setState(ctx context.Context, state object) error {
	return a.do(ctx, `mutation($input: set_flow_run_states_input!) { set_flow_run_states(input: $input) { states { id } } }`,
		object{"input": object{"states": []object{{"flow_run_id": a.flowRunID, "state": state}}}}, nil)
}

func (a *api) setTaskState(ctx context.Context, id string, state object) error {
	return a.do(ctx, `mutation($input: set_task_run_states_input!) { set_task_run_states(input: $input) { states { id } } }`,
		object{"input": object{"states": []object{{"task_run_id": id, "state": state}}}}, nil)
}

// errRefused is an answer that does not change.
var errRefused = errors.New("the API refuses")

// do repeats an operation until it is answered.
func (a *api) do(ctx context.Context, query string, variables object, answer any) error {
	for {
		err := a.try(ctx, query, variables, answer)
		if err == nil || errors.Is(err, errRefused) {
			return err
		}
		fmt.Println("again:", err)
		select {
		case <-time.After(300 * time.Millisecond):
		case <-ctx.Done():
			return err
		}
	}
}

func (a *api) try(ctx context.Context, query string, variables object, answer any) error {
	body, err := json.Marshal(object{"query": query, "variables": variables})
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, a.url, bytes.NewReader(body))
	if err != nil {
		return err
	}
	req.Header.Set("Content-Type", "application/json")
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	var envelope struct {
		Data   json.RawMessage   `json:"data"`
		Errors []json.RawMessage `json:"errors"`
	}
	if err := json.NewDecoder(resp.Body).Decode(&envelope); err != nil {
		return fmt.Errorf("%s: %w", resp.Status, err)
	}
	if len(envelope.Errors) > 0 {
		return fmt.Errorf("%w: %s", errRefused, envelope.Errors[0])
	}
	if answer == nil {
		return nil
	}
	return json.Unmarshal(envelope.Data, answer)
}

// object is a JSON object.
type object = map[string]any

func newState(kind, message string) object {
	return object{
		"type": kind, "message": message, "context": object{}, "cached_inputs": object{}, "__version__": version,
		"_result": object{"type": "NoResultType", "__version__": version},
	}
}

// version is that of the Python package whose documents are written here.
const version = "1.4.1"

func timestamp(t time.Time) string { return t.UTC().Format("2006-01-02T15:04:05.000000-07:00") }
