package stub

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"gotest.tools/v3/assert"
	is "gotest.tools/v3/assert/cmp"
)

// ask sends an operation as Prefect's clients do and returns the answer's body.
func ask(t *testing.T, api *API, query string, variables any) string {
	t.Helper()
	encoded, err := json.Marshal(variables)
	assert.NilError(t, err)
	body, err := json.Marshal(map[string]string{"query": query, "variables": string(encoded)})
	assert.NilError(t, err)
	w := httptest.NewRecorder()
	api.ServeHTTP(w, httptest.NewRequest(http.MethodPost, "/", strings.NewReader(string(body))))
	return strings.TrimSpace(w.Body.String())
}

func due(id string, start time.Time) FlowRun {
	return FlowRun{ID: id, Name: id, State: "Scheduled", ScheduledStart: start, SerializedState: ScheduledState(start)}
}

const (
	queueQuery  = `mutation($input: get_runs_in_queue_input!) { get_runs_in_queue(input: $input) { flow_run_ids } }`
	submitQuery = `mutation($input: set_flow_run_states_input!) { set_flow_run_states(input: $input) { states { status } } }`
)

func queueInput(before time.Time) any {
	return map[string]any{"input": map[string]any{"before": before.Format(time.RFC3339), "labels": []string{}, "tenant_id": TenantID}}
}

func submitInput(id string) any {
	state := map[string]any{"type": "Submitted", "message": "Submitted for execution"}
	return map[string]any{"input": map[string]any{"states": []any{map[string]any{"flow_run_id": id, "version": 1, "state": state}}}}
}

func TestAPIReadsACallAlikeHoweverItIsWritten(t *testing.T) {
	var calls []Call
	api := &API{OnCall: func(c Call) { c.Header = nil; calls = append(calls, c) }}
	ask(t, api, `query { flow_run(where: { id: { _in: ["a", "b"] }, n: 1, ok: true, no: null }) { name flow { name id } id } }`, nil)
	ask(t, api, `query named($ids: [uuid!]!, $n: Int) { flow_run(where: {id: {_in: $ids}, n: $n, ok: true, no: null}) { id name flow { id name } } }`,
		map[string]any{"ids": []string{"a", "b"}, "n": 1})

	assert.Assert(t, is.Len(calls, 2))
	assert.DeepEqual(t, calls[0], calls[1])
	assert.DeepEqual(t, calls[0].Selection, []string{"flow.id", "flow.name", "id", "name"})
}

func TestAPIHandsOutDueRunsByStartTimeUpToItsLimit(t *testing.T) {
	now := time.Date(2021, 3, 4, 5, 6, 7, 0, time.UTC)
	api := &API{PerPoll: 2}
	api.Add(due("late", now.Add(time.Hour)), due("second", now), due("first", now.Add(-time.Minute)), due("third", now))
	assert.Equal(t, ask(t, api, queueQuery, queueInput(now)), `{"data":{"get_runs_in_queue":{"flow_run_ids":["first","second"]}}}`)
}

func TestAPIRefusesTheSecondClaim(t *testing.T) {
	now := time.Date(2021, 3, 4, 5, 6, 7, 0, time.UTC)
	api := &API{}
	api.Add(due("run", now))
	assert.Equal(t, ask(t, api, submitQuery, submitInput("run")),
		`{"data":{"set_flow_run_states":{"states":[{"id":"run","message":null,"status":"SUCCESS"}]}}}`)
	assert.Assert(t, is.Contains(ask(t, api, submitQuery, submitInput("run")), "this run has already been submitted"))
	assert.DeepEqual(t, api.States(), map[string]int{"Submitted": 1})
	assert.Equal(t, ask(t, api, queueQuery, queueInput(now)), `{"data":{"get_runs_in_queue":{"flow_run_ids":[]}}}`)
}

func TestAPIHandsOutARunningRunUntilItsTaskRunIsClaimed(t *testing.T) {
	now := time.Date(2021, 3, 4, 5, 6, 7, 0, time.UTC)
	api := &API{}
	run := due("run", now)
	run.State, run.TaskRuns = "Running", []TaskRun{{ID: "task", SerializedState: ScheduledState(now)}}
	api.Add(run)
	assert.Assert(t, is.Contains(ask(t, api, queueQuery, queueInput(now)), `["run"]`))
	ask(t, api, `mutation($input: set_task_run_states_input!) { set_task_run_states(input: $input) { states { id } } }`,
		map[string]any{"input": map[string]any{"states": []any{map[string]any{"task_run_id": "task"}}}})
	assert.Assert(t, is.Contains(ask(t, api, queueQuery, queueInput(now)), `[]`))
}

func TestEngineKeepsNamesApart(t *testing.T) {
	server := httptest.NewServer(&Engine{})
	defer server.Close()

	status, body := post(t, server.URL+"/v1.41/containers/create?name=a", `{"Image":"i"}`)
	assert.Equal(t, status, http.StatusCreated)
	assert.Assert(t, is.Contains(body, containerID(1)))
	status, body = post(t, server.URL+"/v1.41/containers/create?name=a", `{"Image":"i"}`)
	assert.Equal(t, status, http.StatusConflict)
	assert.Assert(t, is.Contains(body, "already in use"))
}

func TestEngineRunsAContainerUntilItIsKilled(t *testing.T) {
	engine := &Engine{}
	server := httptest.NewServer(engine)
	defer server.Close()

	post(t, server.URL+"/containers/create?name=a", `{}`)
	post(t, server.URL+"/containers/a/start", "")
	assert.Equal(t, engine.Containers(), 1)
	ended := make(chan string)
	go func() {
		_, body := post(t, server.URL+"/containers/a/wait", "")
		ended <- body
	}()
	post(t, server.URL+"/containers/"+containerID(1)+"/kill", "")
	// Either the wait was under way, or the container was gone already.
	assert.Assert(t, is.Regexp(`"StatusCode":0|No such container`, <-ended))
	assert.Equal(t, engine.Containers(), 0)
}

func TestEngineRefusesWhatItIsToldTo(t *testing.T) {
	var paths []string
	engine := &Engine{
		OnRequest: func(r Request) { paths = append(paths, fmt.Sprintf("%s %s %v", r.Method, r.Path, r.Body["Image"])) },
		Refuse: func(r Request) *Refusal {
			if r.Changes() {
				return &Refusal{http.StatusInternalServerError, "disk full"}
			}
			return nil
		},
	}
	server := httptest.NewServer(engine)
	defer server.Close()

	status, body := post(t, server.URL+"/v1.41/containers/create", `{"Image":"i"}`)
	assert.Equal(t, status, http.StatusInternalServerError)
	assert.Equal(t, strings.TrimSpace(body), `{"message":"disk full"}`)
	assert.DeepEqual(t, paths, []string{"POST /containers/create i"})
}

func post(t *testing.T, url, body string) (status int, answer string) {
	resp, err := http.Post(url, "application/json", strings.NewReader(body))
	if err != nil {
		t.Error(err)
		return 0, ""
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Error(err)
	}
	return resp.StatusCode, string(text)
}
