package server

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"strings"
	"testing"

	"gotest.tools/v3/assert"
	is "gotest.tools/v3/assert/cmp"
)

func TestAFlowIsStoredAsItCame(t *testing.T) {
	a := newAPI(t)
	text := `{"name":"f","b":1.0,"a":1e3,"big":123456789012345678901234567890,"__version__":"0.13.0+12.gabc","storage":{"z":"😀","y":[],"x":"\ud83d"},` +
		`"parameters":[],"tasks":[{"slug":"t-1","max_retries":3,"retry_delay":3723,"trigger":"manual_only","cache_key":"k","tags":["v","u"],"auto_generated":true}],"edges":[],"run_config":null,"environment":{"labels":["e"]}}`
	got := a.post(`{"query": "mutation($input: create_flow_input!) { create_flow(input: $input) { id } }", "variables": {"input": {"project_id": "` + a.project("p") + `", "serialized_flow": ` + text + `}}}`)
	assert.Equal(t, len(got.Errors), 0, got.body)
	read := a.send(`{ flow { name serialized_flow storage core_version environment run_config flow_group { settings name } version_group_id version } }`, nil)
	assert.Assert(t, is.Contains(read.body, `"serialized_flow":`+text))
	assert.Assert(t, is.Contains(read.body, `"storage":{"z":"😀","y":[],"x":"\ud83d"}`))
	flow := get(t, read.Data, "flow", 0).(m)
	assert.Equal(t, flow["core_version"], "0.13.0+12.gabc")
	assert.DeepEqual(t, flow["environment"], m{"labels": []any{"e"}})
	assert.Assert(t, flow["run_config"] == nil)
	assert.Equal(t, flow["version_group_id"], get(t, flow, "flow_group", "name"))
	assert.DeepEqual(t, get(t, flow, "flow_group", "settings"), m{"heartbeat_enabled": true, "lazarus_enabled": true, "version_locking_enabled": false, "idempotency_key": nil})
	task := get(t, a.read(`{ task { slug max_retries retry_delay trigger cache_key tags auto_generated } }`), "task", 0)
	assert.DeepEqual(t, task, m{"slug": "t-1", "max_retries": json.Number("3"), "retry_delay": "01:02:03", "trigger": "manual_only", "cache_key": "k", "tags": []any{"v", "u"}, "auto_generated": true})
	for where, count := range map[string]string{`_eq: "1:2:3"`: "1", `_gt: "01:02:03"`: "0", `_gt: "00:59:59"`: "1", `_in: ["00:00:01"]`: "0"} {
		got := a.read(`{ task_aggregate(where: {retry_delay: {` + where + `}}) { aggregate { count } } }`)
		assert.Check(t, is.Equal(get(t, got, "task_aggregate", "aggregate", "count"), json.Number(count)), where)
	}
}

func TestVersionsOfAFlow(t *testing.T) {
	a := newAPI(t)
	versions := func() string {
		var list []string
		for _, flow := range a.read("{ flow(order_by: {created: asc}) { name version archived project { name } } }")["flow"].([]any) {
			text := get(t, flow, "project", "name").(string) + "/" + flow.(m)["name"].(string) + flow.(m)["version"].(json.Number).String()
			if flow.(m)["archived"].(bool) {
				text += "-"
			}
			list = append(list, text)
		}
		return strings.Join(list, " ")
	}
	a.register("p", flowOf("f"))
	a.register("p", flowOf("g"))
	a.register("q", flowOf("f"))
	assert.Equal(t, versions(), "p/f1 p/g1 q/f1")
	a.register("p", flowOf("f"))
	assert.Equal(t, versions(), "p/f1- p/g1 q/f1 p/f2")

	// A version group joins flows across names and projects.
	a.register("p", flowOf("x"), m{"version_group_id": "shared"})
	a.register("q", flowOf("y"), m{"version_group_id": "shared"})
	assert.Equal(t, versions(), "p/f1- p/g1 q/f1 p/f2 p/x1- q/y2")
	a.register("p", flowOf("x")) // found by its name
	assert.Equal(t, versions(), "p/f1- p/g1 q/f1 p/f2 p/x1- q/y2- p/x3")
}

func TestIdempotentRegistration(t *testing.T) {
	a := newAPI(t)
	key := func(k any) m { return m{"idempotency_key": k} }
	first := a.register("p", flowOf("f"), key("k"))
	assert.Equal(t, a.register("p", flowOf("f", "changed"), key("k")), first)
	second := a.register("p", flowOf("f"), key("other"))
	assert.Assert(t, second != first)
	third := a.register("p", flowOf("f"), key("k")) // only the last key counts
	assert.Assert(t, third != second && third != first)
	fourth := a.register("p", flowOf("f"), key(nil))
	assert.Assert(t, fourth != third)
	assert.Assert(t, a.register("p", flowOf("f"), key("k")) != fourth) // a registration without a key forgets the last
	// A flow that was archived is not given back.
	last := a.register("p", flowOf("f"), key("k"))
	a.do("archive_flow", "success", m{"flow_id": last})
	assert.Assert(t, a.register("p", flowOf("f"), key("k")) != last)
}

func TestRegisteringACompressedFlowInPieces(t *testing.T) {
	a := newAPI(t)
	whole := flowOf("f", "a", "b", "c")
	tasks, edges := whole["tasks"].([]any), whole["edges"].([]any)
	bare := flowOf("f")
	flow := a.do("create_flow_from_compressed_string", "id", m{"project_id": a.project("p"), "serialized_flow": compress(t, bare), "set_schedule_active": false})["id"]
	for range 2 { // the client may send everything twice
		for _, batch := range [][]any{tasks[:2], tasks[2:], {}} {
			assert.DeepEqual(t, a.do("register_tasks", "success error", m{"flow_id": flow, "serialized_tasks": batch}), m{"success": true, "error": nil})
		}
		a.do("register_edges", "success", m{"flow_id": flow, "serialized_edges": edges})
		a.do("register_edges", "success", m{"flow_id": flow, "serialized_edges": []any{m{"upstream_task": "a", "downstream_task": "c", "key": nil, "mapped": true}}})
	}
	got := a.read(`query($id: uuid!) { flow_by_pk(id: $id) { serialized_flow tasks(order_by: {slug: asc}) { slug mapped is_root_task is_terminal_task is_reference_task
		upstream_edges(order_by: {upstream_task: {slug: asc}}) { key mapped upstream_task { slug } } } } }`, m{"id": flow})
	assert.DeepEqual(t, pluck(t, get(t, got, "flow_by_pk", "serialized_flow", "tasks"), "slug"), []any{"a", "b", "c"})
	assert.Equal(t, len(get(t, got, "flow_by_pk", "serialized_flow", "edges").([]any)), 3)
	assert.DeepEqual(t, get(t, got, "flow_by_pk", "tasks"), []any{
		m{"slug": "a", "mapped": false, "is_root_task": true, "is_terminal_task": false, "is_reference_task": false, "upstream_edges": []any{}},
		m{"slug": "b", "mapped": false, "is_root_task": false, "is_terminal_task": false, "is_reference_task": false, "upstream_edges": []any{m{"key": "x", "mapped": false, "upstream_task": m{"slug": "a"}}}},
		m{"slug": "c", "mapped": true, "is_root_task": false, "is_terminal_task": true, "is_reference_task": true, "upstream_edges": []any{
			m{"key": nil, "mapped": true, "upstream_task": m{"slug": "a"}}, m{"key": "x", "mapped": false, "upstream_task": m{"slug": "b"}},
		}},
	})
	assert.Assert(t, is.Contains(a.refused("register_edges", m{"flow_id": flow, "serialized_edges": m{"upstream_task": m{"slug": "a"}, "downstream_task": m{"slug": "?"}}}), "some edges reference tasks that do not exist"))
	// A run that is created now has a task run for each of them.
	assert.Equal(t, len(a.taskRuns(a.run(flow.(string)))), 3)
}

func TestFlowsThatCannotBeRegistered(t *testing.T) {
	a := newAPI(t)
	project := a.project("p")
	old := flowOf("f")
	old["__version__"] = "0.6.0"
	broken := flowOf("f", "a")
	broken["edges"] = []any{m{"upstream_task": "a", "downstream_task": "b"}}
	for name, test := range map[string]struct {
		flow    any
		project string
		want    string
	}{
		"old":             {old, project, "0.6.1+"},
		"no name":         {m{}, project, "no name"},
		"not an object":   {[]any{1}, project, "cannot be read"},
		"unknown project": {flowOf("f"), unknownID, "Invalid project."},
		"unknown task":    {broken, project, "tasks that do not exist"},
	} {
		t.Run(name, func(t *testing.T) {
			assert.Check(t, is.Contains(a.refused("create_flow", m{"project_id": test.project, "serialized_flow": test.flow}), test.want))
		})
	}
	// A megabyte of spaces 65 times: gzip may be written one after the other.
	member, err := base64.StdEncoding.DecodeString(compress(t, strings.Repeat(" ", 1<<20)))
	assert.NilError(t, err)
	bomb := base64.StdEncoding.EncodeToString(bytes.Repeat(member, 65))
	for _, text := range []string{"", "?", "aGVsbG8=", bomb, compress(t, nestedList(600))} {
		assert.Equal(t, a.refused("create_flow_from_compressed_string", m{"project_id": project, "serialized_flow": text}), "Unable to decompress serialized flow")
	}
	assert.Equal(t, len(a.read("{ flow { id } flow_group { id } }")["flow"].([]any)), 0)
	for _, name := range []string{"register_tasks", "register_edges"} {
		assert.Equal(t, a.refused(name, m{"flow_id": unknownID, strings.Replace(name, "register", "serialized", 1): []any{}}), "Invalid flow ID")
	}
}

func nestedList(depth int) any {
	var value any
	for range depth {
		value = []any{value}
	}
	return value
}

func TestArchivingAFlow(t *testing.T) {
	a := newAPI(t)
	flow := a.register("p", flowOf("f", "a"))
	waiting, running, finished := a.run(flow), a.run(flow), a.run(flow)
	a.setFlowRun(running, "Running")
	a.setFlowRun(finished, "Success")
	a.register("p", flowOf("f", "a"))

	assert.DeepEqual(t, a.flowRun(waiting, "state state_message task_runs { state }"),
		m{"state": "Cancelled", "state_message": "Flow " + flow + " was archived.", "task_runs": []any{m{"state": "Cancelled"}}})
	assert.Equal(t, a.flowRun(running, "state")["state"], "Running")
	assert.Equal(t, a.flowRun(finished, "state")["state"], "Success")
	assert.Equal(t, a.refused("create_flow_run", m{"flow_id": flow}), "Flow "+flow+" is archived.")
	assert.DeepEqual(t, a.do("archive_flow", "success", m{"flow_id": unknownID}), m{"success": false})
}

func TestDeleting(t *testing.T) {
	a := newAPI(t)
	flow := a.register("p", flowOf("f", "a", "b"))
	run := a.run(flow)
	a.do("write_run_logs", "success", m{"logs": m{"flow_run_id": run, "task_run_id": a.taskRuns(run)["a"], "message": "x"}})
	a.do("create_task_run_artifact", "id", m{"task_run_id": a.taskRuns(run)["a"], "kind": "link", "data": m{}})
	other := a.run(flow)
	count := func() any {
		got := a.read(`{ flow { id } flow_run(limit: 99) { id } task { id } edge { id } task_run(limit: 99) { id } flow_run_state(limit: 99) { id } task_run_state(limit: 99) { id } log(limit: 99) { id } task_run_artifact(limit: 99) { id } }`)
		counts := map[string]int{}
		for table, rows := range got {
			if n := len(rows.([]any)); n > 0 {
				counts[table] = n
			}
		}
		return counts
	}
	assert.DeepEqual(t, a.do("delete_flow_run", "success", m{"flow_run_id": run}), m{"success": true})
	assert.DeepEqual(t, a.do("delete_flow_run", "success", m{"flow_run_id": run}), m{"success": false})
	assert.DeepEqual(t, count(), map[string]int{"flow": 1, "flow_run": 1, "task": 2, "edge": 1, "task_run": 2, "flow_run_state": 1, "task_run_state": 2})
	assert.DeepEqual(t, a.do("delete_flow", "success", m{"flow_id": flow}), m{"success": true})
	assert.DeepEqual(t, count(), map[string]int{})
	a.run(a.register("p", flowOf("f", "a")))
	assert.DeepEqual(t, a.do("delete_project", "success", m{"project_id": get(t, a.read("{ project { id } }"), "project", 0, "id")}), m{"success": true})
	assert.DeepEqual(t, count(), map[string]int{})
	assert.DeepEqual(t, a.do("delete_project", "success", m{"project_id": other}), m{"success": false})
}

func TestSchedulesAreSwitchedOnAndOff(t *testing.T) {
	a := newAPI(t)
	hourly := m{"clocks": []any{m{"type": "IntervalClock", "interval": 3600000000, "parameter_defaults": m{}}}}
	needy := []any{m{"name": "n", "slug": "n", "required": true, "default": nil}}
	with := func(schedule any, parameters []any) m {
		flow := flowOf("f")
		flow["schedule"], flow["parameters"] = schedule, parameters
		return flow
	}
	active := func(flow string) any {
		return get(t, a.read("query($id: uuid!) { flow_by_pk(id: $id) { is_schedule_active } }", m{"id": flow}), "flow_by_pk", "is_schedule_active")
	}
	none := a.register("p", with(nil, nil))
	assert.Equal(t, active(none), false)
	assert.DeepEqual(t, a.do("set_schedule_active", "success", m{"flow_id": none}), m{"success": false})
	assert.DeepEqual(t, a.do("set_schedule_active", "success", m{"flow_id": unknownID}), m{"success": false})
	assert.DeepEqual(t, a.do("set_schedule_inactive", "success", m{"flow_id": unknownID}), m{"success": false})

	assert.Equal(t, active(a.register("p", with(hourly, nil))), true)
	off := a.register("p", with(hourly, nil), m{"set_schedule_active": false})
	assert.Equal(t, active(off), false)
	assert.DeepEqual(t, a.do("set_schedule_active", "success", m{"flow_id": off}), m{"success": true})
	assert.Equal(t, active(off), true)
	assert.DeepEqual(t, a.do("set_schedule_inactive", "success", m{"flow_id": off}), m{"success": true})
	assert.Equal(t, active(off), false)

	// A required parameter needs a value in every clock; without one the flow is registered all the same.
	lacking := a.register("p", with(hourly, needy))
	assert.Equal(t, active(lacking), false)
	assert.Equal(t, a.refused("set_schedule_active", m{"flow_id": lacking}), "Can not schedule a flow that has required parameters.")
	given := m{"clocks": []any{m{"type": "IntervalClock", "interval": 3600000000, "parameter_defaults": m{"n": 1}}}}
	assert.Equal(t, active(a.register("p", with(given, needy))), true)
}
