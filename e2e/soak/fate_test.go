package main

import (
	"math/rand/v2"
	"testing"

	"gotest.tools/v3/assert"
	is "gotest.tools/v3/assert/cmp"

	"github.com/docker-prefect/docker-prefect/e2e/stub"
)

func TestVerdictComparesTheEndWithTheFate(t *testing.T) {
	for name, c := range map[string]struct {
		run            flowRun
		state, message string
		starts         int
		says           string
	}{
		"success":               {flowRun{fate: succeeds}, "Success", "All good.", 1, ""},
		"success overwritten":   {flowRun{fate: succeeds}, "Failed", "The container exited with status 0.", 1, `a success ended as Failed: "The container exited with status 0."`},
		"success run twice":     {flowRun{fate: succeeds}, "Success", "All good.", 2, "a success was started 2 times"},
		"failure":               {flowRun{fate: fails}, "Failed", failedByItself, 1, ""},
		"failure overwritten":   {flowRun{fate: fails}, "Failed", "The container exited with status 1.", 1, `a failure ended as Failed: "The container exited with status 1."`},
		"crash":                 {flowRun{fate: crashes, exitCode: 137}, "Failed", "The container exited with status 137 (probably out of memory).", 1, ""},
		"crash of another code": {flowRun{fate: crashes, exitCode: 139}, "Failed", "The container exited with status 137.", 1, `a crash ended as Failed: "The container exited with status 137."`},
		"cancelled":             {flowRun{fate: cancelled}, "Cancelled", "", 1, ""},
		"cancelled and failed":  {flowRun{fate: cancelled}, "Failed", "x", 1, `a cancelled ended as Failed: "x"`},
		"refused":               {flowRun{fate: refused}, "Failed", "create container: " + tooManyCPUs, 0, ""},
		"refused and started":   {flowRun{fate: refused}, "Failed", tooManyCPUs, 1, "a refused was started 1 times"},
	} {
		stored := stub.FlowRun{State: c.state, SerializedState: map[string]any{"message": c.message}}
		assert.Check(t, is.Equal(c.run.verdict(stored, c.starts), c.says), name)
	}
}

func TestFatesComeInTheirShares(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 0))
	seen := map[fate]int{}
	for range 10_000 {
		seen[pickFate(random)]++
	}
	sum := 0
	for f, share := range shares {
		sum += share
		assert.Check(t, seen[fate(f)] > 80*share && seen[fate(f)] < 120*share, "%s: %d", fate(f), seen[fate(f)])
	}
	assert.Equal(t, sum, 100)
}
