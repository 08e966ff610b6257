//go:build e2e && python

package python

import (
	"strings"
	"testing"

	"gotest.tools/v3/assert"
	is "gotest.tools/v3/assert/cmp"
)

func TestProjects(t *testing.T) {
	t.Parallel()
	user := newShell(t)
	const name = "a project"
	assert.Equal(t, user.prefect(t, "create", "project", name, "--description", "with words"), name+" created\n")
	assert.Equal(t, user.prefect(t, "create", "project", name), name+" created\n") // Prefect says so
	assert.Equal(t, user.prefect(t, "create", "project", name, "--skip-if-exists"), name+" already exists\n")
	projects := user.prefect(t, "get", "projects", "--name", name)
	contains(t, projects, name, "with words")
	assert.Equal(t, user.prefect(t, "delete", "project", name), name+" deleted\n")
	contains(t, user.prefect(t, "delete", "project", name), "Project a project not found.", "Error deleting project")
}

func TestTenants(t *testing.T) {
	t.Parallel()
	user := newShell(t)
	contains(t, user.prefect(t, "backend", "server"), "Backend switched to server")
	before := user.python(t, user.write(t, "tenant.py", "import prefect; print(prefect.Client().tenant_id)"))
	contains(t, user.prefect(t, "server", "create-tenant", "--name", "Another tenant"), "Tenant created with ID: ")
	out, status := command(t, user.env, prefect(), "server", "create-tenant", "--name", "Another tenant")
	assert.Assert(t, status != 0)
	contains(t, out, "Uniqueness violation.")
	// A client takes the first tenant, which stays the first.
	assert.Equal(t, user.python(t, user.home+"/tenant.py"), before)
	assert.DeepEqual(t, do[[]string](t, nil, `
		tenants = [TenantView.from_current_tenant()]
		tenants.append(TenantView.from_tenant_id(tenants[0].tenant_id))
		return [t.slug for t in tenants]`), []string{"default", "default"})
}

func TestRegister(t *testing.T) {
	t.Parallel()
	user := newShell(t)
	user.prefect(t, "create", "project", "registrations")
	file := user.flow(t, "by-command")
	register := []string{"register", "--project", "registrations", "--path", file}
	contains(t, user.prefect(t, register...), "Registering 'by-command'... Done", "Version: 1", "1 registered")
	contains(t, user.prefect(t, register...), "Registering 'by-command'... Skipped", "0 registered, 1 skipped")
	contains(t, user.prefect(t, append(register, "--force")...), "Registering 'by-command'... Done", "Version: 2")
	flows := user.prefect(t, "get", "flows", "--project", "registrations", "--all-versions")
	assert.Assert(t, is.Regexp(`by-command +2 .* registrations\nby-command +1 .* registrations\n`, flows))

	versions := do[[]object](t, nil, `
		flows = client.graphql('''{ flow(where: {name: {_eq: "by-command"}}, order_by: {version: asc}) {
			version archived flow_group_id } }''').data.flow
		assert flows[0].flow_group_id == flows[1].flow_group_id
		return [{"version": f.version, "archived": f.archived} for f in flows]`)
	assert.DeepEqual(t, versions, []object{{"version": 1.0, "archived": true}, {"version": 2.0, "archived": false}})

	described := user.prefect(t, "describe", "flows", "--name", "by-command", "--project", "registrations")
	contains(t, described, `"version": 2`, `"name": "registrations"`, `"type": "Local"`)
	described = user.prefect(t, "describe", "tasks", "--name", "by-command", "--project", "registrations")
	contains(t, described, `"name": "say"`, `"max_retries": 3`, `"retry_delay": "00:00:05"`, `"slug": "say-a tag-1"`)
	contains(t, user.prefect(t, "get", "tasks", "--flow-name", "by-command"), "say", "prefect.tasks.core.function.FunctionTask")
	assert.Equal(t, strings.Count(user.prefect(t, "get", "flows", "--project", "registrations"), "by-command"), 1)
}

func TestRegisterFromPython(t *testing.T) {
	t.Parallel()
	user := newShell(t)
	user.flow(t, "from_python")
	script := user.write(t, "register.py", `
import prefect
from prefect.backend import FlowView
from from_python import flow

prefect.Client().create_project("registered from Python")
first = flow.register("registered from Python")
second = flow.register("registered from Python")
assert first != second
key = flow.serialized_hash()
third = flow.register("registered from Python", idempotency_key=key)
assert flow.register("registered from Python", idempotency_key=key) == third != second

view = FlowView.from_flow_name("from_python", project_name="registered from Python")
assert view.flow_id == third and not view.archived
group = prefect.Client().graphql('{ flow_by_pk(id: "%s") { flow_group_id } }' % third).data.flow_by_pk.flow_group_id
assert FlowView.from_flow_group_id(group).name == "from_python"
assert FlowView.from_flow_id(first).archived
assert FlowView.from_id(third).name == "from_python"
assert view.serialized_flow["name"] == "from_python"
assert [t.name for t in view.flow.get_tasks(name="say")] == ["say"]

# Without compression, the flow is sent as it is.
client = prefect.Client()
plain = client.register(flow, "registered from Python", compressed=False)
print("registered", FlowView.from_flow_id(plain).flow_id == plain)
`)
	out := user.python(t, script)
	contains(t, out, "registered True", "Flow URL: http://localhost:8080/default/flow/")
}

func TestRegisteringIntoAProjectThatIsNotThere(t *testing.T) {
	t.Parallel()
	user := newShell(t)
	out, status := command(t, user.env, prefect(), "register", "--project", "nowhere", "--path", user.flow(t, "lost"))
	assert.Equal(t, status, 1, out)
	contains(t, out, "Project 'nowhere' does not exist")
}
