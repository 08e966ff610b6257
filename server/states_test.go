package server

import (
	"strings"
	"testing"
	"time"

	"gotest.tools/v3/assert"
	is "gotest.tools/v3/assert/cmp"
)

func TestAFlowRunGoesThroughItsStates(t *testing.T) {
	a := newAPI(t)
	run := a.run(a.register("p", flowOf("f", "a", "b")))
	agent := a.do("register_agent", "id", m{"type": "DockerAgent", "name": "n", "tenant_id": a.tenant()})["id"]

	got := a.flowRun(run, "version state state_start_time scheduled_start_time state_message serialized_state start_time heartbeat")
	assert.Equal(t, got["state_start_time"], got["scheduled_start_time"])
	assert.DeepEqual(t, got["serialized_state"], m{"type": "Scheduled", "message": "Flow run scheduled.", "start_time": got["scheduled_start_time"]})
	assert.Equal(t, got["state"], "Scheduled")
	assert.Assert(t, got["start_time"] == nil && got["heartbeat"] == nil)

	submitted := stateOf("Submitted", m{"state": stateOf("Scheduled")})
	a.do("set_flow_run_states", "states { id }", m{"states": m{"flow_run_id": run, "version": 1, "state": submitted}}, "X-Prefect-Agent-ID", agent.(string))
	got = a.flowRun(run, "state state_start_time agent { id } heartbeat start_time serialized_state")
	assert.DeepEqual(t, got["agent"], m{"id": agent})
	assert.Assert(t, got["heartbeat"] != nil && got["start_time"] == nil && got["state_start_time"] == nil)
	assert.DeepEqual(t, got["serialized_state"], submitted)

	a.setFlowRun(run, "Running")
	first := a.flowRun(run, "start_time")["start_time"]
	assert.Assert(t, first != nil)
	a.setFlowRun(run, "Success")
	ended := a.flowRun(run, "end_time")["end_time"]
	assert.Assert(t, ended != nil)

	// No transition is forbidden: a finished run can run again. It keeps its first start and gets a later end.
	a.setFlowRun(run, "Running")
	assert.Equal(t, a.flowRun(run, "start_time")["start_time"], first)
	a.setFlowRun(run, "Failed")
	assert.Assert(t, a.flowRun(run, "end_time")["end_time"].(string) > ended.(string))

	history := a.flowRun(run, "version states(order_by: {version: asc}) { state version }")
	assert.DeepEqual(t, pluck(t, history["states"], "state"), []any{"Scheduled", "Submitted", "Running", "Success", "Running", "Failed"})
	assert.Equal(t, get(t, history, "version"), get(t, history, "states", 5, "version"))
}

func TestWhichStatesEndARun(t *testing.T) {
	a := newAPI(t)
	flow := a.register("p", flowOf("f", "a"))
	for kind, ends := range map[string]bool{
		"Success": true, "Failed": true, "Cached": true, "TimedOut": true, "Looped": true, "Cancelled": true,
		"Mapped": false, "Skipped": false, "TriggerFailed": false, "ValidationFailed": false, "Finished": false, "Running": false, "Cancelling": false,
	} {
		run := a.run(flow)
		a.setFlowRun(run, kind)
		assert.Check(t, (a.flowRun(run, "end_time")["end_time"] != nil) == ends, kind)
		assert.Check(t, (a.flowRun(run, "start_time")["start_time"] != nil) == (kind == "Running"), kind)
	}
}

func TestATaskRunGoesThroughItsStates(t *testing.T) {
	a := newAPI(t)
	run := a.run(a.register("p", flowOf("f", "a")))
	task := a.taskRuns(run)["a"]

	refusal := a.refused("set_task_run_states", m{"states": []any{m{"task_run_id": task, "state": stateOf("Running")}}})
	assert.Equal(t, refusal, "State update failed for task run ID "+task+": provided a running state but associated flow run "+run+" is not in a running state.")

	a.setFlowRun(run, "Running")
	a.setTaskRun(task, "Running")
	a.setTaskRun(task, "Retrying", m{"start_time": "2022-02-01T00:00:00+02:00", "run_count": 1, "cached_inputs": m{"x": m{"type": "NoResultType"}}})
	a.setTaskRun(task, "Running")
	a.setTaskRun(task, "Success")

	got := get(t, a.read(`query($id: uuid!) { task_run_by_pk(id: $id) {
		version state start_time end_time heartbeat serialized_state states(order_by: {version: asc}) { state message start_time } } }`, m{"id": task}), "task_run_by_pk")
	assert.DeepEqual(t, pluck(t, get(t, got, "states"), "state"), []any{"Pending", "Running", "Retrying", "Running", "Success"})
	assert.Equal(t, get(t, got, "states", 0, "message"), "Task run created")
	assert.Equal(t, get(t, got, "states", 2, "start_time"), "2022-01-31T22:00:00.000000+00:00")
	assert.Assert(t, get(t, got, "heartbeat") != nil && get(t, got, "start_time") != nil && get(t, got, "end_time") != nil)
	// Cached inputs are carried forward into states without any.
	assert.DeepEqual(t, get(t, got, "serialized_state", "cached_inputs"), m{"x": m{"type": "NoResultType"}})
}

func TestARunIsSubmittedOnceInThirtySeconds(t *testing.T) {
	a := newAPI(t)
	run := a.run(a.register("p", flowOf("f", "a")))
	again := m{"states": []any{m{"flow_run_id": run, "state": stateOf("Submitted")}}}
	a.setFlowRun(run, "Submitted")
	assert.Equal(t, a.refused("set_flow_run_states", again), "State update failed: this run has already been submitted.")

	a.setFlowRun(run, "Running") // other states do not release the lock
	a.sleep(29 * time.Second)
	assert.Equal(t, a.refused("set_flow_run_states", again), "State update failed: this run has already been submitted.")
	a.sleep(time.Second)
	a.setFlowRun(run, "Submitted")
	assert.Equal(t, a.refused("set_flow_run_states", again), "State update failed: this run has already been submitted.")
}

func TestStatesThatAreRefused(t *testing.T) {
	a := newAPI(t)
	run := a.run(a.register("p", flowOf("f", "a")))
	task := a.taskRuns(run)["a"]
	for name, test := range map[string]struct {
		flowRun any
		state   any
		want    string
	}{
		"unknown run":       {unknownID, stateOf("Running"), "State update failed for flow run ID " + unknownID},
		"unknown type":      {run, m{"type": "Nonsense"}, "{'type': ['Unsupported value: Nonsense']}"},
		"no type":           {run, m{"message": "x"}, "{'type': ['Missing data for required field.']}"},
		"type is no string": {run, m{"type": 5}, "{'type': ['Unsupported value: ']}"},
		"no object":         {run, []any{"Running"}, "{'_schema': ['Invalid input type.']}"},
		"bad time":          {run, stateOf("Scheduled", m{"start_time": "soon"}), "{'start_time': ['Not a valid datetime.']}"},
		"too large":         {run, stateOf("Failed", m{"message": strings.Repeat("x", maxState)}), "State payload is too large."},
		"malformed run id":  {"x", stateOf("Running"), "Could not parse UUID: x"},
	} {
		t.Run(name, func(t *testing.T) {
			got := a.refused("set_flow_run_states", m{"states": []any{m{"flow_run_id": test.flowRun, "state": test.state}}})
			assert.Equal(t, got, test.want)
		})
	}
	assert.Equal(t, a.flowRun(run, "state")["state"], "Scheduled")
	got := a.refused("set_task_run_states", m{"states": []any{m{"task_run_id": task, "state": stateOf("Failed")}, m{"task_run_id": unknownID, "state": stateOf("Failed")}}})
	assert.Equal(t, got, "State update failed for task run ID "+unknownID)
	// A mutation happens as a whole or not at all.
	assert.DeepEqual(t, pluck(t, a.flowRun(run, "task_runs { state }")["task_runs"], "state"), []any{"Pending"})
}

func TestAStateThatWaitsIsDueNowUnlessItSays(t *testing.T) {
	a := newAPI(t)
	run := a.run(a.register("p", flowOf("f", "a")))
	for kind, dueNow := range map[string]bool{"Scheduled": true, "Resume": true, "Retrying": true, "Queued": true, "Paused": false, "Success": false} {
		a.setFlowRun(run, kind, m{"start_time": nil})
		got := a.flowRun(run, "state_start_time state_timestamp serialized_state")
		if dueNow {
			assert.Check(t, is.Equal(got["state_start_time"], got["state_timestamp"]), kind)
			assert.Check(t, is.Equal(get(t, got, "serialized_state", "start_time"), got["state_start_time"]), kind)
		} else {
			assert.Check(t, got["state_start_time"] == nil, kind)
			assert.Check(t, get(t, got, "serialized_state", "start_time") == nil, kind)
		}
	}
	// Its own text stays as it is; only the copy is normalised.
	a.setFlowRun(run, "Scheduled", m{"start_time": "2022-02-01 00:00:00"})
	got := a.flowRun(run, "state_start_time serialized_state")
	assert.Equal(t, get(t, got, "serialized_state", "start_time"), "2022-02-01 00:00:00")
	assert.Equal(t, got["state_start_time"], "2022-02-01T00:00:00.000000+00:00")
}

func TestCancelling(t *testing.T) {
	a := newAPI(t)
	flow := a.register("p", flowOf("f", "done", "going", "waiting"))
	states := func(run string) []any {
		got := a.flowRun(run, "state task_runs(order_by: {task: {slug: asc}}) { state state_message }")
		return append([]any{got["state"]}, pluck(t, got["task_runs"], "state")...)
	}

	waiting := a.run(flow)
	assert.DeepEqual(t, a.do("cancel_flow_run", "state", m{"flow_run_id": waiting}), m{"state": "Cancelled"})
	assert.DeepEqual(t, states(waiting), []any{"Cancelled", "Cancelled", "Cancelled", "Cancelled"})
	assert.Equal(t, a.flowRun(waiting, "state_message")["state_message"], "Flow run is cancelled")

	running := a.run(flow)
	tasks := a.taskRuns(running)
	a.setFlowRun(running, "Running")
	a.setTaskRun(tasks["done"], "Running")
	a.setTaskRun(tasks["done"], "Success")
	a.setTaskRun(tasks["going"], "Running")
	for range 2 {
		assert.DeepEqual(t, a.do("cancel_flow_run", "state", m{"flow_run_id": running}), m{"state": "Cancelling"})
		assert.DeepEqual(t, states(running), []any{"Cancelling", "Success", "Running", "Pending"})
	}
	assert.Assert(t, is.Contains(a.refused("set_task_run_states", m{"states": []any{m{"task_run_id": tasks["waiting"], "state": stateOf("Running")}}}), "is not in a running state"))
	a.setFlowRun(running, "Cancelled") // as the engine does when it notices
	assert.DeepEqual(t, states(running), []any{"Cancelled", "Success", "Cancelled", "Cancelled"})

	assert.DeepEqual(t, a.do("cancel_flow_run", "state", m{"flow_run_id": running}), m{"state": "Cancelled"})
	finished := a.run(flow)
	a.setFlowRun(finished, "Success")
	assert.DeepEqual(t, a.do("cancel_flow_run", "state", m{"flow_run_id": finished}), m{"state": "Success"})
	assert.Equal(t, len(a.flowRun(finished, "states { id }")["states"].([]any)), 2)
	assert.Equal(t, a.refused("cancel_flow_run", m{"flow_run_id": unknownID}), "Invalid flow run ID: "+unknownID+".")
}
