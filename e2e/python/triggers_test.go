//go:build e2e && python

package python

import (
	"testing"

	"gotest.tools/v3/assert"
)

func TestTriggers(t *testing.T) {
	t.Parallel()
	run := finish(t, runFlow(t, "triggers", nil), "Success")
	history(t, run, "fails-1", "Pending", "Running", "Failed")
	history(t, run, "needs_all-1", "Pending", "TriggerFailed")
	for _, task := range []string{"works-1", "cleans_up-1", "always-1", "satisfied-1"} {
		history(t, run, task, "Pending", "Running", "Success")
	}
}

func TestBranchesAreSkipped(t *testing.T) {
	t.Parallel()
	run := finish(t, runFlow(t, "branches", nil), "Success")
	history(t, run, "when_even-1", "Pending", "Skipped")
	history(t, run, "when_odd-1", "Pending", "Running", "Success")
	logged(t, run, "branch odd")
}

// A paused task ends the process. Who resumes it makes it due, and the agent starts the run again.
func TestManualTriggerPausesUntilResumed(t *testing.T) {
	t.Parallel()
	run := pauseAndResume(t, "approval", "approved-1")
	history(t, run, "prepare-1", "Pending", "Running", "Success")
	logged(t, run, "approved: prepared")
}

func pauseAndResume(t *testing.T, flow, task string) flowRun {
	t.Helper()
	id := runFlow(t, flow, nil)
	waitForTask(t, id, task, "Paused")
	waitFor(t, id, "Running")
	poke(t)
	run := read(t, id)
	assert.DeepEqual(t, run.States, through())
	do[any](t, object{"task": run.Tasks[task].ID}, `client.set_task_run_state(task, state.Resume("by a test"))`)
	poke(t)
	run = finish(t, id, "Success")
	assert.DeepEqual(t, run.States, through("Success"))
	states := run.Tasks[task].States
	assert.DeepEqual(t, states[len(states)-4:], []string{"Resume", "Submitted", "Running", "Success"})
	return run
}
