package server

import (
	"fmt"
	"testing"
	"time"

	"gotest.tools/v3/assert"
	is "gotest.tools/v3/assert/cmp"
)

// lazarus runs a pass at the time of the server's clock.
func (a *api) lazarus() {
	a.t.Helper()
	cutoff := time.UnixMicro(a.clock.Load()).Add(-10 * time.Minute)
	assert.NilError(a.t, a.server.store.rescheduleDeadFlowRuns(a.t.Context(), cutoff))
}

func (a *api) stateOf(flowRun string) string {
	a.t.Helper()
	return a.flowRun(flowRun, "state")["state"].(string)
}

func (a *api) lines(flowRun string) []any {
	a.t.Helper()
	lines := []any{}
	for _, line := range a.flowRun(flowRun, "logs(order_by: {timestamp: asc}) { level name message task_run_id }")["logs"].([]any) {
		lines = append(lines, fmt.Sprintf("%v %v %v", get(a.t, line, "level"), get(a.t, line, "name"), get(a.t, line, "message")))
	}
	return lines
}

func TestLazarusReschedulesADeadFlowRunThreeTimes(t *testing.T) {
	a := newAPI(t)
	run := a.run(a.register("p", flowOf("f", "a")))
	for attempt := 1; attempt <= 3; attempt++ {
		a.setFlowRun(run, []string{"Submitted", "Running"}[attempt%2])
		a.sleep(10*time.Minute - time.Second)
		a.lazarus()
		assert.Assert(t, a.stateOf(run) != "Scheduled", "before its heartbeat is stale")
		a.sleep(2 * time.Second)
		a.lazarus()
		got := a.flowRun(run, "state state_message times_resurrected state_start_time")
		assert.Check(t, is.Equal(got["state"], "Scheduled"))
		assert.Check(t, is.Equal(got["state_message"], "Rescheduled by a Lazarus process."))
		assert.Check(t, is.Equal(fmt.Sprint(got["times_resurrected"]), fmt.Sprint(attempt)))
		assert.Check(t, is.Len(a.queue(nil), 1), "it is due at once")
		a.lazarus() // leaves alone what waits
		assert.Check(t, is.Len(a.lines(run), attempt))
	}
	a.setFlowRun(run, "Submitted")
	a.sleep(11 * time.Minute)
	a.lazarus()
	message := "A Lazarus process attempted to reschedule this run 3 times without success. Marking as failed."
	assert.DeepEqual(t, a.flowRun(run, "state state_message"), m{"state": "Failed", "state_message": message})
	assert.DeepEqual(t, a.lines(run), []any{
		"INFO prefect-server.Lazarus.FlowRun Rescheduled by a Lazarus process. This is attempt 1.",
		"INFO prefect-server.Lazarus.FlowRun Rescheduled by a Lazarus process. This is attempt 2.",
		"INFO prefect-server.Lazarus.FlowRun Rescheduled by a Lazarus process. This is attempt 3.",
		"ERROR prefect-server.Lazarus.FlowRun " + message,
	})
}

func TestWhatLazarusLeavesAlone(t *testing.T) {
	for name, test := range map[string]struct {
		flowRun, taskRun, settings string
		beats                      bool
	}{
		"a live one":                 {flowRun: "Running", beats: true},
		"one that waits":             {flowRun: "Scheduled"},
		"one that has ended":         {flowRun: "Success"},
		"one that is cancelled":      {flowRun: "Cancelling"},
		"with a task that retries":   {flowRun: "Running", taskRun: "Retrying"},
		"with a paused task":         {flowRun: "Running", taskRun: "Paused"},
		"with a task that runs":      {flowRun: "Running", taskRun: "Running"},
		"without heartbeats":         {flowRun: "Running", settings: `{"heartbeat_enabled": false}`},
		"with the toggle off":        {flowRun: "Running", settings: `{"lazarus_enabled": false}`},
		"with tasks that have ended": {flowRun: "Running", taskRun: "Success", settings: `{"lazarus_enabled": true}`},
	} {
		t.Run(name, func(t *testing.T) {
			a := newAPI(t)
			run := a.run(a.register("p", flowOf("f", "a")))
			a.setGroup("settings", test.settings)
			a.setFlowRun(run, "Running")
			if test.taskRun != "" {
				a.setTaskRun(a.taskRuns(run)["a"], test.taskRun)
			}
			if test.flowRun != "Running" {
				a.setFlowRun(run, test.flowRun)
			}
			a.sleep(11 * time.Minute)
			if test.beats {
				a.do("update_flow_run_heartbeat", "success", m{"flow_run_id": run})
			}
			a.lazarus()
			want := test.flowRun
			if test.taskRun == "Success" { // to see that the others could have failed
				want = "Scheduled"
			}
			assert.Equal(t, a.stateOf(run), want)
			assert.Equal(t, len(a.lines(run)) > 0, test.taskRun == "Success")
		})
	}
}

func TestLazarusWaitsForAProcessThatAnAgentHasJustStarted(t *testing.T) {
	a := newAPI(t)
	run := a.run(a.register("p", flowOf("f", "a")))
	a.setFlowRun(run, "Running")
	a.sleep(20 * time.Minute)
	a.setTaskRun(a.taskRuns(run)["a"], "Submitted")
	a.sleep(9 * time.Minute)
	a.lazarus()
	assert.Equal(t, a.stateOf(run), "Running")
	a.sleep(2 * time.Minute)
	a.lazarus()
	assert.Equal(t, a.stateOf(run), "Scheduled")
}

func TestLazarusOnTwoServers(t *testing.T) {
	place := newPlace(t)
	a, b := openAPI(t, place), openAPI(t, place)
	flow := a.register("p", flowOf("f", "a"))
	runs := atOnce(20, func(int) string { return a.run(flow) })
	for _, run := range runs {
		a.setFlowRun(run, "Running")
	}
	a.sleep(11 * time.Minute)
	b.clock.Store(a.clock.Load())
	atOnce(6, func(i int) error {
		[]*api{a, b}[i%2].lazarus()
		return nil
	})
	for _, run := range runs {
		got := a.flowRun(run, `times_resurrected states(where: {state: {_eq: "Scheduled"}}) { id }`)
		assert.Check(t, is.Equal(fmt.Sprint(got["times_resurrected"]), "1"))
		assert.Check(t, is.Len(got["states"], 2), "when it was created, and once by Lazarus")
		assert.Check(t, is.Len(a.lines(run), 1))
	}
}
