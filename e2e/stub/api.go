package stub

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"sync"
	"time"
)

// Ids that the API gives out.
const (
	TenantID = "11111111-1111-4111-8111-111111111111"
	AgentID  = "22222222-2222-4222-8222-222222222222"
)

// Server's limit for one answer of get_runs_in_queue.
const serverPerPoll = 25

// API is a Prefect Server with one tenant. The zero value serves; set fields before the first request.
type API struct {
	PerPoll int        // how many runs one answer of the queue names; 0: as many as Server does
	OnCall  func(Call) // is told of each request before it is answered; may be nil

	mu    sync.Mutex
	runs  map[string]*FlowRun
	queue []string // ids of runs that are due or will be, by start time
}

// refusal is an error in the API's own words.
type refusal string

func (r refusal) Error() string { return string(r) }

// ServeHTTP answers GraphQL on every path.
func (a *API) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	calls, err := readCalls(r)
	if err != nil {
		reply(w, http.StatusBadRequest, map[string]any{"errors": []any{map[string]any{"message": err.Error()}}})
		return
	}
	data, refusals := map[string]any{}, []any{}
	for _, call := range calls {
		if a.OnCall != nil {
			a.OnCall(call)
		}
		if data[call.Name], err = a.answer(call); err != nil {
			refusals = append(refusals, map[string]any{
				"message": err.Error(), "path": []string{call.Name},
				"extensions": map[string]string{"code": "INTERNAL_SERVER_ERROR"},
			})
		}
	}
	envelope := map[string]any{"data": data}
	if len(refusals) > 0 {
		envelope["errors"] = refusals
	}
	reply(w, http.StatusOK, envelope)
}

func reply(w http.ResponseWriter, status int, body any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(body) // a client that went away is no concern of the stub
}

func (a *API) answer(call Call) (any, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	switch call.Field {
	case "hello":
		return "👋", nil
	case "tenant":
		return []any{map[string]any{"id": TenantID}}, nil
	case "auth_info":
		return map[string]any{"tenant_id": TenantID, "api_token_scope": "RUNNER"}, nil
	case "register_agent":
		return map[string]any{"id": AgentID}, nil
	case "agent_config":
		return []any{map[string]any{"settings": map[string]any{}}}, nil
	case "get_runs_in_queue":
		return a.due(call)
	case "flow_run":
		return a.flowRuns(call)
	case "flow_run_by_pk":
		return a.flowRun(call), nil
	case "task_run", "log":
		return []any{}, nil
	case "set_flow_run_states":
		return a.setFlowRunStates(call)
	case "set_task_run_states":
		return a.setTaskRunStates(call), nil
	case "write_run_logs", "update_flow_run_heartbeat":
		return map[string]any{"success": true}, nil
	}
	return nil, fmt.Errorf("the stub does not serve %s", call.Field)
}

func (a *API) due(call Call) (any, error) {
	before, err := time.Parse(time.RFC3339, call.Text("input.before"))
	if err != nil {
		return nil, fmt.Errorf("before: %w", err)
	}
	limit := a.PerPoll
	if limit == 0 {
		limit = serverPerPoll
	}
	ids := []string{}
	for _, id := range a.queue {
		if len(ids) == limit || a.runs[id].due.After(before) {
			break
		}
		ids = append(ids, id)
	}
	return map[string]any{"flow_run_ids": ids}, nil
}

// states are the elements of a set_…_states call.
func (c Call) states() []map[string]any {
	list, _ := c.at("input", "states").([]any)
	states := make([]map[string]any, 0, len(list))
	for _, s := range list {
		if object, ok := s.(map[string]any); ok {
			states = append(states, object)
		}
	}
	return states
}

func (a *API) setFlowRunStates(call Call) (any, error) {
	for _, s := range call.states() {
		id, _ := s["flow_run_id"].(string)
		state, _ := s["state"].(map[string]any)
		kind, _ := state["type"].(string)
		run := a.runs[id]
		switch {
		case run == nil:
			return nil, refusal("State update failed for flow run ID " + id)
		case kind == "Submitted" && (run.Taken || run.State == "Submitted"):
			return nil, refusal("State update failed: this run has already been submitted.")
		}
		a.setState(run, maps.Clone(state))
		if agent := call.Header.Get("X-PREFECT-AGENT-ID"); kind == "Submitted" && agent != "" {
			run.AgentID = &agent
		}
	}
	return map[string]any{"states": accepted(call.states(), "flow_run_id")}, nil
}

// setTaskRunStates ends the wait of a task run. A Running flow run is in the queue for such task runs only.
func (a *API) setTaskRunStates(call Call) any {
	for _, s := range call.states() {
		for id, run := range a.runs {
			rest := slices.DeleteFunc(slices.Clone(run.TaskRuns), func(t TaskRun) bool { return t.ID == s["task_run_id"] })
			if len(rest) < len(run.TaskRuns) && len(rest) == 0 && run.State == "Running" {
				a.leaveQueue(id)
			}
			run.TaskRuns = rest
		}
	}
	return map[string]any{"states": accepted(call.states(), "task_run_id")}
}

func (a *API) leaveQueue(id string) {
	a.queue = slices.DeleteFunc(a.queue, func(other string) bool { return other == id })
}

func accepted(states []map[string]any, idField string) []any {
	list := make([]any, 0, len(states))
	for _, s := range states {
		list = append(list, map[string]any{"id": s[idField], "status": "SUCCESS", "message": nil})
	}
	return list
}
