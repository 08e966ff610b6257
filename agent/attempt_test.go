package agent

import (
	"encoding/json"
	"errors"
	"testing"

	"github.com/docker-prefect/docker-prefect/graphql"
	"gotest.tools/v3/assert"
)

func errorOf(text string) error { return errors.New(text) }

func retrying(id string, version int, due string) graphql.TaskRun {
	return graphql.TaskRun{ID: id, Version: version, SerializedState: json.RawMessage(`{"type": "Retrying", "start_time": "` + due + `"}`)}
}

func TestExecutionsAreNamedTheSameByAllWhoFindThem(t *testing.T) {
	early, late := retrying("aaaa-1111", 4, "2026-01-02T03:00:00"), retrying("bbbb-2222", 6, "2026-01-02T04:00:00")
	same := retrying("bbbb-0000", 6, "2026-01-02T03:00:00")
	claim := json.RawMessage(`{"type": "Submitted", "context": {"docker_prefect": {"agent": "a", "engine": "e", "attempt": "3"}}}`)
	for _, tc := range []struct {
		name string
		run  graphql.FlowRun
		want string
	}{
		{"scheduled", graphql.FlowRun{State: "Scheduled", Version: 5}, "5"},
		{"scheduled with task runs", graphql.FlowRun{State: "Scheduled", Version: 5, TaskRuns: []graphql.TaskRun{early}}, "5"},
		{"a retry", graphql.FlowRun{State: "Running", Version: 5, TaskRuns: []graphql.TaskRun{early}}, "5.1111.4"},
		{"the one due longest", graphql.FlowRun{State: "Running", Version: 5, TaskRuns: []graphql.TaskRun{late, early}}, "5.1111.4"},
		{"of equals the first by id", graphql.FlowRun{State: "Running", Version: 5, TaskRuns: []graphql.TaskRun{same, early}}, "5.1111.4"},
		{"a later retry", graphql.FlowRun{State: "Running", Version: 5, TaskRuns: []graphql.TaskRun{late}}, "5.2222.6"},
		{"claimed", graphql.FlowRun{State: "Submitted", Version: 6, SerializedState: claim}, "3"},
		{"claimed task run", graphql.FlowRun{State: "Running", Version: 6, TaskRuns: []graphql.TaskRun{{ID: "x", SerializedState: claim}}}, "3"},
	} {
		assert.Equal(t, attemptOf(tc.run), tc.want, tc.name)
	}
}

func TestAgentsThatTheAPITellsApartHaveDifferentIdentities(t *testing.T) {
	base := identity("tenant", "agent", []string{"a", "b"})
	assert.Equal(t, identity("tenant", "agent", []string{"b", "a", "a"}), base, "the order of labels says nothing")
	for name, other := range map[string]string{
		"tenant": identity("other", "agent", []string{"a", "b"}),
		"name":   identity("tenant", "other", []string{"a", "b"}),
		"labels": identity("tenant", "agent", []string{"a"}),
		"none":   identity("tenant", "agent", nil),
		"joined": identity("tenant", "agent", []string{"a b"}),
	} {
		assert.Assert(t, other != base, name)
	}
}
