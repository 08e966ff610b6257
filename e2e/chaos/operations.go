package main

import (
	"bytes"
	"encoding/json"
	"net/http"
	"regexp"
	"strings"
)

// What agents ask for, as far as it has a name here.
const (
	opSubmitted     = "set_flow_run_states Submitted"
	opFailed        = "set_flow_run_states Failed"
	opSubmittedTask = "set_task_run_states Submitted"
	opLogs          = "write_run_logs"

	opCreate  = "create"
	opStart   = "start"
	opInspect = "inspect"
	opStop    = "stop"
	opKill    = "kill"
	opRemove  = "remove"
	opList    = "list"
	opLogsOf  = "logs"
	opEvents  = "events"
	opOther   = "other"
)

// firstField is the field of an operation's root: the first name after the first brace that is not in a string.
var firstField = regexp.MustCompile(`\{\s*([A-Za-z_]+)`)

// apiOperation names what a GraphQL request asks for; changes of state with the state.
func apiOperation(body []byte) string {
	var request struct {
		Query     string          `json:"query"`
		Variables json.RawMessage `json:"variables"`
	}
	if json.Unmarshal(body, &request) != nil {
		return opOther
	}
	field := firstField.FindStringSubmatch(request.Query)
	if field == nil {
		return opOther
	}
	op := field[1]
	if op != "set_flow_run_states" && op != "set_task_run_states" {
		return op
	}
	var quoted string
	if json.Unmarshal(request.Variables, &quoted) == nil {
		request.Variables = json.RawMessage(quoted)
	}
	var variables struct {
		Input struct {
			States []struct {
				State struct {
					Type string `json:"type"`
				} `json:"state"`
			} `json:"states"`
		} `json:"input"`
	}
	if json.NewDecoder(bytes.NewReader(request.Variables)).Decode(&variables) == nil && len(variables.Input.States) > 0 {
		op += " " + variables.Input.States[0].State.Type
	}
	return op
}

// version is the prefix of the Engine API's paths.
var version = regexp.MustCompile(`^/v[0-9.]+`)

// engineOperation names what a request to the engine asks for.
func engineOperation(method, path string) string {
	parts := strings.Split(strings.Trim(version.ReplaceAllString(path, ""), "/"), "/")
	switch {
	case parts[0] == "events":
		return opEvents
	case parts[0] != "containers":
		return parts[0]
	case len(parts) == 2 && parts[1] == "json":
		return opList
	case len(parts) == 2 && method == http.MethodDelete:
		return opRemove
	case len(parts) == 2 && parts[1] == "create":
		return opCreate
	case len(parts) == 3 && parts[2] == "json":
		return opInspect
	case len(parts) == 3 && parts[2] == "logs":
		return opLogsOf
	case len(parts) == 3:
		return parts[2] // start, stop, kill, wait
	}
	return opOther
}
