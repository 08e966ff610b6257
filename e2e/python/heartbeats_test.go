//go:build e2e && python

package python

import (
	"os"
	"testing"

	"gotest.tools/v3/assert"
)

func TestHeartbeats(t *testing.T) {
	t.Parallel()
	for _, mode := range []string{"process", "thread"} {
		t.Run(mode, func(t *testing.T) {
			t.Parallel()
			id := do[string](t, object{"project": project, "mode": mode}, `
				flow = FlowView.from_flow_name("waiting", project_name=project)
				env = {"PREFECT__CLOUD__HEARTBEAT_MODE": mode, "PREFECT__CLOUD__HEARTBEAT_INTERVAL": "1.0"}
				return client.create_flow_run(flow_id=flow.flow_id, run_config=DockerRun(image="prefect-flow:1.4.1", env=env))`)
			poke(t)
			waitForTask(t, id, "wait-1", "Running")
			seen := map[string]bool{}
			eventually(t, "three heartbeats while the task runs", func() bool {
				seen[do[string](t, object{"id": id}, `
					return client.graphql('{ flow_run_by_pk(id: "%s") { heartbeat } }' % id).data.flow_run_by_pk.heartbeat`)] = true
				return len(seen) > 3
			})
			assert.NilError(t, os.WriteFile(path("results/"+id), nil, 0o600))
			finish(t, id, "Success")
		})
	}
}
