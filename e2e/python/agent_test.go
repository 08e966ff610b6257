//go:build e2e && python

package python

import (
	"path/filepath"
	"strings"
	"testing"

	"gotest.tools/v3/assert"
)

// The server does for Prefect's own agent what it does for ours.
func TestPythonAgentWorksForTheServer(t *testing.T) {
	t.Parallel()
	flows, err := filepath.Abs("flows")
	assert.NilError(t, err)
	user := newShell(t)
	agent, err := start(user.env, prefect(), "agent", "docker", "start", "--name", "python", "--label", "python",
		"--no-pull", "--volume", flows+":/flows:ro", "--volume", path("results")+":/results", "--env", "PYTHONPATH=/flows")
	assert.NilError(t, err)
	t.Cleanup(func() { assert.Check(t, agent.stop() == nil) })
	assert.NilError(t, agent.until("waits for flow runs", func() bool {
		return strings.Contains(agent.Output(), "Waiting for flow runs...")
	}))
	id := do[string](t, object{"project": project}, `
		flow = FlowView.from_flow_name("sequence", project_name=project)
		return client.create_flow_run(flow_id=flow.flow_id, labels=["python"])`)
	run := finish(t, id, "Success")
	assert.DeepEqual(t, run.States, through("Success"))
	logged(t, run, "hello 42")
	agents := do[map[string][]string](t, object{"id": id}, `
		run = client.graphql('{ flow_run_by_pk(id: "%s") { agent { name type labels } } }' % id).data.flow_run_by_pk
		return {"agent": [run.agent.name, run.agent.type, *run.agent.labels]}`)
	assert.DeepEqual(t, agents["agent"], []string{"python", "DockerAgent", "python"})
}
