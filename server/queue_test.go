package server

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"gotest.tools/v3/assert"
	is "gotest.tools/v3/assert/cmp"
)

// queue asks for the names of the runs that are due.
func (a *api) queue(labels any, more ...m) []any {
	a.t.Helper()
	input := m{"tenant_id": a.tenant(), "labels": labels}
	for _, fields := range more {
		for name, value := range fields {
			input[name] = value
		}
	}
	names := []any{}
	for _, run := range a.do("get_runs_in_queue", "flow_run_ids", input)["flow_run_ids"].([]any) {
		names = append(names, a.flowRun(run.(string), "name")["name"])
	}
	return names
}

func TestTheQueueIsFilteredByLabels(t *testing.T) {
	a := newAPI(t)
	flow := a.register("p", flowOf("f"))
	for name, labels := range map[string][]any{"none": {}, "a": {"a"}, "ab": {"a", "b"}, "c": {"c"}} {
		a.run(flow, m{"flow_run_name": name, "labels": labels, "scheduled_start_time": "2022-01-01T00:00:0" + fmt.Sprint(len(name)) + "Z"})
	}
	for _, test := range []struct {
		agent any
		want  []any
	}{
		{nil, []any{"none"}},
		{[]any{}, []any{"none"}},
		{[]any{"a"}, []any{"a"}},
		{"a", []any{"a"}},
		{[]any{"b"}, []any{}},
		{[]any{"b", "a"}, []any{"a", "ab"}},
		{[]any{"a", "b", "d"}, []any{"a", "ab"}},
		{[]any{"A"}, []any{}},
	} {
		assert.Check(t, is.DeepEqual(a.queue(test.agent), test.want), test.agent)
	}
}

func TestWhatIsDue(t *testing.T) {
	a := newAPI(t)
	flow := a.register("p", flowOf("f", "a"))
	at := func(name, start string) string {
		return a.run(flow, m{"flow_run_name": name, "scheduled_start_time": start})
	}
	at("second", "2022-01-31T09:00:00Z")
	at("first", "2022-01-31T08:00:00Z")
	at("later", "2022-01-31T10:00:00Z")
	for _, kind := range []string{"Retrying", "Resume", "Queued"} {
		a.setFlowRun(at(kind, "2022-01-01"), kind, m{"start_time": "2022-01-30T00:00:00Z"})
	}
	a.setFlowRun(at("paused without end", "2022-01-01"), "Paused")
	a.setFlowRun(at("paused", "2022-01-01"), "Paused", m{"start_time": "2022-01-31T08:30:00Z"})
	for _, kind := range []string{"Submitted", "Running", "Success", "Cancelled", "Pending"} {
		a.setFlowRun(at(kind, "2022-01-01"), kind)
	}
	got := a.queue(nil)
	assert.Check(t, is.Len(got, 6))
	assert.DeepEqual(t, got[3:], []any{"first", "paused", "second"})
	assert.Check(t, is.Len(a.queue(nil, m{"before": "2022-01-31T10:00:00"}), 7))
	assert.Check(t, is.Len(a.queue(nil, m{"before": "2022-01-31T09:59:59.999999Z"}), 6))
	assert.Check(t, is.Len(a.queue(nil, m{"tenant_id": a.do("create_tenant", "id", m{"name": "t", "slug": "t"})["id"]}), 0))
}

func TestARunningFlowRunIsDueWhenATaskOfItIs(t *testing.T) {
	a := newAPI(t)
	flow := a.register("p", flowOf("f", "a", "b"))
	retrying := func(name, kind, start string) string {
		run := a.run(flow, m{"flow_run_name": name})
		a.setFlowRun(run, "Running")
		for _, task := range a.taskRuns(run) {
			a.setTaskRun(task, "Retrying", m{"start_time": start})
		}
		if kind != "Running" {
			a.setFlowRun(run, kind)
		}
		return run
	}
	retrying("not yet", "Running", "2022-02-01T00:00:00Z")
	due := retrying("due", "Running", "2022-01-31T00:00:00Z")
	retrying("cancelling", "Cancelling", "2022-01-31T00:00:00Z")
	retrying("failed", "Failed", "2022-01-31T00:00:00Z")
	a.run(flow, m{"flow_run_name": "scheduled"})
	assert.DeepEqual(t, a.queue(nil), []any{"scheduled", "due"})

	// What an agent asks next, and how it takes the task run out of the queue.
	got := a.read(`query($ids: [uuid!], $t: timestamptz) { flow_run(where: {id: {_in: $ids}, _or: [{state: {_eq: "Scheduled"}}, {state: {_eq: "Running"}, task_runs: {state_start_time: {_lte: $t}}}]}) {
		name task_runs(where: {state_start_time: {_lte: $t}}) { id } } }`, m{"ids": []any{due}, "t": a.stamp(0)})
	assert.Equal(t, get(t, got, "flow_run", 0, "name"), "due")
	for _, task := range get(t, got, "flow_run", 0, "task_runs").([]any) {
		a.setTaskRun(task.(m)["id"].(string), "Submitted")
	}
	assert.DeepEqual(t, a.queue(nil), []any{"scheduled"})
}

func TestTheWindowOfTheQueue(t *testing.T) {
	a := newAPI(t)
	flow := a.register("p", flowOf("f"))
	for i := range queueWindow - 1 {
		a.run(flow, m{"labels": []any{"other"}, "scheduled_start_time": fmt.Sprintf("2022-01-01T00:00:00.%06d", i)})
	}
	for i := range queueLimit + 5 {
		a.run(flow, m{"flow_run_name": fmt.Sprint(i), "scheduled_start_time": fmt.Sprintf("2022-01-02T00:00:00.%06d", i)})
	}
	// 74 older runs for somebody else leave room for one.
	assert.DeepEqual(t, a.queue(nil), []any{"0"})
	assert.Check(t, is.Len(a.queue("other"), queueLimit))
	for _, run := range a.read(`{ flow_run(where: {labels: {_contains: "other"}}) { id } }`)["flow_run"].([]any) {
		a.setFlowRun(run.(m)["id"].(string), "Submitted")
	}
	got := a.queue(nil)
	assert.Check(t, is.Len(got, queueLimit))
	assert.Equal(t, got[queueLimit-1], fmt.Sprint(queueLimit-1))
}

func TestTheQueueRecordsWhenAnAgentAsked(t *testing.T) {
	a := newAPI(t)
	agent := a.do("register_agent", "id", m{"type": "DockerAgent", "name": "n", "tenant_id": a.tenant()})["id"].(string)
	asked := func() string {
		return get(t, a.read("{ agent { last_queried } }"), "agent", 0, "last_queried").(string)
	}
	before := asked()
	a.sleep(time.Minute)
	a.queue(nil)
	assert.Equal(t, asked(), before)
	a.do("get_runs_in_queue", "flow_run_ids", m{"tenant_id": a.tenant()}, "X-PREFECT-AGENT-ID", agent)
	assert.Assert(t, asked() > before)
	a.do("get_runs_in_queue", "flow_run_ids", m{"tenant_id": a.tenant()}, "X-PREFECT-AGENT-ID", "nobody")
}

// TestTheQueueDoesNotReadFinishedRuns keeps the query on the indexes that hold nothing but what waits.
func TestTheQueueDoesNotReadFinishedRuns(t *testing.T) {
	onlySQLite(t)
	a := newAPI(t)
	rows, err := a.server.store.query(t.Context(), "EXPLAIN QUERY PLAN "+dueRunsQuery, []any{a.tenant(), a.stamp(0), queueWindow})
	assert.NilError(t, err)
	var plan strings.Builder
	assert.NilError(t, eachRow(rows, func(scan func(...any) error) error {
		var id, parent, unused int
		var detail string
		err := scan(&id, &parent, &unused, &detail)
		fmt.Fprintln(&plan, detail)
		return err
	}))
	for _, step := range []string{
		"SEARCH flow_run USING INDEX flow_run_queue (tenant_id=? AND state_start_time<?)",
		"SEARCH task_run USING INDEX task_run_queue (state_start_time<?)",
		"SEARCH flow_run USING INDEX sqlite_autoindex_flow_run_1 (id=?)",
	} {
		assert.Check(t, is.Contains(plan.String(), step))
	}
	assert.Check(t, !strings.Contains(plan.String(), "SCAN flow_run") && !strings.Contains(plan.String(), "SCAN task_run"), plan.String())
}
