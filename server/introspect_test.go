package server

import (
	"encoding/json"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/99designs/gqlgen/graphql/introspection"
	"github.com/vektah/gqlparser/v2/ast"
	"gotest.tools/v3/assert"
	is "gotest.tools/v3/assert/cmp"
)

// GraphiQL and other clients send what graphql-js makes (getIntrospectionQuery), with more or less of what the standard
// has got over time.
func TestIntrospectionQueriesOfAnyAgeAreAnswered(t *testing.T) {
	raw, err := os.ReadFile("testdata/introspection_queries.json")
	assert.NilError(t, err)
	var queries map[string]string
	assert.NilError(t, json.Unmarshal(raw, &queries))
	assert.Equal(t, len(queries), 4)

	a := newAPI(t)
	for name, query := range queries {
		body, err := json.Marshal(m{"query": query, "operationName": "IntrospectionQuery"})
		assert.NilError(t, err)
		got := a.post(string(body))
		assert.Equal(t, len(got.Errors), 0, "%s: %s", name, got.body)
		schema := get(t, got.Data, "__schema").(m)
		assert.Check(t, is.Equal(get(t, schema, "queryType", "name"), "Query"), name)
		assert.Check(t, is.Equal(get(t, schema, "mutationType", "name"), "Mutation"), name)
		assert.Check(t, schema["subscriptionType"] == nil, name)

		flowRun := typeNamed(t, schema, "flow_run")
		assert.Check(t, is.Equal(typeOf(t, flowRun, "fields", "id"), "uuid!"), name)
		assert.Check(t, is.Equal(typeOf(t, flowRun, "fields", "task_runs"), "[task_run!]!"), name)
		assert.Check(t, is.Equal(typeOf(t, flowRun, "fields", "flow"), "flow!"), name)
		assert.Check(t, is.DeepEqual(flowRun["interfaces"], []any{}), name)
		runs := named(t, typeNamed(t, schema, "Query")["fields"], "flow_run")
		assert.Check(t, is.Equal(typeOf(t, runs, "args", "where"), "flow_run_bool_exp"), name)
		assert.Check(t, is.Equal(typeOf(t, runs, "args", "order_by"), "[flow_run_order_by!]"), name)
		assert.Check(t, is.Equal(typeOf(t, typeNamed(t, schema, "set_flow_run_state_input"), "inputFields", "state"), "JSON!"), name)
		assert.Check(t, is.DeepEqual(pluck(t, typeNamed(t, schema, "order_by")["enumValues"], "name"), []any{
			"asc", "asc_nulls_first", "asc_nulls_last", "desc", "desc_nulls_first", "desc_nulls_last",
		}), name)

		directives := pluck(t, schema["directives"], "name")
		for _, directive := range []string{"include", "skip", "deprecated"} {
			assert.Check(t, slices.Contains(directives, any(directive)), "%s: %v", name, directives)
		}
		assert.Check(t, !slices.Contains(directives, any("defer")), "%s: it is not answered", name)
	}
}

// Every type that is named must be there, or a client cannot build the schema.
func TestIntrospectionNamesNoTypeThatIsMissing(t *testing.T) {
	a := newAPI(t)
	schema := get(t, a.read(introspection.NewQuery(introspection.QueryOptions{OneOf: true})), "__schema").(m)
	known := map[any]bool{}
	for _, name := range pluck(t, schema["types"], "name") {
		known[name] = true
	}
	count := 0
	var visit func(value any)
	visit = func(value any) {
		switch value := value.(type) {
		case []any:
			for _, item := range value {
				visit(item)
			}
		case m:
			if reference, ok := value["type"].(m); ok {
				count++
				name := strings.Trim(spell(t, reference), "[]!")
				assert.Check(t, known[name], name)
			}
			for _, member := range value {
				visit(member)
			}
		}
	}
	visit(schema)
	assert.Assert(t, count > 1000, "%d", count)
}

func TestAskingForOneTypeIsAnswered(t *testing.T) {
	a := newAPI(t)
	got := a.read(`query($name: String!) { __type(name: $name) { kind name inputFields { name } fields { name } } none: __type(name: "nope") { name } }`,
		m{"name": "String_comparison_exp"})
	assert.Equal(t, get(t, got, "__type", "kind"), string(ast.InputObject))
	assert.Assert(t, slices.Contains(pluck(t, get(t, got, "__type", "inputFields"), "name"), any("_ilike")))
	assert.Assert(t, get(t, got, "__type", "fields") == nil && got["none"] == nil)
}

func typeNamed(t *testing.T, schema m, name string) m { return named(t, schema["types"], name) }

// named finds the item of a list with a name.
func named(t *testing.T, list any, name string) m {
	t.Helper()
	for _, item := range list.([]any) {
		if get(t, item, "name") == name {
			return item.(m)
		}
	}
	t.Fatalf("no %s", name)
	return nil
}

// typeOf spells the type of a field or argument as GraphQL does.
func typeOf(t *testing.T, owner m, list, name string) string {
	t.Helper()
	return spell(t, named(t, owner[list], name)["type"].(m))
}

func spell(t *testing.T, reference m) string {
	t.Helper()
	switch reference["kind"] {
	case "NON_NULL":
		return spell(t, reference["ofType"].(m)) + "!"
	case "LIST":
		return "[" + spell(t, reference["ofType"].(m)) + "]"
	}
	return reference["name"].(string)
}
