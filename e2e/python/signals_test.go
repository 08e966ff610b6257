//go:build e2e && python

package python

import (
	"testing"

	"gotest.tools/v3/assert"
)

func TestSignals(t *testing.T) {
	t.Parallel()
	run := finish(t, runFlow(t, "signals", nil), "Success")
	history(t, run, "succeed-1", "Pending", "Running", "Success")
	history(t, run, "skip-1", "Pending", "Running", "Skipped")
	history(t, run, "skipped_along-1", "Pending", "Skipped")
	history(t, run, "undeterred-1", "Pending", "Running", "Success")
	history(t, run, "fail-1", "Pending", "Running", "Failed")
	history(t, run, "retry-1", "Pending", "Running", "Retrying", "Running", "Success")
	history(t, run, "loop-1", "Pending", "Running", "Looped", "Running", "Looped", "Running", "Success")
	assert.Equal(t, run.Tasks["fail-1"].Messages[2], "gave up")
	logged(t, run, "7 and 3")
}

func TestPauseSignalWaitsUntilResumed(t *testing.T) {
	t.Parallel()
	run := pauseAndResume(t, "pause", "pause-1")
	logged(t, run, "somebody said so")
}
