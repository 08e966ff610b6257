package server

import (
	"encoding/json"
	"strings"
	"testing"

	"gotest.tools/v3/assert"
	is "gotest.tools/v3/assert/cmp"
)

func TestANewFlowRun(t *testing.T) {
	a := newAPI(t)
	flow := flowOf("f", "a", "b")
	flow["tasks"].([]any)[0].(m)["cache_key"] = "k"
	run := a.run(a.register("p", flow))
	got := a.flowRun(run, `version state state_message parameters context labels run_config heartbeat auto_scheduled times_resurrected idempotency_key name
		task_runs(order_by: {task: {slug: asc}}) { map_index version state state_message cache_key serialized_state name states { state message version serialized_state } }`)
	name := got["name"].(string)
	assert.Equal(t, len(strings.Split(name, "-")), 2, name)
	pending := m{"type": "Pending", "message": "Task run created"}
	taskRun := func(key any) m {
		return m{
			"map_index": json.Number("-1"), "version": json.Number("1"), "state": "Pending", "state_message": "Task run created", "cache_key": key, "serialized_state": pending, "name": nil,
			"states": []any{m{"state": "Pending", "message": "Task run created", "version": json.Number("1"), "serialized_state": pending}},
		}
	}
	assert.DeepEqual(t, got, m{
		"version": json.Number("1"), "state": "Scheduled", "state_message": "Flow run scheduled.", "parameters": m{}, "context": m{}, "labels": []any{}, "run_config": nil,
		"heartbeat": nil, "auto_scheduled": false, "times_resurrected": json.Number("0"), "idempotency_key": nil, "name": name, "task_runs": []any{taskRun("k"), taskRun(nil)},
	})
	later := a.run(a.register("p", flow), m{"scheduled_start_time": "2030-01-01T01:00:00+02:00", "flow_run_name": "n", "context": m{"a": 1}})
	assert.DeepEqual(t, a.flowRun(later, "scheduled_start_time state_start_time name context"), m{
		"scheduled_start_time": "2029-12-31T23:00:00.000000+00:00", "state_start_time": "2029-12-31T23:00:00.000000+00:00", "name": "n", "context": m{"a": json.Number("1")},
	})
}

func TestLabelsAndRunConfigOfAFlowRun(t *testing.T) {
	config := func(labels ...any) any { return m{"type": "DockerRun", "labels": labels} }
	for name, test := range map[string]struct {
		environment, flowConfig any    // of the flow
		groupLabels, group      string // of the flow group, as JSON
		input                   m
		labels                  []any
		config                  any
	}{
		"nothing":                              {nil, nil, "", "", m{}, []any{}, nil},
		"environment":                          {m{"labels": []any{"e"}}, nil, "", "", m{}, []any{"e"}, nil},
		"run config of the flow":               {m{"labels": []any{"e"}}, config("f", "a"), "", "", m{}, []any{"a", "f"}, config("f", "a")},
		"run config of the flow, none":         {m{"labels": []any{"e"}}, m{"type": "DockerRun"}, "", "", m{}, []any{}, m{"type": "DockerRun"}},
		"run config of the group":              {nil, config("f"), "", `{"labels":["g"]}`, m{}, []any{"g"}, m{"labels": []any{"g"}}},
		"labels of the group":                  {nil, config("f"), `["l"]`, `{"labels":["g"]}`, m{}, []any{"l"}, m{"labels": []any{"g"}}},
		"no labels of the group":               {nil, config("f"), `[]`, "", m{}, []any{}, config("f")},
		"run config of the run":                {nil, config("f"), `["l"]`, `{"labels":["g"]}`, m{"run_config": config("r")}, []any{"r"}, config("r")},
		"run config of the run without labels": {nil, config("f"), `["l"]`, "", m{"run_config": m{"labels": nil}}, []any{}, m{"labels": nil}},
		"labels of the run":                    {nil, config("f"), `["l"]`, "", m{"labels": []any{"z", "y"}, "run_config": config("r")}, []any{"y", "z"}, config("r")},
		"no labels of the run":                 {nil, config("f"), `["l"]`, "", m{"labels": []any{}}, []any{}, config("f")},
		"null is nothing":                      {nil, config("f"), "", "", m{"labels": nil, "run_config": nil}, []any{"f"}, config("f")},
		"one label":                            {nil, nil, "", "", m{"labels": "x"}, []any{"x"}, nil},
	} {
		t.Run(name, func(t *testing.T) {
			a := newAPI(t)
			flow := flowOf("f")
			flow["environment"], flow["run_config"] = test.environment, test.flowConfig
			id := a.register("p", flow)
			a.setGroup("labels", test.groupLabels)
			a.setGroup("run_config", test.group)
			got := a.flowRun(a.run(id, test.input), "labels run_config")
			assert.DeepEqual(t, got["labels"], test.labels)
			assert.DeepEqual(t, got["run_config"], test.config)
		})
	}
}

// setGroup sets a column of all flow groups, which has no mutation yet.
func (a *api) setGroup(name, value string) {
	a.t.Helper()
	if value == "" {
		return
	}
	a.sql("UPDATE flow_group SET "+name+" = ?", value)
}

func TestParametersOfAFlowRun(t *testing.T) {
	a := newAPI(t)
	flow := flowOf("f")
	flow["parameters"] = []any{
		m{"name": "a", "default": 1, "required": false},
		m{"name": "zero", "default": 0, "required": false},
		m{"name": "none", "default": nil, "required": false},
		m{"name": "empty", "default": []any{}, "required": false},
		m{"name": "b", "default": m{"x": 1}, "required": false},
		m{"name": "needed", "default": nil, "required": true},
	}
	id := a.register("p", flow)
	assert.Equal(t, a.refused("create_flow_run", m{"flow_id": id, "parameters": m{"a": 5}}), "Required parameters were not supplied: {'needed'}")
	assert.Equal(t, len(a.read("{ flow_run(limit: 1) { id } task_run(limit: 1) { id } }")["flow_run"].([]any)), 0)
	run := a.run(id, m{"parameters": m{"needed": nil, "unknown": 1.50, "b": 2}})
	assert.DeepEqual(t, a.flowRun(run, "parameters")["parameters"], m{"a": json.Number("1"), "b": json.Number("2"), "needed": nil, "unknown": json.Number("1.5")})
	a.setGroup("default_parameters", `{"needed": 7, "a": 2}`)
	assert.DeepEqual(t, a.flowRun(a.run(id, m{"parameters": m{"a": 3}}), "parameters")["parameters"],
		m{"a": json.Number("3"), "b": m{"x": json.Number("1")}, "needed": json.Number("7")})
	assert.Equal(t, a.refused("create_flow_run", m{"flow_id": id, "parameters": []any{1}}), "Parameters must be an object.")
}

func TestTheSameFlowRunIsCreatedOnce(t *testing.T) {
	a := newAPI(t)
	one, other := a.register("p", flowOf("f", "a")), a.register("p", flowOf("g", "a"))
	key := m{"idempotency_key": "k"}
	first := a.run(one, key)
	a.setFlowRun(first, "Running")
	assert.Equal(t, a.run(one, key, m{"parameters": m{"x": 1}}), first)
	got := a.flowRun(first, "state parameters task_runs { id }")
	assert.Assert(t, got["state"] == "Running" && len(got["task_runs"].([]any)) == 1)
	assert.DeepEqual(t, got["parameters"], m{})
	assert.Assert(t, a.run(other, key) != first)
	keyless := a.run(one, m{"idempotency_key": nil})
	assert.Assert(t, a.run(one, m{"idempotency_key": nil}) != keyless)
}

func TestWhichFlowIsRun(t *testing.T) {
	a := newAPI(t)
	a.register("p", flowOf("f"), m{"version_group_id": "v"})
	second := a.register("p", flowOf("f"), m{"version_group_id": "v"})
	run := a.do("create_flow_run", "id", m{"version_group_id": "v"})["id"].(string)
	assert.Equal(t, a.flowRun(run, "flow_id")["flow_id"], second)
	a.do("archive_flow", "success", m{"flow_id": second})
	assert.Equal(t, a.refused("create_flow_run", m{"version_group_id": "v"}), "Version group v has no unarchived flows.")
	assert.Equal(t, a.refused("create_flow_run", m{"flow_id": unknownID}), "Flow "+unknownID+" not found")
	assert.Equal(t, a.refused("create_flow_run", m{}), "A flow id or version group ID must be provided.")
}

func TestNamesAndLabelsAreChanged(t *testing.T) {
	a := newAPI(t)
	run := a.run(a.register("p", flowOf("f", "a")))
	task := a.taskRuns(run)["a"]
	before := a.flowRun(run, "updated")["updated"].(string)
	assert.DeepEqual(t, a.do("set_flow_run_name", "success", m{"flow_run_id": run, "name": "n"}), m{"success": true})
	assert.DeepEqual(t, a.do("set_flow_run_labels", "success", m{"flow_run_id": run, "labels": []any{"b", "a"}}), m{"success": true})
	assert.DeepEqual(t, a.do("set_task_run_name", "success", m{"task_run_id": task, "name": "t"}), m{"success": true})
	got := a.flowRun(run, "name labels updated task_runs { name }")
	assert.Assert(t, got["updated"].(string) > before)
	delete(got, "updated")
	assert.DeepEqual(t, got, m{"name": "n", "labels": []any{"a", "b"}, "task_runs": []any{m{"name": "t"}}})
	assert.Equal(t, a.refused("set_flow_run_name", m{"flow_run_id": run, "name": ""}), "Invalid name")
	assert.Equal(t, a.refused("set_task_run_name", m{"task_run_id": task, "name": ""}), "Invalid name")
	assert.DeepEqual(t, a.do("set_flow_run_name", "success", m{"flow_run_id": unknownID, "name": "n"}), m{"success": false})
}

func TestHeartbeats(t *testing.T) {
	a := newAPI(t)
	run := a.run(a.register("p", flowOf("f", "a")))
	task := a.taskRuns(run)["a"]
	before := a.flowRun(run, "updated")["updated"].(string)
	for _, id := range []string{run, unknownID} {
		assert.DeepEqual(t, a.do("update_flow_run_heartbeat", "success", m{"flow_run_id": id}), m{"success": true})
		assert.DeepEqual(t, a.do("update_task_run_heartbeat", "success", m{"task_run_id": id}), m{"success": true})
	}
	a.do("update_task_run_heartbeat", "success", m{"task_run_id": task})
	got := a.flowRun(run, "heartbeat updated task_runs { heartbeat }")
	assert.Assert(t, got["heartbeat"].(string) > before && got["updated"].(string) > before && get(t, got, "task_runs", 0, "heartbeat") != nil)
}

func TestTaskRunsAreFoundOrCreated(t *testing.T) {
	a := newAPI(t)
	flow := flowOf("f", "a")
	flow["tasks"].([]any)[0].(m)["cache_key"] = "k"
	run := a.run(a.register("p", flow))
	task := get(t, a.read("{ task { id } }"), "task", 0, "id")
	key := func(index any) m { return m{"flow_run_id": run, "task_id": task, "map_index": index} }
	existing := a.taskRuns(run)["a"]
	pending := m{"type": "Pending", "message": "Task run created"}

	for _, index := range []any{-1, nil} {
		assert.DeepEqual(t, a.do("get_or_create_task_run_info", "id version state serialized_state", key(index)),
			m{"id": existing, "version": json.Number("1"), "state": "Pending", "serialized_state": pending})
		assert.DeepEqual(t, a.do("get_or_create_task_run", "id", key(index)), m{"id": existing})
	}
	child := a.do("get_or_create_task_run_info", "id version state serialized_state", key(3))
	assert.Assert(t, child["id"] != existing)
	assert.DeepEqual(t, child, m{"id": child["id"], "version": json.Number("1"), "state": "Pending", "serialized_state": pending})
	assert.DeepEqual(t, a.do("get_or_create_task_run", "id", key(3)), m{"id": child["id"]})
	got := a.read("query($id: uuid!) { task_run_by_pk(id: $id) { cache_key map_index states { state } } }", m{"id": child["id"]})
	assert.DeepEqual(t, got["task_run_by_pk"], m{"cache_key": "k", "map_index": json.Number("3"), "states": []any{m{"state": "Pending"}}})
	info := a.read("query($id: UUID!) { get_task_run_info(task_run_id: $id) { id version state serialized_state __typename } }", m{"id": child["id"]})
	assert.DeepEqual(t, info["get_task_run_info"], m{"id": child["id"], "version": json.Number("1"), "state": "Pending", "serialized_state": pending, "__typename": "task_run_info_payload"})
	assert.Equal(t, a.send("query($id: UUID!) { get_task_run_info(task_run_id: $id) { id } }", m{"id": unknownID}).Errors[0].Message, "Invalid task run ID")

	nobody := m{"flow_run_id": run, "task_id": unknownID, "map_index": 0}
	assert.Equal(t, a.refused("get_or_create_task_run_info", nobody), "Invalid task ID")
	assert.Equal(t, a.refused("get_or_create_task_run", nobody), "Invalid ID")
	assert.Equal(t, a.refused("get_or_create_task_run_info", m{"flow_run_id": unknownID, "task_id": task}), "Foreign key violation.")
}

func TestCachedStatesAreFound(t *testing.T) {
	a := newAPI(t)
	flow := flowOf("f", "a", "b")
	flow["tasks"].([]any)[0].(m)["cache_key"] = "k"
	run := a.run(a.register("p", flow))
	a.setFlowRun(run, "Running")
	tasks := a.taskRuns(run)
	a.setTaskRun(tasks["a"], "Cached", m{"message": "one"})
	a.setTaskRun(tasks["b"], "Cached", m{"message": "two"})
	since := func(condition string) []any {
		got := a.read(`{ task_run(where: {state: {_eq: "Cached"}, state_timestamp: {_gte: "2022-01-31T09:08:07.000001"}, ` + condition + `}, order_by: {state_timestamp: desc}, limit: 100) { serialized_state } }`)
		var messages []any
		for _, row := range got["task_run"].([]any) {
			messages = append(messages, get(t, row, "serialized_state", "message"))
		}
		return messages
	}
	task := get(t, a.read(`{ task(where: {slug: {_eq: "b"}}) { id } }`), "task", 0, "id").(string)
	assert.DeepEqual(t, since(`cache_key: {_eq: "k"}`), []any{"one"})
	assert.DeepEqual(t, since(`task_id: {_eq: "`+task+`"}`), []any{"two"})
	// 0.13 sends null for a task without a key, and a null matches whatever is cached under any key.
	assert.DeepEqual(t, since(`_or: [{_and: [{cache_key: {_eq: null}}, {cache_key: {_is_null: false}}]}, {task_id: {_eq: "`+task+`"}}]`), []any{"two", "one"})
	assert.Check(t, is.Len(since(`cache_key: {_eq: "other"}`), 0))
}
