package main

import (
	"testing"

	"gotest.tools/v3/assert"
)

func TestAPIOperations(t *testing.T) {
	for body, want := range map[string]string{
		`{"query": "query hello {\n  hello\n}", "variables": null}`:                        "hello",
		`{"query": "mutation ($input: x!) { write_run_logs(input: $input) { success } }"}`: opLogs,
		`{"query": "mutation m ($input: set_flow_run_states_input!) {\n\tset_flow_run_states(input: $input) { states { id } } }", "variables": {"input": {"states": [{"state": {"type": "Submitted", "state": {"type": "Scheduled"}}}]}}}`: opSubmitted,
		`{"query": "mutation { set_flow_run_states(input: $input) { states } }", "variables": "{\"input\": {\"states\": [{\"state\": {\"type\": \"Failed\"}}]}}"}`:                                                                         opFailed,
		`{"query": "mutation { set_task_run_states(input: $input) { states } }", "variables": "{\"input\": {\"states\": [{\"state\": {\"type\": \"Submitted\"}}]}}"}`:                                                                      opSubmittedTask,
		`{"query": "mutation { set_task_run_states(input: $input) { states } }"}`:                                                                                                                                                          "set_task_run_states",
		`{"query": "no braces"}`: opOther,
		`no JSON`:                opOther,
	} {
		assert.Equal(t, apiOperation([]byte(body)), want, body)
	}
}

func TestEngineOperations(t *testing.T) {
	for _, tc := range []struct{ method, path, want string }{
		{"POST", "/v1.41/containers/create", opCreate},
		{"POST", "/v1.41/containers/abc/start", opStart},
		{"POST", "/containers/abc/stop", opStop},
		{"POST", "/v1.41/containers/abc/kill", opKill},
		{"GET", "/v1.41/containers/abc/json", opInspect},
		{"GET", "/v1.41/containers/json", opList},
		{"GET", "/v1.41/containers/abc/logs", opLogsOf},
		{"DELETE", "/v1.41/containers/abc", opRemove},
		{"GET", "/v1.41/events", opEvents},
		{"HEAD", "/_ping", "_ping"},
		{"GET", "/v1.41/info", "info"},
		{"GET", "/v1.41/containers/a/b/c", opOther},
	} {
		assert.Equal(t, engineOperation(tc.method, tc.path), tc.want, tc.path)
	}
}
