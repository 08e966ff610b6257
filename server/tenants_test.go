package server

import (
	"testing"

	"gotest.tools/v3/assert"
)

func TestTenantsAreUpdatedAndDeleted(t *testing.T) {
	a := newAPI(t)
	first := a.tenant()
	tenant := a.do("create_tenant", "id", m{"name": "Team", "slug": "team"})["id"].(string)
	read := func() any {
		return a.read("query($id: uuid!) { tenant_by_pk(id: $id) { name slug settings } }", m{"id": tenant})["tenant_by_pk"]
	}
	same := m{"id": tenant}
	assert.DeepEqual(t, a.do("update_tenant_name", "id", m{"tenant_id": tenant, "name": "A team"}), same)
	assert.DeepEqual(t, a.do("update_tenant_slug", "id", m{"tenant_id": tenant, "slug": "a-team"}), same)
	assert.DeepEqual(t, a.do("update_tenant_settings", "id", m{"tenant_id": tenant, "settings": m{"a": "x", "b": "y"}}), same)
	assert.DeepEqual(t, a.do("update_tenant_settings", "id", m{"tenant_id": tenant, "settings": m{"b": nil, "c": []any{}}}), same)
	assert.DeepEqual(t, a.do("update_tenant_settings", "id", m{"tenant_id": tenant}), same)
	assert.DeepEqual(t, read(), m{"name": "A team", "slug": "a-team", "settings": m{"a": "x", "b": nil, "c": []any{}}})

	for _, test := range []struct {
		mutation string
		input    m
		want     string
	}{
		{"update_tenant_name", m{"tenant_id": unknownID, "name": "x"}, "Update failed."},
		{"update_tenant_slug", m{"tenant_id": unknownID, "slug": "x"}, "Update failed."},
		{"update_tenant_slug", m{"tenant_id": tenant, "slug": "A team"}, `Slug must be "slugified" (lowercase; no spaces)`},
		{"update_tenant_slug", m{"tenant_id": tenant, "slug": "default"}, "Uniqueness violation."},
		{"update_tenant_settings", m{"tenant_id": unknownID, "settings": m{}}, "Invalid tenant id."},
		{"update_tenant_settings", m{"tenant_id": tenant, "settings": []any{}}, "Settings must be an object."},
		{"delete_tenant", m{"tenant_id": tenant, "confirm": false}, "Must pass `confirm=True` to proceed."},
	} {
		assert.Equal(t, a.refused(test.mutation, test.input), test.want)
	}

	a.do("create_project", "id", m{"tenant_id": tenant, "name": "p"})
	assert.DeepEqual(t, a.do("delete_tenant", "success", m{"tenant_id": tenant, "confirm": true}), m{"success": true})
	assert.DeepEqual(t, a.do("delete_tenant", "success", m{"tenant_id": tenant, "confirm": true}), m{"success": false})
	assert.DeepEqual(t, a.read("{ tenant { id } project { id } }"), m{"tenant": []any{m{"id": first}}, "project": []any{}})
}
