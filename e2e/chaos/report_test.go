package main

import (
	"bytes"
	"strings"
	"testing"
	"time"

	"gotest.tools/v3/assert"
	is "gotest.tools/v3/assert/cmp"

	"github.com/docker-prefect/docker-prefect/e2e/chaos/script"
)

func TestSpread(t *testing.T) {
	assert.Equal(t, spread(nil), "-")
	assert.Equal(t, spread([]time.Duration{3 * time.Second, time.Second, 2 * time.Second}), "p50 2s, p95 3s, max 3s (of 3)")
}

func TestTimesAreFromDeathToState(t *testing.T) {
	r, of := good()
	for _, kind := range []script.Kind{script.Crash, script.Early, script.OOM} {
		of[kind].states[3].at = at(7) // dead at 5
	}
	assert.DeepEqual(t, tellTimes(r), []time.Duration{2 * time.Second, 2 * time.Second, 2 * time.Second})
	for _, kind := range []script.Kind{script.Hang, script.Cancelled} {
		history(of[kind], "", "Running", "Cancelling", "Cancelled")
	}
	assert.DeepEqual(t, stopTimes(r), []time.Duration{4 * time.Second, 4 * time.Second})
}

func TestTheReportNamesViolations(t *testing.T) {
	r, of := good()
	history(of[script.Success], "", "Scheduled", "Submitted")
	var out, details bytes.Buffer
	violations := judge(r)
	assert.NilError(t, report{record: r, violations: violations, aimed: map[moment]int{{apiSide, opLogs, true}: 3}}.print(&out))
	assert.Assert(t, is.Contains(out.String(), "VIOLATION final state: run success (success): is Submitted, not Success: Scheduled > Submitted"))
	assert.Assert(t, is.Contains(out.String(), "after write_run_logs"))
	assert.NilError(t, dossiers(&details, r, violations))
	assert.Assert(t, is.Contains(details.String(), "  BROKEN: final state\n"))
	assert.Equal(t, strings.Count(details.String(), "BROKEN"), 1)
	assert.Equal(t, strings.Count(details.String(), "\nrun "), len(r.runs)-1)
}
