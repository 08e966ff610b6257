package agent

import (
	"testing"

	"gotest.tools/v3/assert"
)

func TestOnlyWhatIsOursAndFinishedIsPruned(t *testing.T) {
	ours := func(runID string) map[string]string {
		return map[string]string{labelFlowRunID: runID, labelAgent: "me", labelTenant: "tenant"}
	}
	elsewhere := map[string]string{labelFlowRunID: "done", labelAgent: "me", labelTenant: "other"}
	containers := []Container{
		{ID: "1", State: stateExited, Labels: ours("done")},
		{ID: "2", State: stateDead, Labels: ours("failed")},
		{ID: "3", State: stateCreated, Labels: ours("done")},
		{ID: "4", State: stateExited, Labels: ours("gone")},
		{ID: "5", State: stateExited, Labels: ours("running")},
		{ID: "6", State: stateCreated, Labels: ours("submitted")},
		{ID: "7", State: stateExited, Labels: elsewhere},
		{ID: "8", State: stateRunning, Labels: ours("done")},
		{ID: "9", State: "paused", Labels: ours("done")},
		{ID: "10", State: stateExited, Labels: map[string]string{labelFlowRunID: "done"}}, // a Python agent's
	}
	states := map[string]string{"done": "Success", "failed": "Failed", "running": "Running", "submitted": "Submitted"}
	removed := map[string]bool{}
	for _, l := range PlanPrune(containers, "tenant", states) {
		removed[l.ID] = l.Remove
		assert.Assert(t, l.Reason != "")
	}
	assert.DeepEqual(t, removed, map[string]bool{"1": true, "2": true, "3": true, "4": true, "5": false, "6": false, "7": false})
	assert.DeepEqual(t, RunIDs(containers, "tenant"), []string{"done", "failed", "done", "gone", "running", "submitted"})
}
