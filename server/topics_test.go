package server

import (
	"encoding/json"
	"strings"
	"testing"

	"gotest.tools/v3/assert"
)

func TestANewDatabaseHasOneTenant(t *testing.T) {
	a := newAPI(t)
	assert.DeepEqual(t, a.read("{ tenant { name slug settings } hello api { backend mode core_version } auth_info { user_id api_token_scope } }"), m{
		"tenant": []any{m{"name": "default", "slug": "default", "settings": m{}}}, "hello": "👋",
		"api": m{"backend": "SERVER", "mode": "normal", "core_version": "1.4.1"}, "auth_info": m{"user_id": nil, "api_token_scope": "RUNNER"},
	})
	assert.DeepEqual(t, get(t, a.read("{ auth_info { tenant_id } }"), "auth_info", "tenant_id"), a.tenant())
}

func TestTenantsAndProjects(t *testing.T) {
	a := newAPI(t)
	first := a.tenant()
	second := a.do("create_tenant", "id", m{"name": "Zwei", "slug": "the-2nd"})["id"]
	assert.DeepEqual(t, pluck(t, a.read("{ tenant(order_by: {slug: asc}) { slug } }")["tenant"], "slug"), []any{"default", "the-2nd"})
	for _, slug := range []string{"", "A", "a b", "a--b", "-a", "a_b", "ä"} {
		assert.Equal(t, a.refused("create_tenant", m{"name": "n", "slug": slug}), `Slug must be "slugified" (lowercase; no spaces)`)
	}
	assert.Equal(t, a.refused("create_tenant", m{"name": "n", "slug": "default"}), "Uniqueness violation.")

	project := m{"tenant_id": first, "name": "p", "description": "d"}
	id := a.do("create_project", "id", project)["id"]
	assert.Equal(t, a.refused("create_project", project), "Uniqueness violation.")
	a.do("create_project", "id", m{"tenant_id": second, "name": "p"})
	assert.Equal(t, a.refused("create_project", m{"tenant_id": unknownID, "name": "p"}), "Foreign key violation.")
	got := a.read("query($id: uuid!) { project_by_pk(id: $id) { name description tenant { slug } flows { id } } }", m{"id": id})
	assert.DeepEqual(t, got["project_by_pk"], m{"name": "p", "description": "d", "tenant": m{"slug": "default"}, "flows": []any{}})
}

func TestAgentsAreRecognised(t *testing.T) {
	a := newAPI(t)
	agent := m{"type": "DockerAgent", "name": "n", "labels": []any{"b", "a"}, "tenant_id": a.tenant(), "agent_config_id": nil}
	with := func(name string, value any) m {
		changed := m{}
		for k, v := range agent {
			changed[k] = v
		}
		changed[name] = value
		return changed
	}
	version := []string{"X-PREFECT-CORE-VERSION", "1.4.1"}
	id := a.do("register_agent", "id", agent, version...)["id"]
	for _, same := range []m{agent, with("labels", []any{"a", "b"}), with("tenant_id", nil)} {
		assert.Equal(t, a.do("register_agent", "id", same, version...)["id"], id)
	}
	for _, other := range []m{with("labels", nil), with("labels", []any{"a"}), with("name", "m"), with("name", nil), with("type", "LocalAgent")} {
		assert.Assert(t, a.do("register_agent", "id", other, version...)["id"] != id)
	}
	assert.Assert(t, a.do("register_agent", "id", agent)["id"] != id)
	got := a.read("query($id: uuid!) { agent_by_pk(id: $id) { name type labels core_version } }", m{"id": id})
	assert.DeepEqual(t, got["agent_by_pk"], m{"name": "n", "type": "DockerAgent", "labels": []any{"a", "b"}, "core_version": "1.4.1"})
	assert.Equal(t, a.refused("register_agent", with("tenant_id", unknownID)), "Foreign key violation.")
	assert.Equal(t, a.refused("register_agent", m{"type": "DockerAgent", "name": "configured", "agent_config_id": unknownID}), "Foreign key violation.")
}

func TestLogLines(t *testing.T) {
	a := newAPI(t)
	run := a.run(a.register("p", flowOf("f", "a")))
	task := a.taskRuns(run)["a"]
	write := func(lines any) {
		t.Helper()
		assert.DeepEqual(t, a.do("write_run_logs", "success error", m{"logs": lines}), m{"success": true, "error": nil})
	}
	long := strings.Repeat("x", 1<<20)
	write([]any{
		m{"flow_run_id": run, "task_run_id": task, "timestamp": "2022-01-01T00:00:01Z", "name": "prefect.a", "level": "CUSTOM", "message": "1", "info": m{"process": 1.0}},
		m{"message": "no run"},
		m{"flow_run_id": "x", "message": "not an id"},
		m{"flow_run_id": unknownID, "message": "no such run"},
		m{"flow_run_id": 5, "message": "no text"},
		m{"flow_run_id": run, "task_run_id": unknownID, "message": "no such task run"},
		m{"flow_run_id": run, "timestamp": "soon", "message": "2\x00 👋"},
		m{"flow_run_id": run, "timestamp": "2022-01-01T00:00:00.5", "level": nil, "message": nil},
		m{"flow_run_id": run, "timestamp": "2030-01-01", "level": "ERROR", "message": long},
	})
	write(m{"flow_run_id": run, "level": "CRITICAL", "message": "crashed", "timestamp": "2031-01-01"}) // one line instead of a list
	write([]any{})
	got := a.flowRun(run, "logs(order_by: {timestamp: asc}) { level message name info task_run_id } ")["logs"].([]any)
	assert.DeepEqual(t, pluck(t, got, "level"), []any{"INFO", "CUSTOM", "INFO", "ERROR", "CRITICAL"})
	assert.DeepEqual(t, got[1], m{"level": "CUSTOM", "message": "1", "name": "prefect.a", "info": m{"process": json.Number("1")}, "task_run_id": task})
	assert.Equal(t, get(t, got, 2, "message"), "2\uFFFD 👋")
	assert.Equal(t, get(t, got, 3, "message"), long)
	byTask := a.read("query($id: uuid!) { task_run_by_pk(id: $id) { logs { message } } }", m{"id": task})
	assert.DeepEqual(t, pluck(t, get(t, byTask, "task_run_by_pk", "logs"), "message"), []any{"1"})
}

func TestArtifacts(t *testing.T) {
	a := newAPI(t)
	run := a.run(a.register("p", flowOf("f", "a")))
	artifact := m{"task_run_id": a.taskRuns(run)["a"], "kind": "link", "data": m{"link": "x"}}
	with := func(name string, value any) m {
		changed := m{}
		for k, v := range artifact {
			changed[k] = v
		}
		changed[name] = value
		return changed
	}
	large := m{"markdown": strings.Repeat("x", maxState)}
	id := a.do("create_task_run_artifact", "id", with("tenant_id", a.tenant()))["id"]
	assert.Equal(t, a.refused("create_task_run_artifact", with("task_run_id", unknownID)), "Task run "+unknownID+" not found")
	assert.Equal(t, a.refused("create_task_run_artifact", with("tenant_id", unknownID)), "Invalid tenant ID.")
	assert.Equal(t, a.refused("create_task_run_artifact", with("data", large)), "Artifact data payload exceeds 1000000 bytes limit.")
	assert.Equal(t, a.refused("update_task_run_artifact", m{"task_run_artifact_id": id, "data": large}), "Artifact data payload exceeds 1000000 bytes limit.")
	update := func(id any) m {
		return a.do("update_task_run_artifact", "success", m{"task_run_artifact_id": id, "data": m{"markdown": "# x"}})
	}
	assert.DeepEqual(t, update(id), m{"success": true})
	assert.DeepEqual(t, update(unknownID), m{"success": false})
	assert.DeepEqual(t, a.read("{ task_run_artifact(limit: 9) { kind data task_run { task { slug } } } }")["task_run_artifact"],
		[]any{m{"kind": "link", "data": m{"markdown": "# x"}, "task_run": m{"task": m{"slug": "a"}}}})
	assert.DeepEqual(t, a.do("delete_task_run_artifact", "success", m{"task_run_artifact_id": id}), m{"success": true})
	assert.DeepEqual(t, a.do("delete_task_run_artifact", "success", m{"task_run_artifact_id": id}), m{"success": false})
}

func TestValuesComeBackAsTheyWent(t *testing.T) {
	a := newAPI(t)
	flow := a.register("p", flowOf("f"))
	for _, text := range []string{
		`{"n":123456789012345678901234567890}`, `{"n":1.0}`, `{"n":1e3}`, `{"n":-0.10}`, `{"b":1,"a":2}`, `{"s":"\ud83d\ude00"}`, `{"s":"<&>"}`, `{"s":"\u0000"}`, `{"s":"\ud83d"}`,
		`{"":{"":[]}}`, `{"a":[[],{},null,true,"",0]}`,
	} {
		got := a.post(`{"query": "mutation($input: create_flow_run_input!) { create_flow_run(input: $input) { id } }", "variables": {"input": {"flow_id": "` + flow + `", "parameters": ` + text + `}}}`)
		assert.Equal(t, len(got.Errors), 0, got.body)
		run := get(t, got.Data, "create_flow_run", "id").(string)
		body := a.send("query($id: uuid!) { flow_run_by_pk(id: $id) { parameters } }", m{"id": run}).body
		assert.Equal(t, body, `{"data":{"flow_run_by_pk":{"parameters":`+text+`}}}`)
	}
	// In literals: escapes for what lies beyond ASCII, as Prefect's client writes them, and JSON in a string.
	got := a.post(`{"query": "mutation { create_flow_run(input: {flow_id: \"` + flow + `\", flow_run_name: \"\\ud83d\\ude00 \\u00e4\", parameters: {a: [1, \"x\", {b: null}], c: 1234567890123456789}, context: \"{\\\"k\\\": 1.0}\"}) { id } }"}`)
	assert.Equal(t, len(got.Errors), 0, got.body)
	body := a.send("query($id: uuid!) { flow_run_by_pk(id: $id) { name parameters context } }", m{"id": get(t, got.Data, "create_flow_run", "id")}).body
	assert.Equal(t, body, `{"data":{"flow_run_by_pk":{"name":"😀 ä","parameters":{"a":[1,"x",{"b":null}],"c":1234567890123456789},"context":{"k": 1.0}}}}`)
}
