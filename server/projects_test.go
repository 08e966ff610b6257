package server

import (
	"testing"

	"gotest.tools/v3/assert"
	is "gotest.tools/v3/assert/cmp"
)

func TestProjectsAreRenamedAndDescribed(t *testing.T) {
	a := newAPI(t)
	project, other := a.project("p"), a.project("q")
	same := m{"id": project}
	assert.DeepEqual(t, a.do("set_project_name", "id", m{"project_id": project, "name": "renamed"}), same)
	assert.DeepEqual(t, a.do("set_project_description", "id", m{"project_id": project, "description": "text"}), same)
	assert.DeepEqual(t, a.read("{ project(order_by: {name: asc}) { id name description } }")["project"],
		[]any{m{"id": other, "name": "q", "description": nil}, m{"id": project, "name": "renamed", "description": "text"}})
	assert.DeepEqual(t, a.do("set_project_description", "id", m{"project_id": project, "description": nil}), same)
	assert.Assert(t, get(t, a.read("query($id: uuid!) { project_by_pk(id: $id) { description } }", m{"id": project}), "project_by_pk", "description") == nil)

	assert.Equal(t, a.refused("set_project_name", m{"project_id": project, "name": "q"}), "Uniqueness violation.")
	assert.Equal(t, a.refused("set_project_name", m{"project_id": unknownID, "name": "x"}), "Update failed")
	assert.Equal(t, a.refused("set_project_description", m{"project_id": unknownID, "description": "x"}), "Update failed")
}

func TestAFlowMovesToAnotherProjectOfItsTenant(t *testing.T) {
	a := newAPI(t)
	flow := a.register("p", flowOf("f"))
	project := a.project("q")
	tenant := a.do("create_tenant", "id", m{"name": "Team", "slug": "team"})["id"]
	foreign := a.do("create_project", "id", m{"tenant_id": tenant, "name": "q"})["id"]
	for _, input := range []m{
		{"flow_id": flow, "project_id": foreign},
		{"flow_id": flow, "project_id": unknownID},
		{"flow_id": unknownID, "project_id": project},
	} {
		assert.Check(t, is.Equal(a.refused("update_flow_project", input), "Invalid flow or project ID."))
	}
	assert.DeepEqual(t, a.do("update_flow_project", "id", m{"flow_id": flow, "project_id": project}), m{"id": flow})
	assert.DeepEqual(t, a.read("{ flow { project { name } } }")["flow"], []any{m{"project": m{"name": "q"}}})
}
