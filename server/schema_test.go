package server

import (
	"encoding/json"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/99designs/gqlgen/graphql/introspection"
	"github.com/vektah/gqlparser/v2"
	"github.com/vektah/gqlparser/v2/ast"
	"gotest.tools/v3/assert"
	is "gotest.tools/v3/assert/cmp"

	dockerprefect "github.com/docker-prefect/docker-prefect"
)

func loadSchema(t testing.TB) *ast.Schema {
	t.Helper()
	schema, err := gqlparser.LoadSchema(&ast.Source{Name: "schema.graphql", Input: dockerprefect.Schema})
	assert.NilError(t, err)
	return schema
}

func TestEveryRootFieldIsServed(t *testing.T) {
	schema := loadSchema(t)
	catalog, err := newCatalog(schema)
	assert.NilError(t, err)

	mutations := mutationResolvers()
	for _, field := range schema.Mutation.Fields {
		_, ok := mutations[field.Name]
		assert.Check(t, ok, "mutation %s is in the schema and is not served", field.Name)
		delete(mutations, field.Name)
	}
	assert.Check(t, is.Len(mutations, 0), "mutations that are not in the schema")

	queries := queryResolvers()
	for _, field := range schema.Query.Fields {
		_, ok := queries[field.Name]
		delete(queries, field.Name)
		typeName := field.Type.Name()
		if !ok && !strings.HasPrefix(field.Name, "__") {
			assert.Check(t, catalog.tables[strings.TrimSuffix(typeName, "_aggregate")] != nil, field.Name)
		}
	}
	assert.Check(t, is.Len(queries, 0), "queries that are not in the schema")
}

func TestTheSchemaHasTheColumnsOfTheTables(t *testing.T) {
	a := newAPI(t)
	catalog, err := newCatalog(loadSchema(t))
	assert.NilError(t, err)
	for _, table := range catalog.tables {
		text := "SELECT name FROM pragma_table_info(?)"
		if postgresURL() != "" {
			text = "SELECT column_name FROM information_schema.columns WHERE table_schema = current_schema AND table_name = $1"
		}
		rows, err := a.server.store.query(t.Context(), text, []any{table.name})
		assert.NilError(t, err)
		var inDatabase []string
		assert.NilError(t, eachRow(rows, func(scan func(...any) error) error {
			var name string
			err := scan(&name)
			inDatabase = append(inDatabase, name)
			return err
		}))
		inSchema := slices.Collect(func(yield func(string) bool) {
			for name := range table.columns {
				if !yield(name) {
					return
				}
			}
		})
		if table.name == "flow_run" {
			inSchema = append(inSchema, "submitted_at") // the lock is nobody's business
		}
		slices.Sort(inDatabase)
		slices.Sort(inSchema)
		assert.Check(t, is.DeepEqual(inDatabase, inSchema), table.name)
		for _, relation := range table.relations {
			assert.Check(t, table.columns[relation.from] != nil && relation.target.columns[relation.to] != nil, "%s.%s", table.name, relation.name)
		}
	}
}

func TestIntrospectionShowsTheSchema(t *testing.T) {
	a := newAPI(t)
	schema := loadSchema(t)
	got := a.read(introspection.NewQuery(introspection.QueryOptions{OneOf: true}))
	types := map[string]any{}
	for _, shown := range get(t, got, "__schema", "types").([]any) {
		types[get(t, shown, "name").(string)] = shown
	}
	assert.Equal(t, len(types), len(schema.Types))
	assert.DeepEqual(t, get(t, got, "__schema", "queryType"), m{"name": "Query"})
	assert.DeepEqual(t, get(t, got, "__schema", "subscriptionType"), nil)
	for name, definition := range schema.Types {
		shown := types[name].(m)
		assert.Equal(t, shown["kind"], string(definition.Kind))
		var fields []any
		switch definition.Kind {
		case ast.Object:
			fields = pluck(t, shown["fields"], "name")
			assert.Assert(t, shown["inputFields"] == nil && shown["enumValues"] == nil)
		case ast.InputObject:
			fields = pluck(t, shown["inputFields"], "name")
			assert.Assert(t, shown["fields"] == nil)
		case ast.Enum:
			assert.Equal(t, len(shown["enumValues"].([]any)), len(definition.EnumValues))
		}
		count := 0
		for _, field := range definition.Fields {
			if !strings.HasPrefix(field.Name, "__") {
				count++
			}
		}
		assert.Equal(t, len(fields), count, name)
	}
	got = a.read(`{ __type(name: "flow") { name kind fields { name type { kind ofType { name } } } description } none: __type(name: "x") { name } __typename }`)
	assert.Equal(t, get(t, got, "__type", "kind"), "OBJECT")
	assert.Assert(t, get(t, got, "none") == nil)
	assert.Equal(t, get(t, got, "__typename"), "Query")
}

// TestOperationsOfClientsAreAnswered runs every operation that the Python clients from 0.13.0 to 1.4.1 send, with
// their way to spell arguments.
func TestOperationsOfClientsAreAnswered(t *testing.T) {
	raw, err := os.ReadFile("testdata/client_operations.json")
	assert.NilError(t, err)
	var operations []struct {
		Name      string
		Query     string
		Variables json.RawMessage
	}
	assert.NilError(t, json.Unmarshal(raw, &operations))

	a := newAPI(t)
	flow := a.register("demo", flowOf("etl", "extract", "load"))
	run := a.run(flow, m{"flow_run_name": "misty-heron"})
	a.setFlowRun(run, "Running")
	known := strings.NewReplacer(
		"TENANT", a.tenant(), "PROJECT", get(t, a.read("{ project { id } }"), "project", 0, "id").(string), "FLOW_GROUP", get(t, a.read("{ flow_group { id } }"), "flow_group", 0, "id").(string),
		"FLOW_RUN", run, "TASK_RUN", a.taskRuns(run)["load"], "FLOW", flow, "TASK", get(t, a.read("{ task { id } }"), "task", 0, "id").(string),
		"ARTIFACT", unknownID, "COMPRESSED", compress(t, flowOf("etl", "extract")),
	)
	for _, operation := range operations {
		t.Run(operation.Name, func(t *testing.T) {
			var variables any
			if operation.Variables != nil {
				assert.NilError(t, json.Unmarshal([]byte(known.Replace(string(operation.Variables))), &variables))
			}
			got := a.send(known.Replace(operation.Query), variables)
			assert.Assert(t, got.status == 200 && len(got.Errors) == 0, "%s", got.body)
		})
	}
}
