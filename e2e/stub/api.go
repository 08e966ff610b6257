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

// FlowRun is a flow run as the API stores it. Documents are the API's own JSON.
type FlowRun struct {
	ID              string         `json:"id"`
	Name            string         `json:"name"`
	Version         int            `json:"version"`
	State           string         `json:"state"`
	SerializedState map[string]any `json:"serialized_state"`
	RunConfig       map[string]any `json:"run_config"`
	Parameters      map[string]any `json:"parameters"`
	ScheduledStart  time.Time      `json:"scheduled_start_time"`
	AgentID         *string        `json:"agent_id"`
	Flow            Flow           `json:"flow"`
	TaskRuns        []TaskRun      `json:"task_runs"`

	// Taken makes another agent's claim come first: the run is in the queue, Submitted is refused.
	Taken bool `json:"-"`
}

// Flow is what a flow run tells about its flow.
type Flow struct {
	ID          string         `json:"id"`
	Name        string         `json:"name"`
	Environment map[string]any `json:"environment"`
	Storage     map[string]any `json:"storage"`
	Version     int            `json:"version"`
	CoreVersion *string        `json:"core_version"`
}

// TaskRun is a task run that waits to be taken up again.
type TaskRun struct {
	ID              string         `json:"id"`
	Version         int            `json:"version"`
	TaskID          string         `json:"task_id"`
	SerializedState map[string]any `json:"serialized_state"`
}

// ScheduledState is the state of a run that is due at the given time.
func ScheduledState(start time.Time) map[string]any {
	return map[string]any{
		"type": "Scheduled", "message": "Flow run scheduled.", "start_time": start.UTC().Format(timeFormat),
		"context": map[string]any{}, "cached_inputs": map[string]any{}, "__version__": "1.4.1",
		"_result": map[string]any{"type": "NoResultType", "__version__": "1.4.1"},
	}
}

// timeFormat is the API's way to write times.
const timeFormat = "2006-01-02T15:04:05.000000-07:00"

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

// Add puts runs into the queue, whatever their labels. They are handed out by start time, then in the
// order added.
func (a *API) Add(runs ...FlowRun) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.runs == nil {
		a.runs = map[string]*FlowRun{}
	}
	for _, run := range runs {
		a.runs[run.ID] = &run
		a.queue = append(a.queue, run.ID)
	}
	slices.SortStableFunc(a.queue, func(x, y string) int {
		return a.runs[x].ScheduledStart.Compare(a.runs[y].ScheduledStart)
	})
}

// States counts the runs by state.
func (a *API) States() map[string]int {
	a.mu.Lock()
	defer a.mu.Unlock()
	states := map[string]int{}
	for _, run := range a.runs {
		states[run.State]++
	}
	return states
}

// ServeHTTP answers GraphQL on every path.
func (a *API) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	call, err := readCall(r)
	if err != nil {
		reply(w, http.StatusBadRequest, map[string]any{"errors": []any{map[string]any{"message": err.Error()}}})
		return
	}
	if a.OnCall != nil {
		a.OnCall(call)
	}
	data, err := a.answer(call)
	envelope := map[string]any{"data": map[string]any{call.Field: data}}
	if err != nil {
		envelope["errors"] = []any{map[string]any{
			"message": err.Error(), "path": []string{call.Field},
			"extensions": map[string]string{"code": "INTERNAL_SERVER_ERROR"},
		}}
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
		return a.flowRuns(call), nil
	case "task_run":
		return []any{}, nil
	case "set_flow_run_states":
		return a.setFlowRunStates(call)
	case "set_task_run_states":
		return a.setTaskRunStates(call), nil
	case "write_run_logs":
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
		if len(ids) == limit || a.runs[id].ScheduledStart.After(before) {
			break
		}
		ids = append(ids, id)
	}
	return map[string]any{"flow_run_ids": ids}, nil
}

func (a *API) flowRuns(call Call) any {
	var ids []any
	if one := call.at("where", "id", "_eq"); one != nil {
		ids = []any{one}
	} else {
		ids, _ = call.at("where", "id", "_in").([]any)
	}
	_, wantsDue := call.Arguments["where"].(map[string]any)["_or"]
	found := []FlowRun{} // copies: they are encoded after the lock is given back
	for _, id := range ids {
		text, _ := id.(string)
		run := a.runs[text]
		if run == nil || wantsDue && run.State != "Scheduled" && run.State != "Running" {
			continue
		}
		found = append(found, *run)
	}
	return found
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
		run.State, run.SerializedState = kind, maps.Clone(state)
		run.Version++
		if agent := call.Header.Get("X-PREFECT-AGENT-ID"); kind == "Submitted" && agent != "" {
			run.AgentID = &agent
		}
		if kind != "Scheduled" {
			a.leaveQueue(id)
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
