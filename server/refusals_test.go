package server

import (
	"net/http"
	"testing"

	"gotest.tools/v3/assert"
	is "gotest.tools/v3/assert/cmp"
)

func TestRefusedOperationsSayWhy(t *testing.T) {
	a := newAPI(t)
	for query, want := range map[string]string{
		// as Client.get_task_tag_limit, update_task_tag_limit, set_secret and set_key_value of 1.4.1 send them
		`query { task_tag_limit(where: {tag: {_eq: "x"}}) { limit } }`: `Cannot query field "task_tag_limit" on type "Query": ` +
			`limits for task tags and flows are a feature of Prefect Cloud; Prefect Server has none either.`,
		`mutation($input: update_task_tag_limit_input!) { update_task_tag_limit(input: $input) { id } }`: `Cannot query field "update_task_tag_limit" on type "Mutation": ` +
			`limits for task tags and flows are a feature of Prefect Cloud; Prefect Server has none either.`,
		`mutation($input: set_secret_input!) { set_secret(input: $input) { success } }`: `Cannot query field "set_secret" on type "Mutation": ` +
			`secrets are kept by Prefect Cloud only; give runs theirs as PREFECT__CONTEXT__SECRETS__NAME.`,
		`mutation($input: set_key_value_input!) { set_key_value(input: $input) { id } }`: `Cannot query field "set_key_value" on type "Mutation": ` +
			`the key-value store is a feature of Prefect Cloud; Prefect Server has none either.`,
		`query { auth_api_key { id } }`: `Cannot query field "auth_api_key" on type "Query": ` +
			`keys and logins are a feature of Prefect Cloud; here they are an option of the server.`,
		`mutation { update_flow_run_by_pk(pk_columns: {id: "x"}, _set: {state: "Success"}) { id } }`: `Cannot query field "update_flow_run_by_pk" on type "Mutation": ` +
			`tables are written by Prefect's own mutations only, which keep runs and their history in step.`,
		`mutation { insert_project_one(object: {name: "x"}) { id } }`: `Cannot query field "insert_project_one" on type "Mutation": ` +
			`tables are written by Prefect's own mutations only, which keep runs and their history in step.`,
	} {
		got := a.send(query, m{"input": m{}})
		assert.Check(t, is.Equal(got.status, http.StatusBadRequest))
		assert.Check(t, len(got.Errors) == 1 && got.Errors[0].Message == want, got.body)
		assert.Check(t, is.Equal(got.Errors[0].Extensions["code"], "GRAPHQL_VALIDATION_FAILED"))
	}
	got := a.send(`{ utility_downstream_tasks(args: {start_task_ids: "{}"}) { depth } }`, nil)
	assert.Check(t, is.Contains(got.Errors[0].Message, "functions of the database are not served; follow downstream_edges"))
	got = a.send(`mutation { delete_nothing(input: {}) { success } }`, nil)
	assert.Check(t, is.Contains(got.Errors[0].Message, `Cannot query field "delete_nothing" on type "Mutation".`))
}

func TestNothingThatIsServedIsRefused(t *testing.T) {
	schema := loadSchema(t)
	for name := range refusals() {
		assert.Check(t, schema.Query.Fields.ForName(name) == nil && schema.Mutation.Fields.ForName(name) == nil, name)
	}
}
