package server

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"gotest.tools/v3/assert"
	is "gotest.tools/v3/assert/cmp"
)

// groupOf gives the id of the group of a flow.
func (a *api) groupOf(flow string) string {
	a.t.Helper()
	return get(a.t, a.read("query($id: uuid!) { flow_by_pk(id: $id) { flow_group_id } }", m{"id": flow}), "flow_by_pk", "flow_group_id").(string)
}

// flowGroup reads a field of a flow group.
func (a *api) flowGroup(id, field string) any {
	a.t.Helper()
	return get(a.t, a.read("query($id: uuid!) { flow_group_by_pk(id: $id) { "+field+" } }", m{"id": id}), "flow_group_by_pk", field)
}

func TestSettingsOfAFlowGroup(t *testing.T) {
	a := newAPI(t)
	group := a.groupOf(a.register("p", flowOf("f")))
	config := m{"type": "DockerRun", "labels": []any{"c"}}
	for _, test := range []struct {
		mutation, field string
		value, want     any
	}{
		{"set_flow_group_description", "description", "# It does *many* things", "# It does *many* things"},
		{"set_flow_group_description", "description", nil, nil},
		{"set_flow_group_labels", "labels", []any{"b", "a", "b"}, []any{"b", "a"}},
		{"set_flow_group_labels", "labels", "one", []any{"one"}},
		{"set_flow_group_labels", "labels", []any{}, []any{}},
		{"set_flow_group_labels", "labels", nil, nil},
		{"set_flow_group_run_config", "run_config", config, config},
		{"set_flow_group_run_config", "run_config", nil, nil},
		{"set_flow_group_default_parameters", "default_parameters", m{"x": []any{"y"}}, m{"x": []any{"y"}}},
		{"set_flow_group_default_parameters", "default_parameters", m{}, m{}},
	} {
		argument := strings.TrimPrefix(test.field, "default_")
		got := a.do(test.mutation, "success error", m{"flow_group_id": group, argument: test.value})
		assert.Check(t, is.DeepEqual(got, m{"success": true, "error": nil}), test.mutation)
		assert.Check(t, is.DeepEqual(a.flowGroup(group, test.field), test.want), test.mutation)
		if test.value != nil {
			got = a.do(test.mutation, "success", m{"flow_group_id": unknownID, argument: test.value})
			assert.Check(t, is.DeepEqual(got, m{"success": false}), test.mutation)
		}
	}
	assert.Equal(t, a.refused("set_flow_group_run_config", m{"flow_group_id": group, "run_config": []any{}}), "The run config is not an object.")
	assert.Equal(t, a.refused("set_flow_group_default_parameters", m{"flow_group_id": group, "parameters": 5}), "Parameters must be an object.")
	assert.Equal(t, a.refused("set_flow_group_labels", m{"flow_group_id": "x"}), "Could not parse UUID: x")
}

func TestNewRunsTakeOverWhatTheirFlowGroupSays(t *testing.T) {
	a := newAPI(t)
	flow := flowOf("f")
	flow["run_config"] = m{"type": "UniversalRun", "labels": []any{"flow"}}
	id := a.register("p", flow)
	group := a.groupOf(id)
	labels := func() any { return a.flowRun(a.run(id), "labels")["labels"] }
	assert.DeepEqual(t, labels(), []any{"flow"})
	a.do("set_flow_group_run_config", "success", m{"flow_group_id": group, "run_config": m{"type": "DockerRun", "labels": []any{"config"}}})
	a.do("set_flow_group_default_parameters", "success", m{"flow_group_id": group, "parameters": m{"x": 1}})
	assert.DeepEqual(t, labels(), []any{"config"})
	a.do("set_flow_group_labels", "success", m{"flow_group_id": group, "labels": []any{"group", "a"}})
	assert.DeepEqual(t, labels(), []any{"a", "group"})
	a.do("set_flow_group_labels", "success", m{"flow_group_id": group, "labels": []any{}})
	assert.DeepEqual(t, labels(), []any{})
	a.do("set_flow_group_labels", "success", m{"flow_group_id": group})
	assert.DeepEqual(t, labels(), []any{"config"})
	run := a.flowRun(a.run(id), "parameters run_config")
	assert.DeepEqual(t, run, m{"parameters": m{"x": json.Number("1")}, "run_config": m{"type": "DockerRun", "labels": []any{"config"}}})
}

func TestHeartbeatsAndLazarusAreSwitchedForAllVersions(t *testing.T) {
	a := newAPI(t)
	flow := a.register("p", flowOf("f"), m{"idempotency_key": "k"})
	group := a.groupOf(flow)
	settings := m{"heartbeat_enabled": true, "lazarus_enabled": true, "version_locking_enabled": false, "idempotency_key": "k"}
	for _, test := range []struct {
		mutation string
		changes  m
	}{
		{"disable_flow_heartbeat", m{"heartbeat_enabled": false, "disable_heartbeat": true}},
		{"disable_flow_lazarus_process", m{"lazarus_enabled": false}},
		{"enable_flow_heartbeat", m{"heartbeat_enabled": true, "disable_heartbeat": false}},
		{"enable_flow_lazarus_process", m{"lazarus_enabled": true}},
	} {
		assert.DeepEqual(t, a.do(test.mutation, "success", m{"flow_id": flow}), m{"success": true})
		for name, value := range test.changes {
			settings[name] = value
		}
		assert.Check(t, is.DeepEqual(a.flowGroup(group, "settings"), settings), test.mutation)
		assert.Check(t, is.Equal(a.refused(test.mutation, m{"flow_id": unknownID}), "Invalid flow ID."))
	}
}

func TestAFlowGroupIsDeletedWithAllVersions(t *testing.T) {
	a := newAPI(t)
	a.register("p", flowOf("f", "a", "b"))
	flow := a.register("p", flowOf("f", "a"))
	a.run(flow)
	a.register("p", flowOf("other"))
	group := a.groupOf(flow)
	assert.DeepEqual(t, a.do("delete_flow_group", "success", m{"flow_group_id": group}), m{"success": true})
	assert.DeepEqual(t, a.do("delete_flow_group", "success", m{"flow_group_id": group}), m{"success": false})
	got := a.read("{ flow_group { flows { name } } flow_run(limit: 9) { id } task { id } task_run(limit: 9) { id } }")
	assert.DeepEqual(t, got, m{"flow_group": []any{m{"flows": []any{m{"name": "other"}}}}, "flow_run": []any{}, "task": []any{}, "task_run": []any{}})
}

func TestTheScheduleOfAFlowGroup(t *testing.T) {
	a := newAPI(t)
	group := a.groupOf(a.register("p", flowOf("f")))
	set := func(input m) any {
		t.Helper()
		input["flow_group_id"] = group
		assert.DeepEqual(t, a.do("set_flow_group_schedule", "success", input), m{"success": true})
		return a.flowGroup(group, "schedule")
	}
	assert.DeepEqual(t, set(m{
		"cron_clocks":     []any{m{"cron": "42 0 1 * * *", "parameter_defaults": m{"meep": "morp"}}, m{"cron": "@daily"}},
		"interval_clocks": []any{m{"interval": 4200, "parameter_defaults": m{"meep": "morp"}}, m{"interval": 60, "parameter_defaults": m{}}},
	}), m{"type": "Schedule", "clocks": []any{
		m{"type": "CronClock", "cron": "42 0 1 * * *", "parameter_defaults": m{"meep": "morp"}, "start_date": nil},
		m{"type": "CronClock", "cron": "@daily", "start_date": nil},
		m{"type": "IntervalClock", "interval": json.Number("4200000000"), "parameter_defaults": m{"meep": "morp"}, "start_date": nil},
		m{"type": "IntervalClock", "interval": json.Number("60000000"), "start_date": nil},
	}})
	a.sleep(time.Hour)
	schedule := set(m{"cron_clocks": m{"cron": "0 9 * * *"}, "timezone": "US/Pacific"})
	start := get(t, schedule, "clocks", 0, "start_date").(m)
	assert.Equal(t, start["tz"], "US/Pacific")
	assert.Assert(t, is.Contains(start["dt"], "2022-01-31T02:08:07.")) // 10:08 UTC
	assert.DeepEqual(t, set(m{}), m{"type": "Schedule", "clocks": []any{}})

	for want, input := range map[string]m{
		"Invalid timezone provided for schedule: US/Ocean": {"timezone": "US/Ocean"},
		"Invalid timezone provided for schedule: Local":    {"timezone": "Local"},
		`Invalid clock provided for schedule: {"type":"IntervalClock","interval":59000000,"start_date":null}: interval 59000000 is less than a minute, which is 60000000 microseconds`: {
			"interval_clocks": []any{m{"interval": 59}},
		},
		`Invalid clock provided for schedule: {"type":"CronClock","cron":"0 9 *","start_date":null}: cron "0 9 *": it has 3 fields instead of 5, 6 or 7`: {
			"cron_clocks": []any{m{"cron": "* * * * *"}, m{"cron": "0 9 *"}},
		},
		`Invalid clock provided for schedule: {"type":"CronClock","cron":"* * * * *","parameter_defaults":[],"start_date":null}: parameter_defaults [] are no object`: {
			"cron_clocks": []any{m{"cron": "* * * * *", "parameter_defaults": []any{}}},
		},
	} {
		input["flow_group_id"] = group
		assert.Check(t, is.Equal(a.refused("set_flow_group_schedule", input), want))
	}
	assert.DeepEqual(t, a.flowGroup(group, "schedule"), m{"type": "Schedule", "clocks": []any{}})
	assert.DeepEqual(t, a.do("set_flow_group_schedule", "success", m{"flow_group_id": unknownID}), m{"success": false})
	assert.DeepEqual(t, a.do("delete_flow_group_schedule", "success", m{"flow_group_id": group}), m{"success": true})
	assert.DeepEqual(t, a.do("delete_flow_group_schedule", "success", m{"flow_group_id": unknownID}), m{"success": false})
	assert.Assert(t, a.flowGroup(group, "schedule") == nil)
}

func TestTheScheduleOfAFlowGroupStandsInForThatOfTheFlow(t *testing.T) {
	a := newAPI(t)
	own := flowOf("f")
	own["schedule"] = m{"clocks": []any{m{"type": "IntervalClock", "interval": 86400000000}}}
	flow := a.register("p", own)
	bare := a.register("p", flowOf("bare"))
	hours := func(flow string) []any {
		var times []time.Time
		got := a.read("query($id: uuid!) { flow_run(where: {flow_id: {_eq: $id}}, order_by: {scheduled_start_time: asc}, limit: 99) { scheduled_start_time auto_scheduled } }", m{"id": flow})
		for _, run := range got["flow_run"].([]any) {
			start, err := parseTime(get(t, run, "scheduled_start_time").(string))
			assert.NilError(t, err)
			times = append(times, start)
			assert.Equal(t, get(t, run, "auto_scheduled"), true)
		}
		if len(times) == 0 {
			return []any{0}
		}
		return []any{len(times), times[1].Sub(times[0]).Hours()}
	}
	assert.DeepEqual(t, hours(flow), []any{10, 24.0})
	change := func(mutation string, input m) {
		t.Helper()
		input["flow_group_id"] = a.groupOf(flow)
		assert.DeepEqual(t, a.do(mutation, "success", input), m{"success": true})
	}
	change("set_flow_group_schedule", m{"interval_clocks": m{"interval": 3600}})
	assert.DeepEqual(t, hours(flow), []any{10, 1.0})
	change("set_flow_group_schedule", m{"cron_clocks": m{"cron": "0 */2 * * *"}})
	assert.DeepEqual(t, hours(flow), []any{10, 2.0})
	change("set_flow_group_schedule", m{})
	assert.DeepEqual(t, hours(flow), []any{0})
	change("delete_flow_group_schedule", m{})
	assert.DeepEqual(t, hours(flow), []any{10, 24.0})

	// A flow without a schedule of its own takes that of its group once it is switched on.
	assert.DeepEqual(t, a.do("set_schedule_active", "success", m{"flow_id": bare}), m{"success": false})
	a.do("set_flow_group_schedule", "success", m{"flow_group_id": a.groupOf(bare), "interval_clocks": m{"interval": 3600}})
	assert.DeepEqual(t, hours(bare), []any{0})
	assert.DeepEqual(t, a.do("set_schedule_active", "success", m{"flow_id": bare}), m{"success": true})
	assert.DeepEqual(t, hours(bare), []any{10, 1.0})
}

func TestANewScheduleDeletesTheWaitingRunsOfTheOld(t *testing.T) {
	a := newAPI(t)
	old := a.register("p", flowOf("f"))
	flow := a.register("p", flowOf("f"))
	other := a.register("p", flowOf("other"))
	group := a.groupOf(flow)
	scheduled := func(flow string, auto bool, name string) {
		run := a.run(flow, m{"flow_run_name": name, "scheduled_start_time": "2030-01-01"})
		if auto {
			a.sql("UPDATE flow_run SET auto_scheduled = TRUE WHERE id = ?", run)
		}
		if name == "running" {
			a.setFlowRun(run, "Running")
		}
	}
	for _, change := range []string{"set_flow_group_schedule", "delete_flow_group_schedule"} {
		scheduled(flow, true, "scheduled")
		scheduled(flow, true, "running")
		scheduled(flow, false, "by hand")
		scheduled(other, true, "other")
		a.do(change, "success", m{"flow_group_id": group})
		assert.DeepEqual(t, pluck(t, a.read("{ flow_run(order_by: {name: asc}, distinct_on: name, limit: 9) { name } }")["flow_run"], "name"), []any{"by hand", "other", "running"})
	}
	assert.Assert(t, old != flow)
}
