package agent

import (
	"testing"
	"time"

	"github.com/docker-prefect/docker-prefect/graphql"
	"gotest.tools/v3/assert"
)

func TestWhatTheEndOfAContainerMeans(t *testing.T) {
	ended := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	crash := verdict{state: "Failed", crash: true}
	none := verdict{}
	for _, tc := range []struct {
		name       string
		labels     map[string]string
		exit       exit
		run        graphql.RunStatus
		superseded bool
		want       verdict
	}{
		{"killed while Running", nil, exit{known: true, code: 137}, graphql.RunStatus{State: "Running"}, false, crash},
		{"failed before Running", nil, exit{known: true, code: 127}, graphql.RunStatus{State: "Submitted"}, false, crash},
		{"ended well and said nothing", nil, exit{known: true}, graphql.RunStatus{State: "Running"}, false, crash},
		{"ended well before Running", nil, exit{known: true}, graphql.RunStatus{State: "Submitted", Waiting: true}, false, crash},
		{"vanished", nil, exit{}, graphql.RunStatus{State: "Running", Waiting: true}, false, crash},
		{"a retry is left to the agent", nil, exit{known: true}, graphql.RunStatus{State: "Running", Waiting: true}, false, none},
		{"a crash beside a retry", nil, exit{known: true, code: 1}, graphql.RunStatus{State: "Running", Waiting: true}, false, crash},
		{"finished", nil, exit{known: true, code: 1}, graphql.RunStatus{State: "Success"}, false, none},
		{"failed by itself", nil, exit{known: true, code: 0}, graphql.RunStatus{State: "Failed"}, false, none},
		{"cancelled", nil, exit{known: true, code: 143}, graphql.RunStatus{State: "Cancelled"}, false, none},
		{"being cancelled", nil, exit{known: true, code: 143}, graphql.RunStatus{State: "Cancelling"}, false, verdict{state: "Cancelled"}},
		{"scheduled again", nil, exit{known: true, code: 1}, graphql.RunStatus{State: "Scheduled"}, false, none},
		{"queued", nil, exit{known: true, code: 0}, graphql.RunStatus{State: "Queued"}, false, none},
		{"paused", nil, exit{known: true, code: 0}, graphql.RunStatus{State: "Paused"}, false, none},
		{"deleted", nil, exit{known: true, code: 1}, graphql.RunStatus{}, false, none},
		{"executed again", nil, exit{known: true, code: 1}, graphql.RunStatus{State: "Running"}, true, none},
		{"taken by another agent", nil, exit{known: true, code: 1}, graphql.RunStatus{State: "Running", AgentID: "another"}, false, none},
		{"submitted again", nil, exit{known: true, code: 1}, graphql.RunStatus{State: "Submitted", Claim: &graphql.Claim{Attempt: "9"}}, false, none},
		{"submitted once", nil, exit{known: true, code: 1}, graphql.RunStatus{State: "Submitted", Claim: &graphql.Claim{Attempt: "1"}}, false, crash},
		{"alive elsewhere", nil, exit{known: true, code: 1, finished: ended}, graphql.RunStatus{State: "Running", Heartbeat: ended.Add(2 * time.Minute)}, false, none},
		{"clocks that differ", nil, exit{known: true, code: 1, finished: ended}, graphql.RunStatus{State: "Running", Heartbeat: ended.Add(30 * time.Second)}, false, crash},
		{"a command that succeeded", map[string]string{labelCommand: "true"}, exit{known: true}, graphql.RunStatus{State: "Running"}, false, verdict{state: "Success"}},
		{"a command that failed", map[string]string{labelCommand: "true"}, exit{known: true, code: 2}, graphql.RunStatus{State: "Running"}, false, verdict{state: "Failed"}},
		{"a command that vanished", map[string]string{labelCommand: "true"}, exit{}, graphql.RunStatus{State: "Running"}, false, verdict{state: "Failed"}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			labels := map[string]string{labelAttempt: "1", labelAgentID: "agent-id"}
			for k, v := range tc.labels {
				labels[k] = v
			}
			if tc.run.AgentID == "" {
				tc.run.AgentID = "agent-id"
			}
			got := judge(Container{Labels: labels}, tc.exit, tc.run, tc.superseded)
			assert.Equal(t, got.reason == "", tc.want.state != "", "a run is left alone for a reason: %+v", got)
			got.reason = ""
			assert.Equal(t, got, tc.want)
		})
	}
}

func TestExitsAreExplained(t *testing.T) {
	for _, tc := range []struct {
		exit exit
		want string
	}{
		{exit{known: true, code: 1}, "The container exited with status 1."},
		{exit{known: true, code: 137}, "The container exited with status 137 (SIGKILL, as from 'docker kill', or from a machine that is out of memory)."},
		{exit{known: true, code: 137, oom: true}, "The container exited with status 137, probably out of memory."},
		{exit{known: true, code: 137, memory: 64 << 20}, "The container exited with status 137, probably out of memory; its limit is 64MiB."},
		{exit{known: true, code: 1, oom: true, memory: 64 << 20}, "The container exited with status 1, probably out of memory; its limit is 64MiB."},
		{exit{known: true, code: 0, oom: true}, "The container exited with status 0."},
		{exit{known: true, code: 137, memory: 64 << 20, stopped: stoppedCancelled}, "The container exited with status 137 (stopped, since the flow run was cancelled)."},
		{exit{}, "The container is gone; how it ended is not known."},
	} {
		assert.Equal(t, tc.exit.String(), tc.want)
	}
	for code, hint := range map[int]string{125: "wrapper", 126: "cannot be executed", 127: "not found", 139: "SIGSEGV", 143: "SIGTERM"} {
		assert.ErrorContains(t, errorOf(exit{known: true, code: code}.String()), hint)
	}
}
