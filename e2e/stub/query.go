package stub

import (
	"fmt"
	"maps"
	"slices"
)

// flowRuns answers a query by its filter, in the order of start times.
func (a *API) flowRuns(call Call) (any, error) {
	documents := []any{}
	for _, run := range a.candidates(call) {
		documents = append(documents, run.document())
	}
	found, err := pick(documents, call.Arguments)
	if err != nil {
		return nil, fmt.Errorf("flow_run: %w", err)
	}
	for _, document := range found {
		document := document.(map[string]any)
		for _, relation := range call.Relations {
			rows, _ := document[relation.Name].([]any)
			if document[relation.Name], err = pick(rows, relation.Arguments); err != nil {
				return nil, fmt.Errorf("flow_run.%s: %w", relation.Name, err)
			}
		}
	}
	return found, nil
}

// pick applies a filter and a limit; rows keep their order whatever the arguments say.
func pick(rows []any, arguments map[string]any) ([]any, error) {
	where, _ := arguments["where"].(map[string]any)
	picked := []any{}
	for _, row := range rows {
		ok, err := matches(where, row.(map[string]any))
		if err != nil {
			return nil, err
		}
		if ok {
			picked = append(picked, row)
		}
	}
	if limit, ok := arguments["limit"].(float64); ok {
		picked = picked[:min(int(limit), len(picked))]
	}
	return picked, nil
}

func (a *API) flowRun(call Call) any {
	if run := a.runs[call.Text("id")]; run != nil {
		return run.document()
	}
	return nil
}

// candidates are the runs that a filter by id names, or all.
func (a *API) candidates(call Call) []*FlowRun {
	ids, named := call.at("where", "id", "_in").([]any)
	if one := call.at("where", "id", "_eq"); one != nil {
		ids, named = []any{one}, true
	}
	if !named {
		return slices.SortedFunc(maps.Values(a.runs), func(x, y *FlowRun) int {
			return x.ScheduledStart.Compare(y.ScheduledStart)
		})
	}
	runs := []*FlowRun{}
	for _, id := range ids {
		text, _ := id.(string)
		if run := a.runs[text]; run != nil {
			runs = append(runs, run)
		}
	}
	return runs
}

// document is a run as the API answers it, with all columns that are served. What it shares with the run
// is replaced there, not changed.
func (r *FlowRun) document() map[string]any {
	tasks := make([]any, 0, len(r.TaskRuns))
	for _, t := range r.TaskRuns {
		tasks = append(tasks, map[string]any{
			"id": t.ID, "version": float64(t.Version), "task_id": t.TaskID, "serialized_state": t.SerializedState,
			"state": t.SerializedState["type"], "state_message": t.SerializedState["message"], "state_start_time": t.SerializedState["start_time"],
		})
	}
	states := make([]any, 0, len(r.States))
	for _, s := range r.States {
		states = append(states, map[string]any{
			"version": float64(s.Version), "timestamp": s.At.UTC().Format(timeFormat), "state": s.State, "message": s.Message,
		})
	}
	return map[string]any{
		"id": r.ID, "name": r.Name, "version": float64(r.Version), "tenant_id": TenantID, "agent_id": orNil(r.AgentID), "heartbeat": orNil(r.Heartbeat),
		"state": r.State, "serialized_state": r.SerializedState,
		"state_message": r.SerializedState["message"], "state_start_time": r.SerializedState["start_time"],
		"run_config": orNull(r.RunConfig), "parameters": orNull(r.Parameters), "scheduled_start_time": r.ScheduledStart.UTC().Format(timeFormat),
		"labels": append([]string{}, r.Labels...), "task_runs": tasks, "states": states, "logs": []any{},
		"flow": map[string]any{
			"id": r.Flow.ID, "name": r.Flow.Name, "version": float64(r.Flow.Version), "core_version": orNil(r.Flow.CoreVersion),
			"environment": orNull(r.Flow.Environment), "storage": orNull(r.Flow.Storage),
		},
	}
}

func orNil(text *string) any {
	if text == nil {
		return nil
	}
	return *text
}

func orNull(document map[string]any) any {
	if document == nil {
		return nil
	}
	return document
}
