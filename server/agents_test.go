package server

import (
	"testing"

	"gotest.tools/v3/assert"
)

func TestAgentsAndTheirConfigs(t *testing.T) {
	a := newAPI(t)
	tenant := a.tenant()
	config := a.do("create_agent_config", "id", m{"tenant_id": tenant, "name": "c", "settings": m{"k": "v"}})["id"]
	bare := a.do("create_agent_config", "id", m{"tenant_id": tenant})["id"]
	agent := a.do("register_agent", "id", m{"type": "DockerAgent", "agent_config_id": config})["id"]
	run := a.run(a.register("p", flowOf("f")))
	a.do("set_flow_run_states", "states { id }", m{"states": m{"flow_run_id": run, "state": stateOf("Submitted")}}, "X-PREFECT-AGENT-ID", agent.(string))

	assert.DeepEqual(t, a.do("update_agent_config", "success", m{"agent_config_id": config, "name": "d"}), m{"success": true})
	assert.DeepEqual(t, a.do("update_agent_config", "success", m{"agent_config_id": bare, "settings": m{"x": []any{}}}), m{"success": true})
	assert.DeepEqual(t, a.do("update_agent_config", "success", m{"agent_config_id": unknownID, "name": "d"}), m{"success": false})
	assert.Equal(t, a.refused("create_agent_config", m{"tenant_id": unknownID}), "Foreign key violation.")
	assert.DeepEqual(t, a.read("{ agent_config(order_by: {name: asc}) { name settings agents { type flow_runs(limit: 9) { id } } } }")["agent_config"], []any{
		m{"name": "d", "settings": m{"k": "v"}, "agents": []any{m{"type": "DockerAgent", "flow_runs": []any{m{"id": run}}}}},
		m{"name": nil, "settings": m{"x": []any{}}, "agents": []any{}},
	})

	assert.DeepEqual(t, a.do("delete_agent_config", "success", m{"agent_config_id": config}), m{"success": true})
	assert.DeepEqual(t, a.do("delete_agent_config", "success", m{"agent_config_id": config}), m{"success": false})
	assert.DeepEqual(t, a.read("{ agent { agent_config_id } }")["agent"], []any{m{"agent_config_id": nil}})
	assert.DeepEqual(t, a.do("delete_agent", "success", m{"agent_id": agent}), m{"success": true})
	assert.DeepEqual(t, a.do("delete_agent", "success", m{"agent_id": agent}), m{"success": false})
	assert.DeepEqual(t, a.flowRun(run, "state agent_id"), m{"state": "Submitted", "agent_id": nil})
}
