//go:build e2e && python

package python

import (
	"os/exec"
	"testing"

	"gotest.tools/v3/assert"
)

func TestFailure(t *testing.T) {
	t.Parallel()
	run := finish(t, runFlow(t, "failure", nil), "Failed")
	assert.DeepEqual(t, run.States, through("Failed"))
	assert.Equal(t, run.Message, "Some reference tasks failed.")
	history(t, run, "divide-1", "Pending", "Running", "Failed")
	history(t, run, "downstream-1", "Pending", "TriggerFailed")
	logged(t, run, "ZeroDivisionError: division by zero")
}

func TestStateHandlers(t *testing.T) {
	t.Parallel()
	run := finish(t, runFlow(t, "state-handlers", nil), "Success")
	assert.Equal(t, run.Message, "forgiven")
	history(t, run, "forgiven-1", "Pending", "Running", "Success")
	history(t, run, "unlucky-1", "Pending", "Failed")
	logged(t, run, "forgiven: from Running to Failed")
	logged(t, run, "Exception raised while calling state handlers")
}

func TestTimeout(t *testing.T) {
	t.Parallel()
	run := finish(t, runFlow(t, "timeout", nil), "Failed")
	history(t, run, "slow-1", "Pending", "Running", "TimedOut")
}

func TestFlowThatCannotBeLoaded(t *testing.T) {
	t.Parallel()
	run := finish(t, runFlow(t, "file-is-missing", nil), "Failed")
	history(t, run, "divide-1", "Pending")
	logged(t, run, "No module named")
}

func TestContainerIsKilled(t *testing.T) {
	t.Parallel()
	id := runFlow(t, "waiting", nil)
	waitForTask(t, id, "wait-1", "Running")
	out, err := exec.Command("docker", "kill", containers(t, id)[0]).CombinedOutput()
	assert.NilError(t, err, string(out))
	run := finish(t, id, "Failed")
	assert.DeepEqual(t, run.States, through("Failed"))
}
