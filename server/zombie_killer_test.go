package server

import (
	"strings"
	"testing"
	"time"

	"gotest.tools/v3/assert"
	is "gotest.tools/v3/assert/cmp"
)

// endZombies runs a pass at the time of the server's clock.
func (a *api) endZombies() {
	a.t.Helper()
	cutoff := time.UnixMicro(a.clock.Load()).Add(-10 * time.Minute)
	assert.NilError(a.t, a.server.store.endZombies(a.t.Context(), cutoff))
}

func TestATaskWhoseProcessDiedIsRetriedAndThenFailed(t *testing.T) {
	a := newAPI(t)
	flow := flowOf("f", "a", "b") // b has one retry
	get(t, flow["tasks"], 1).(m)["retry_delay"] = 90
	run := a.run(a.register("p", flow))
	tasks := a.taskRuns(run)
	a.setFlowRun(run, "Running")
	a.setTaskRun(tasks["a"], "Success")
	a.setTaskRun(tasks["b"], "Running", m{"cached_inputs": m{"x": m{"type": "NoResultType"}}})
	a.sleep(10*time.Minute - time.Second)
	a.endZombies()
	b := func(selection string) m {
		return get(t, a.read("query($id: uuid!) { task_run_by_pk(id: $id) { "+selection+" } }", m{"id": tasks["b"]}), "task_run_by_pk").(m)
	}
	assert.Equal(t, b("state")["state"], "Running")
	a.sleep(2 * time.Second)
	now := time.UnixMicro(a.clock.Load())
	a.endZombies()
	message := "No heartbeat detected from the remote task; retrying the run. This will be retry 1 of 1."
	got := b("state state_message state_start_time serialized_state")
	assert.Equal(t, got["state"], "Retrying")
	assert.Equal(t, got["state_message"], message)
	start, err := parseTime(got["state_start_time"].(string))
	assert.NilError(t, err)
	assert.Assert(t, start.Sub(now) > 90*time.Second && start.Sub(now) < 91*time.Second, start)
	assert.Check(t, is.Equal(get(t, got, "serialized_state", "start_time"), got["state_start_time"]))
	assert.Check(t, is.DeepEqual(get(t, got, "serialized_state", "cached_inputs", "x", "type"), "NoResultType"))
	assert.Equal(t, a.stateOf(run), "Running")

	a.sleep(2 * time.Minute)
	assert.Check(t, is.Len(a.queue(nil), 1), "an agent takes it up again")
	a.setTaskRun(tasks["b"], "Running")
	a.sleep(11 * time.Minute)
	a.endZombies()
	failed := "No heartbeat detected from the remote task; marking the task run " + tasks["b"] + " (None) as failed."
	assert.DeepEqual(t, b("state state_message"), m{"state": "Failed", "state_message": failed})
	assert.DeepEqual(t, a.lines(run), []any{
		"ERROR prefect-server.ZombieKiller.TaskRun " + message,
		"ERROR prefect-server.ZombieKiller.TaskRun " + failed,
	})
	assert.DeepEqual(t, pluck(t, a.flowRun(run, "logs { task_run_id }")["logs"], "task_run_id"), []any{tasks["b"], tasks["b"]})
	a.endZombies()
	assert.Check(t, is.Len(a.lines(run), 2))
}

func TestATaskOfAFlowRunThatEndedIsNotRetried(t *testing.T) {
	a := newAPI(t)
	run := a.run(a.register("p", flowOf("f", "a", "b")))
	task := a.taskRuns(run)["b"]
	a.setFlowRun(run, "Running")
	a.setTaskRun(task, "Running")
	a.do("set_task_run_name", "success", m{"task_run_id": task, "name": "load orders"})
	a.setFlowRun(run, "Failed")
	a.sleep(11 * time.Minute)
	a.endZombies()
	got := get(t, a.read("query($id: uuid!) { task_run_by_pk(id: $id) { state state_message } }", m{"id": task}), "task_run_by_pk")
	assert.Equal(t, get(t, got, "state"), "Failed")
	assert.Assert(t, strings.HasSuffix(get(t, got, "state_message").(string), "marking the task run "+task+" (load orders) as failed."))
}

func TestAFlowRunThatDiedWhileItWasCancelledFails(t *testing.T) {
	a := newAPI(t)
	flow := a.register("p", flowOf("f", "a"))
	dead, live, off := a.run(flow), a.run(flow), a.run(a.register("p", flowOf("g", "a")))
	for _, run := range []string{dead, live, off} {
		a.setFlowRun(run, "Running")
		a.do("cancel_flow_run", "state", m{"flow_run_id": run})
	}
	a.sql(`UPDATE flow_group SET settings = '{"heartbeat_enabled": false}' WHERE id = (SELECT flow_group_id FROM flow WHERE name = 'g')`)
	a.sleep(11 * time.Minute)
	a.do("update_flow_run_heartbeat", "success", m{"flow_run_id": live})
	a.endZombies()
	assert.DeepEqual(t, a.flowRun(dead, "state state_message"), m{
		"state": "Failed", "state_message": "No heartbeat detected from the flow run; marking the run as failed.",
	})
	assert.DeepEqual(t, a.lines(dead), []any{"ERROR prefect-server.ZombieKiller.FlowRun No heartbeat detected from the flow run; marking the run as failed."})
	assert.Equal(t, a.stateOf(live), "Cancelling")
	assert.Equal(t, a.stateOf(off), "Cancelling")
}
