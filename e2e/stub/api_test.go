package stub

import (
	"encoding/json"
	"fmt"
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

func runsQuery(where string) string {
	return `query { flow_run(where: ` + where + `) { id state heartbeat } }`
}

// found decodes the ids in an answer to runsQuery.
func found(t *testing.T, answer string) []string {
	t.Helper()
	var body struct {
		Data struct {
			Runs []struct{ ID string } `json:"flow_run"`
		}
		Errors []struct{ Message string }
	}
	assert.NilError(t, json.Unmarshal([]byte(answer), &body))
	assert.Assert(t, is.Len(body.Errors, 0))
	ids := []string{}
	for _, r := range body.Data.Runs {
		ids = append(ids, r.ID)
	}
	return ids
}

func TestAPIFindsRunsByFilter(t *testing.T) {
	now := time.Date(2021, 3, 4, 5, 6, 7, 0, time.UTC)
	agent, retry := "agent-1", due("retry", now.Add(3*time.Minute))
	retry.State, retry.TaskRuns = "Running", []TaskRun{{ID: "task", SerializedState: ScheduledState(now)}}
	taken := due("taken", now.Add(time.Minute))
	taken.State, taken.AgentID = "Submitted", &agent
	busy := due("busy", now.Add(2*time.Minute))
	busy.State = "Running"
	api := &API{}
	api.Add(due("due", now), taken, busy, retry)
	for where, want := range map[string][]string{
		`{id: {_in: ["busy", "gone", "taken"]}}`:                                                      {"busy", "taken"},
		`{id: {_eq: "due"}}`:                                                                          {"due"},
		`{agent_id: {_eq: "agent-1"}, state: {_eq: "Submitted"}}`:                                     {"taken"},
		`{agent_id: {_eq: "agent-2"}}`:                                                                {},
		`{state: {_in: ["Submitted", "Running"]}}`:                                                    {"taken", "busy", "retry"},
		`{state: {_nin: ["Submitted", "Running"]}}`:                                                   {"due"},
		`{agent_id: {_is_null: true}, _not: {state: {_eq: "Scheduled"}}}`:                             {"busy", "retry"},
		`{_or: [{state: {_eq: "Scheduled"}}, {agent_id: {_is_null: false}}]}`:                         {"due", "taken"},
		`{_and: [{state: {_neq: "Running"}}, {scheduled_start_time: {_gt: "2021-03-04T05:06:07Z"}}]}`: {"taken"},
		`{flow: {name: {_eq: "other"}}}`:                                                              {},
		// What agents ask for: only the running run with a task run that is due.
		`{id: {_in: ["due", "taken", "busy", "retry"]}, _or: [{state: {_eq: "Scheduled"}},
			{state: {_eq: "Running"}, task_runs: {state_start_time: {_lte: "2021-03-04T06:06:07+01:00"}}}]}`: {"due", "retry"},
		`{state: {_eq: "Running"}, task_runs: {state_start_time: {_lte: "2021-03-04T06:06:06+01:00"}}}`: {},
	} {
		assert.Check(t, is.DeepEqual(found(t, ask(t, api, runsQuery(where), nil)), want), where)
	}
	answer := ask(t, api, runsQuery(`{id: {_eq: "due"}}`), nil)
	assert.Check(t, is.Contains(answer, `"heartbeat":null`))
	assert.Check(t, is.Contains(ask(t, api, runsQuery(`{shoe_size: {_eq: 1}}`), nil), "no column shoe_size"))
	assert.Check(t, is.Contains(ask(t, api, runsQuery(`{name: {_similar: "x"}}`), nil), "no operator _similar"))
	assert.Check(t, is.Contains(ask(t, api, runsQuery(`{labels: {_contains: "x"}}`), nil), "no filter by labels"))
}

func TestAPIFiltersWhatBelongsToARun(t *testing.T) {
	now := time.Date(2021, 3, 4, 5, 6, 7, 0, time.UTC)
	run := due("run", now)
	run.TaskRuns = []TaskRun{{ID: "a", SerializedState: ScheduledState(now)}, {ID: "b", SerializedState: map[string]any{"type": "Submitted"}}}
	run.Labels = []string{"gpu"}
	api := &API{}
	api.Add(run)
	api.SetState("run", "Running", "")
	api.SetState("run", "Scheduled", "Rescheduled after a crash: 1")
	api.SetState("run", "Scheduled", "By hand.")
	answer := ask(t, api, `query($waiting: [String!]!, $crash: String!) { flow_run(where: {id: {_eq: "run"}}) {
		task_runs(where: {state: {_in: $waiting}}, limit: 1) { id } states(where: {state: {_eq: "Scheduled"}, message: {_like: $crash}}) { version }
		labels logs(limit: 1) { id } } }`, map[string]any{"waiting": []string{"Submitted", "Queued"}, "crash": "Rescheduled after a crash%"})
	var body struct {
		Data struct {
			Runs []struct {
				Labels   []string
				Logs     []any
				States   []struct{ Version int }
				TaskRuns []struct{ ID string } `json:"task_runs"`
			} `json:"flow_run"`
		}
	}
	assert.NilError(t, json.Unmarshal([]byte(answer), &body))
	assert.Assert(t, is.Len(body.Data.Runs, 1))
	got := body.Data.Runs[0]
	assert.Check(t, is.Equal(fmt.Sprint(got.TaskRuns, got.States, got.Labels, got.Logs), "[{b}] [{2}] [gpu] []"))
}

func TestAPIAnswersSeveralFieldsByTheirNames(t *testing.T) {
	api := &API{}
	api.Add(due("run", time.Now()))
	answer := ask(t, api, `query { one: flow_run(where: {id: {_eq: "run"}}, limit: 0) { id } task_run { id } lines: log(where: {id: {_eq: "x"}}) { id }
		none: flow_run_by_pk(id: "x") { id } }`, nil)
	assert.Equal(t, answer, `{"data":{"lines":[],"none":null,"one":[],"task_run":[]}}`)
}

func TestAPIRunsAreSetByTheirContainersAndUsers(t *testing.T) {
	now := time.Date(2021, 3, 4, 5, 6, 7, 0, time.UTC)
	api := &API{}
	api.Add(due("run", now))
	ask(t, api, submitQuery, submitInput("run"))
	api.SetState("run", "Running", "Running flow.")
	api.SetState("run", "Success", "All good.")
	run, there := api.Run("run")
	assert.Assert(t, there)
	assert.Equal(t, run.State, "Success")
	assert.Equal(t, run.Version, 3)
	assert.Equal(t, run.SerializedState["message"], "All good.")
	var history []string
	for _, s := range run.States {
		history = append(history, fmt.Sprint(s.Version, " ", s.State))
	}
	assert.DeepEqual(t, history, []string{"1 Submitted", "2 Running", "3 Success"})
	assert.Assert(t, is.Contains(ask(t, api, queueQuery, queueInput(now)), `[]`))

	api.SetState("run", "Scheduled", "Once more.")
	assert.Assert(t, is.Contains(ask(t, api, queueQuery, queueInput(now)), `["run"]`))
	later := strings.Replace(submitQuery, "states {", "states { id", 1)
	state := ScheduledState(now.Add(time.Hour))
	ask(t, api, later, map[string]any{"input": map[string]any{"states": []any{map[string]any{"flow_run_id": "run", "state": state}}}})
	assert.Assert(t, is.Contains(ask(t, api, queueQuery, queueInput(now)), `[]`), "its state says later")
	assert.Assert(t, is.Contains(ask(t, api, queueQuery, queueInput(now.Add(time.Hour))), `["run"]`))

	api.Forget("run")
	_, there = api.Run("run")
	assert.Assert(t, !there)
	assert.Assert(t, is.Contains(ask(t, api, queueQuery, queueInput(now.Add(time.Hour))), `[]`))
}
