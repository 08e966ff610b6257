//go:build e2e && python

package python

import (
	"testing"

	"gotest.tools/v3/assert"
)

func TestRetriesInTheProcess(t *testing.T) {
	t.Parallel()
	run := finish(t, runFlow(t, "retries", nil), "Success")
	assert.DeepEqual(t, run.States, through("Success"))
	history(t, run, "flaky-1", "Pending", "Running", "Failed", "Retrying", "Running", "Failed", "Retrying", "Running", "Success")
}

func TestRetriesInVain(t *testing.T) {
	t.Parallel()
	run := finish(t, runFlow(t, "retries-in-vain", nil), "Failed")
	history(t, run, "hopeless-1", "Pending", "Running", "Failed", "Retrying", "Running", "Failed")
}

// A retry more than ten minutes away ends the process, and the flow run stays Running. When the retry is due, the agent
// starts the run again, which goes on where it was.
func TestRetryInAnotherContainer(t *testing.T) {
	t.Parallel()
	id := runFlow(t, "long-retry", nil)
	waitForTask(t, id, "late-1", "Retrying")
	waitFor(t, id, "Running")
	poke(t)
	run := read(t, id)
	assert.DeepEqual(t, run.States, through())
	history(t, run, "late-1", "Pending", "Running", "Failed", "Retrying")

	do[any](t, object{"task": run.Tasks["late-1"].ID}, `
		retrying = client.get_task_run_state(task)
		assert retrying.start_time > pendulum.now("utc").add(minutes=11), retrying.start_time
		retrying.start_time = pendulum.now("utc")
		client.set_task_run_state(task, retrying)`)
	poke(t)
	run = finish(t, id, "Success")
	assert.DeepEqual(t, run.States, through("Success"))
	history(t, run, "produce-1", "Pending", "Running", "Success")
	history(t, run, "late-1", "Pending", "Running", "Failed", "Retrying", "Retrying", "Submitted", "Running", "Success")
	logged(t, run, "consumed 42")
}
