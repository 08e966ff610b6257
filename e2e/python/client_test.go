//go:build e2e && python

package python

import (
	"strings"
	"testing"

	"gotest.tools/v3/assert"
	is "gotest.tools/v3/assert/cmp"
)

// tomorrow creates a run that no agent takes during the tests, and returns its id.
func tomorrow(t *testing.T) string {
	t.Helper()
	return do[string](t, object{"project": project}, `
		flow = FlowView.from_flow_name("sequence", project_name=project)
		return client.create_flow_run(flow_id=flow.flow_id, scheduled_start_time=pendulum.tomorrow("Asia/Tokyo"),
			run_name="tomorrow", labels=["b", "a"], context={"why": {"deep": [1, None, "ü"]}}, parameters={"x": 1.5e300})`)
}

func TestClientReadsWhatItCreated(t *testing.T) {
	t.Parallel()
	do[any](t, object{"id": tomorrow(t)}, `
		info = client.get_flow_run_info(id)
		assert (info.name, info.version, info.project.name) == ("tomorrow", 1, "e2e"), info
		assert info.parameters == {"x": 1.5e300, "greeting": "hello"}, info.parameters
		assert info.context == {"why": {"deep": [1, None, "ü"]}}, info.context
		assert info.scheduled_start_time == pendulum.tomorrow("Asia/Tokyo"), info.scheduled_start_time
		assert isinstance(info.state, state.Scheduled) and info.state.message == "Flow run scheduled.", info.state
		assert sorted(r.task_slug for r in info.task_runs) == ["extract-1", "greeting", "load-1", "x"], info.task_runs
		assert all(isinstance(r.state, state.Pending) for r in info.task_runs)

		view = FlowRunView.from_flow_run_id(id)
		assert list(view.labels) == ["a", "b"] and view.run_config.image == "prefect-flow:1.4.1", view
		assert view.get_flow_metadata().name == "sequence"
		assert set(view.get_task_run_ids()) == {r.id for r in info.task_runs}
		assert len(view.get_all_task_runs()) == 4
		assert view.get_task_run(task_slug="load-1").task_run_id in view.get_task_run_ids()
		assert TaskRunView.from_task_slug("load-1", flow_run_id=id).task_slug == "load-1"`)
}

func TestClientChangesStates(t *testing.T) {
	t.Parallel()
	do[any](t, object{"id": tomorrow(t)}, `
		info = client.get_flow_run_info(id)
		task = info.task_runs[0].id
		assert client.get_task_run_info(id, info.task_runs[0].task_id).id == task
		child = client.get_task_run_info(id, info.task_runs[0].task_id, map_index=3)
		assert child.id != task and isinstance(child.state, state.Pending)
		assert client.get_task_run_info(id, info.task_runs[0].task_id, map_index=3).id == child.id

		client.set_flow_run_name(id, "renamed ✓")
		assert client.get_flow_run_info(id).name == "renamed ✓"
		client.set_task_run_name(task, "named, too")
		assert TaskRunView.from_task_run_id(task).name == "named, too"

		try:
			client.set_task_run_state(task, state.Running())
			raise AssertionError("a task runs in a flow run that does not")
		except ClientError as e:
			assert "associated flow run" in str(e), e
		client.set_flow_run_state(id, state.Running("by a test"), version=1)
		assert client.get_flow_run_state(id) == state.Running("by a test")
		client.set_task_run_state(task, state.Running(), version=1)
		client.set_task_run_state(task, state.Success("fine", result=None))
		assert isinstance(client.get_task_run_state(task), state.Success)
		client.update_flow_run_heartbeat(id)
		client.set_flow_run_state(id, state.Success())`)
}

func TestSubmittedTwiceIsRefused(t *testing.T) {
	t.Parallel()
	text := refused(t, object{"id": tomorrow(t)}, `
		client.set_flow_run_state(id, state.Submitted(state=state.Scheduled()))
		client.set_flow_run_state(id, state.Submitted(state=state.Scheduled()))`)
	contains(t, text, "State update failed: this run has already been submitted.")
}

func TestIdempotencyKeys(t *testing.T) {
	t.Parallel()
	do[any](t, object{"project": project}, `
		flow = FlowView.from_flow_name("sequence", project_name=project).flow_id
		later = pendulum.tomorrow()
		ids = [client.create_flow_run(flow, scheduled_start_time=later, idempotency_key=key) for key in ["k", "k", "l"]]
		assert ids[0] == ids[1] != ids[2], ids`)
}

// A version group stands for its newest flow; what waits for an older one is cancelled with it.
func TestVersionGroups(t *testing.T) {
	t.Parallel()
	archived := do[flowRun](t, nil, `
		client.create_project("version groups")
		flow = prefect.Flow("versioned", tasks=[prefect.Task("t")])
		flow.storage = prefect.storage.Local(path="/flows/none.py", stored_as_script=True, add_default_labels=False)
		later = {"version_group_id": "a group", "scheduled_start_time": pendulum.tomorrow()}
		old = client.register(flow, "version groups", version_group_id="a group", no_url=True)
		waiting = client.create_flow_run(**later)
		new = client.register(flow, "version groups", version_group_id="a group", no_url=True)
		assert FlowRunView.from_flow_run_id(client.create_flow_run(**later)).flow_id == new != old
		return flow_run(waiting)`)
	assert.DeepEqual(t, archived.States, []string{"Scheduled", "Cancelled"})
	assert.Assert(t, is.Regexp(`^Flow \S+ was archived\.$`, archived.Message))
	text := refused(t, nil, `client.create_flow_run(version_group_id="no group")`)
	contains(t, text, "Version group no group has no unarchived flows.")
}

// What is set for a flow group holds for all versions of a flow, and before what the flow itself says.
func TestFlowGroups(t *testing.T) {
	t.Parallel()
	do[any](t, nil, `
		client.create_project("flow groups")
		flow = prefect.Flow("grouped", tasks=[prefect.Parameter("x", default=1)])
		flow.storage = prefect.storage.Local(path="/flows/none.py", stored_as_script=True, add_default_labels=False)
		flow.run_config = DockerRun(image="of-the-flow", labels=["of-the-flow"])
		flow_id = client.register(flow, "flow groups", no_url=True)
		group = client.graphql('{ flow_by_pk(id: "%s") { flow_group_id } }' % flow_id).data.flow_by_pk.flow_group_id

		def set(name, **what):
			mutation = "mutation($input: %s_input!) { %s(input: $input) { success } }" % (name, name)
			assert client.graphql(mutation, variables={"input": {"flow_group_id": group, **what}}).data[name].success

		def run():
			view = FlowRunView.from_flow_run_id(client.create_flow_run(flow_id, scheduled_start_time=pendulum.tomorrow()))
			return view.labels, view.run_config.image, view.parameters

		assert run() == (["of-the-flow"], "of-the-flow", {"x": 1}), run()
		set("set_flow_group_run_config", run_config=DockerRun(image="of-the-group", labels=["b", "a"]).serialize())
		set("set_flow_group_default_parameters", parameters={"x": 2})
		assert run() == (["a", "b"], "of-the-group", {"x": 2}), run()
		set("set_flow_group_labels", labels=["c"])
		assert run() == (["c"], "of-the-group", {"x": 2}), run()
		flow_id = client.register(flow, "flow groups", no_url=True)
		assert run() == (["c"], "of-the-group", {"x": 2}), run()`)
}

func TestClientWritesLogs(t *testing.T) {
	t.Parallel()
	id := tomorrow(t)
	do[any](t, object{"id": id}, `
		stamp = lambda s: pendulum.now("utc").subtract(seconds=s).isoformat()
		client.write_run_logs([
			{"flow_run_id": id, "message": "second", "level": "DEBUG", "timestamp": stamp(1), "info": {"a": [1]}},
			{"flow_run_id": id, "message": "first", "level": "CRITICAL", "timestamp": stamp(2), "name": "a logger"},
		])`)
	assert.DeepEqual(t, read(t, id).Logs, []string{"first", "second"})
	contains(t, newShell(t).prefect(t, "get", "logs", "--id", id, "--info"), "{'a': [1]}")
}

// Task tag limits are Cloud's: like Server, the API does not know them.
func TestTaskTagLimitsAreUnknown(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ call, unknown string }{
		{`client.get_task_tag_limit("t")`, "task_tag_limit"},
		{`client.update_task_tag_limit("t", 1)`, "update_task_tag_limit"},
		{`client.delete_task_tag_limit("00000000-0000-0000-0000-000000000000")`, "delete_task_tag_limit"},
	} {
		text := strings.Join(strings.Fields(refused(t, nil, c.call)), " ")
		assert.Check(t, is.Contains(text, "ClientError"))
		assert.Check(t, is.Contains(text, "GRAPHQL_VALIDATION_FAILED"))
		assert.Check(t, is.Contains(text, c.unknown))
	}
}
