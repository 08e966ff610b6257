//go:build e2e && python

package python

import (
	"testing"

	"gotest.tools/v3/assert"
)

func TestCancellationWhileRunning(t *testing.T) {
	t.Parallel()
	id := runFlow(t, "waiting", nil)
	waitForTask(t, id, "wait-1", "Running")
	assert.Equal(t, do[string](t, object{"id": id}, `
		client.cancel_flow_run(id)
		return kind(client.get_flow_run_state(id))`), "Cancelling")
	assertCancelled(t, id)
}

func assertCancelled(t *testing.T, id string) {
	t.Helper()
	run := finish(t, id, "Cancelled")
	assert.DeepEqual(t, run.States, through("Cancelling", "Cancelled"))
	history(t, run, "before-1", "Pending", "Running", "Success")
	history(t, run, "wait-1", "Pending", "Running", "Cancelled")
	history(t, run, "after-1", "Pending", "Cancelled")
}

func TestCancellationByAnotherFlow(t *testing.T) {
	t.Parallel()
	id := runFlow(t, "waiting", nil)
	waitForTask(t, id, "wait-1", "Running")
	finish(t, runFlow(t, "cancels-another", object{"other": id}), "Success")
	assertCancelled(t, id)
}

func TestCancellationBeforeTheStart(t *testing.T) {
	t.Parallel()
	id := do[string](t, object{"project": project}, `
		flow = FlowView.from_flow_name("waiting", project_name=project)
		id = client.create_flow_run(flow_id=flow.flow_id, scheduled_start_time=pendulum.now("utc").add(hours=1))
		client.cancel_flow_run(id)
		return id`)
	run := finish(t, id, "Cancelled")
	assert.DeepEqual(t, run.States, []string{"Scheduled", "Cancelled"})
	history(t, run, "wait-1", "Pending", "Cancelled")
}
