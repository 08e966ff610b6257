package server

import (
	"fmt"
	"regexp"

	"github.com/vektah/gqlparser/v2/ast"
	"github.com/vektah/gqlparser/v2/gqlerror"
)

// refusals says why a root field that people may know is not served: fields of Prefect Cloud, of which Prefect Server
// has none, and fields of Server that are left out here. docs/server.md has them all.
func refusals() map[string]string {
	const (
		limits  = "limits for task tags and flows are a feature of Prefect Cloud; Prefect Server has none either"
		values  = "the key-value store is a feature of Prefect Cloud; Prefect Server has none either"
		secrets = "secrets are kept by Prefect Cloud only; give runs theirs as PREFECT__CONTEXT__SECRETS__NAME"
		keys    = "keys and logins are a feature of Prefect Cloud; here they are an option of the server"
		walks   = "functions of the database are not served; follow downstream_edges or upstream_edges of a task"
	)
	return map[string]string{
		"task_tag_limit":                limits,
		"update_task_tag_limit":         limits,
		"delete_task_tag_limit":         limits,
		"flow_concurrency_limit":        limits,
		"update_flow_concurrency_limit": limits,
		"delete_flow_concurrency_limit": limits,

		"key_value":        values,
		"set_key_value":    values,
		"delete_key_value": values,

		"secret_names":  secrets,
		"secret_value":  secrets,
		"set_secret":    secrets,
		"delete_secret": secrets,

		"auth_api_key":   keys,
		"create_api_key": keys,
		"delete_api_key": keys,
		"switch_tenant":  keys,
		"refresh_token":  keys,

		"utility_downstream_tasks": walks,
		"utility_upstream_tasks":   walks,
		"utility_traversal":        walks,
	}
}

// tableWrites matches the mutations that Hasura has for every table.
var tableWrites = regexp.MustCompile(`^(?:insert|update|delete)_(\w+?)(?:_one|_many|_by_pk)?$`)

// unknownRootField is how gqlparser says that a root field does not exist.
var unknownRootField = regexp.MustCompile(`^Cannot query field "(\w+)" on type "(?:Query|Mutation)"\.`)

// explainRefusals gives the reasons for root fields that are refused. If there are such fields, what else is wrong
// with the document follows from them, as a rule: its other problems are left out.
func explainRefusals(schema *ast.Schema, problems gqlerror.List) gqlerror.List {
	known := refusals()
	var refused gqlerror.List
	for _, problem := range problems {
		found := unknownRootField.FindStringSubmatch(problem.Message)
		if found == nil {
			continue
		}
		reason, ok := known[found[1]]
		if table := tableWrites.FindStringSubmatch(found[1]); !ok && table != nil && schema.Types[table[1]+"_bool_exp"] != nil {
			reason, ok = "tables are written by Prefect's own mutations only, which keep runs and their history in step", true
		}
		if ok {
			problem.Message = fmt.Sprintf("%s: %s.", found[0][:len(found[0])-1], reason)
			refused = append(refused, problem)
		}
	}
	if len(refused) > 0 {
		return refused
	}
	return problems
}
