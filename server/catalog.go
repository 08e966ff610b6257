package server

import (
	"fmt"

	"github.com/vektah/gqlparser/v2/ast"
)

// catalog is what the translation to SQL knows: the tables of the schema with their columns, which it reads from the
// object types that have a *_bool_exp, and how they are joined.
type catalog struct {
	tables map[string]*table
}

// table is a table of the database and the object type of the same name.
type table struct {
	name      string
	columns   map[string]*column
	relations map[string]*relation
}

// column is a column of a table and the field of the same name.
type column struct {
	name     string
	scalar   string // GraphQL type: uuid, String, Int, Boolean, timestamptz, interval or jsonb
	required bool   // never null
}

// relation is a field that leads to the rows of another table where to, there, equals from, here.
type relation struct {
	name   string
	target *table
	from   string
	to     string
	many   bool
}

// joins names the column that each relation of a table goes by: for a relation to one row, the column here that holds
// that row's id; for a relation to many, marked [], the column there that holds this row's id. These are Hasura's
// relationships in Prefect Server.
func joins() map[string]map[string]string {
	return map[string]map[string]string{
		"tenant":     {"projects[]": "tenant_id", "flows[]": "tenant_id", "flow_groups[]": "tenant_id"},
		"project":    {"tenant": "tenant_id", "flows[]": "project_id"},
		"flow_group": {"tenant": "tenant_id", "flows[]": "flow_group_id"},
		"flow": {
			"project": "project_id", "flow_group": "flow_group_id", "tenant": "tenant_id",
			"tasks[]": "flow_id", "edges[]": "flow_id", "flow_runs[]": "flow_id",
		},
		"task": {
			"flow": "flow_id", "task_runs[]": "task_id",
			"upstream_edges[]": "downstream_task_id", "downstream_edges[]": "upstream_task_id",
		},
		"edge": {"flow": "flow_id", "upstream_task": "upstream_task_id", "downstream_task": "downstream_task_id"},
		"flow_run": {
			"flow": "flow_id", "agent": "agent_id", "tenant": "tenant_id",
			"task_runs[]": "flow_run_id", "states[]": "flow_run_id", "logs[]": "flow_run_id",
		},
		"task_run": {
			"task": "task_id", "flow_run": "flow_run_id", "tenant": "tenant_id",
			"states[]": "task_run_id", "logs[]": "task_run_id",
		},
		"flow_run_state":    {"flow_run": "flow_run_id"},
		"task_run_state":    {"task_run": "task_run_id"},
		"task_run_artifact": {"task_run": "task_run_id"},
		"agent":             {"agent_config": "agent_config_id", "flow_runs[]": "agent_id"},
		"agent_config":      {"agents[]": "agent_config_id"},
	}
}

// newCatalog reads the tables of a schema. It fails where schema and joins do not fit together.
func newCatalog(schema *ast.Schema) (*catalog, error) {
	c := &catalog{tables: map[string]*table{}}
	for name, def := range schema.Types {
		if def.Kind == ast.Object && schema.Types[name+"_bool_exp"] != nil {
			c.tables[name] = &table{name: name, columns: map[string]*column{}, relations: map[string]*relation{}}
		}
	}
	known := joins()
	for name, t := range c.tables {
		for _, field := range schema.Types[name].Fields {
			target := schema.Types[field.Type.Name()]
			switch {
			case target.Kind == ast.Scalar:
				t.columns[field.Name] = &column{field.Name, target.Name, field.Type.NonNull}
			case c.tables[target.Name] == nil: // an aggregate of a relation
			case field.Type.Elem != nil:
				key, ok := known[name][field.Name+"[]"]
				if !ok {
					return nil, fmt.Errorf("relation %s.%s has no join", name, field.Name)
				}
				t.relations[field.Name] = &relation{field.Name, c.tables[target.Name], "id", key, true}
			default:
				key, ok := known[name][field.Name]
				if !ok {
					return nil, fmt.Errorf("relation %s.%s has no join", name, field.Name)
				}
				t.relations[field.Name] = &relation{field.Name, c.tables[target.Name], key, "id", false}
			}
		}
	}
	return c, nil
}
