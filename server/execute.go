package server

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"runtime/debug"

	"github.com/99designs/gqlgen/graphql"
	"github.com/vektah/gqlparser/v2/ast"
	"github.com/vektah/gqlparser/v2/gqlerror"
)

// executable is the schema with what its root fields do, in the form that gqlgen's runtime executes. The fields of
// tables are translated to SQL, one statement for each root field; the others have a resolver each.
type executable struct {
	schema    *ast.Schema
	catalog   *catalog
	store     *store
	queries   map[string]resolver
	mutations map[string]resolver
}

// resolver answers one root field. What it returns is projected on the selection of the field.
type resolver func(ctx context.Context, c *call) (any, error)

// call is one root field of one request.
type call struct {
	store   *store
	headers http.Header
	field   *ast.Field
	vars    variables
}

// decode reads an argument of the call; the schema has been checked.
func (c *call) decode(name string, target any) error {
	raw := c.vars.argument(c.field, name)
	if raw == nil {
		return nil
	}
	if err := json.Unmarshal(raw, target); err != nil {
		var refused *apiError
		if errors.As(err, &refused) {
			return refused
		}
		return badInput("%s of %s cannot be read: %v", name, c.field.Name, err)
	}
	return nil
}

var _ graphql.ExecutableSchema = (*executable)(nil)

func (e *executable) Schema() *ast.Schema { return e.schema }

// Complexity is not limited here.
func (e *executable) Complexity(context.Context, string, string, int, map[string]any) (int, bool) {
	return 0, false
}

// Exec answers an operation that has been validated, with its fields one after the other.
func (e *executable) Exec(context.Context) graphql.ResponseHandler {
	done := false
	return func(ctx context.Context) *graphql.Response {
		if done {
			return nil
		}
		done = true
		operation := graphql.GetOperationContext(ctx)
		root := e.schema.Query
		if operation.Operation.Operation == ast.Mutation {
			root = e.schema.Mutation
		}
		return &graphql.Response{Data: e.root(ctx, operation, root)}
	}
}

// root answers all fields of the operation. If one that may not be null fails, the whole answer is null.
func (e *executable) root(ctx context.Context, operation *graphql.OperationContext, root *ast.Definition) json.RawMessage {
	var answer bytes.Buffer
	answer.WriteByte('{')
	for i, field := range graphql.CollectFields(operation, operation.Operation.SelectionSet, []string{root.Name}) {
		value, err := e.guarded(ctx, operation, root, field)
		if err != nil {
			graphql.AddError(ctx, e.present(ctx, field, err))
			if field.Definition.Type.NonNull {
				return json.RawMessage("null")
			}
			value = json.RawMessage("null")
		}
		if i > 0 {
			answer.WriteByte(',')
		}
		answer.Write(quoteJSON(field.Alias))
		answer.WriteByte(':')
		answer.Write(value)
	}
	answer.WriteByte('}')
	return answer.Bytes()
}

// guarded answers one root field; a panic in it becomes its error.
func (e *executable) guarded(
	ctx context.Context, operation *graphql.OperationContext, root *ast.Definition, field graphql.CollectedField,
) (value json.RawMessage, err error) {
	defer func() {
		if cause := recover(); cause != nil {
			e.store.log.Error("Request failed unexpectedly", "field", field.Name, "cause", cause, "stack", string(debug.Stack()))
			err = refuse("%s failed because of a defect of the server; its log says more.", field.Name)
		}
	}()
	return e.field(ctx, operation, root, field)
}

func (e *executable) field(
	ctx context.Context, operation *graphql.OperationContext, root *ast.Definition, field graphql.CollectedField,
) (json.RawMessage, error) {
	vars := sentVariables(ctx)
	resolvers := e.queries
	if root == e.schema.Mutation {
		resolvers = e.mutations
	}
	switch resolve := resolvers[field.Name]; {
	case field.Name == "__typename":
		return quoteJSON(root.Name), nil
	case field.Name == "__schema", field.Name == "__type":
		return e.introspect(operation, field, vars)
	case resolve != nil:
		result, err := resolve(ctx, &call{e.store, operation.Headers, field.Field, vars})
		if err != nil {
			return nil, err
		}
		return project(operation, result, field)
	}
	q := &query{catalog: e.catalog, dialect: e.store.db, maxRows: e.store.maxRows, operation: operation, variables: vars}
	return e.selectJSON(ctx, q, field)
}

// selectJSON answers a root field of a table with one SQL statement.
func (e *executable) selectJSON(ctx context.Context, q *query, field graphql.CollectedField) (json.RawMessage, error) {
	if err := q.checkScan(field); err != nil {
		return nil, err
	}
	read, text, err := e.statement(q, field)
	if err != nil {
		return nil, err
	}
	return e.store.inTime(ctx, func(ctx context.Context) (json.RawMessage, error) { return read(ctx, text, q.args) })
}

// statement translates a root field of a table, and says how to read what comes of it.
func (e *executable) statement(q *query, field graphql.CollectedField) (
	read func(ctx context.Context, text string, args []any) (json.RawMessage, error), text string, err error,
) {
	if t, ok := e.catalog.tables[field.Name]; ok {
		text, err = q.list(t, field)
		return e.readList, text, err
	}
	typeName := field.Definition.Type.Name()
	if t, ok := e.catalog.tables[typeName]; ok {
		text, err = q.byKey(t, field)
		return e.readOne, text, err
	}
	text, err = q.aggregate(e.catalog.tables[aggregated(typeName)], field, nil)
	return e.readOne, "SELECT " + text, err
}

// readList gives the array that a statement of query.list makes, and refuses it if it has too many rows.
func (e *executable) readList(ctx context.Context, text string, args []any) (json.RawMessage, error) {
	rows, err := e.store.query(ctx, text, args)
	if err != nil {
		return nil, err
	}
	var list json.RawMessage
	var tooMany bool
	if err := oneRow(rows, (*[]byte)(&list), &tooMany); err != nil {
		return nil, err
	}
	if tooMany {
		return nil, badInput("There are more than %d rows: give a limit, and an offset for the next ones, or a where.", e.store.maxRows)
	}
	return list, nil
}

// readOne gives the one row of a statement, "null" if there is none.
func (e *executable) readOne(ctx context.Context, text string, args []any) (json.RawMessage, error) {
	row := json.RawMessage("null")
	rows, err := e.store.query(ctx, text, args)
	if err != nil {
		return nil, err
	}
	err = eachRow(rows, func(scan func(...any) error) error { return scan((*[]byte)(&row)) })
	return row, err
}

// present gives an error of a field its place in the request and its code, and logs what is not the caller's doing.
func (e *executable) present(ctx context.Context, field graphql.CollectedField, err error) *gqlerror.Error {
	code := codeInternal
	var known *apiError
	if errors.As(e.store.db.explain(err), &known) {
		err, code = known, known.code
	} else if ctx.Err() == nil {
		e.store.log.Error("Request failed", "field", field.Name, "error", err)
	}
	return &gqlerror.Error{
		Message:    err.Error(),
		Path:       ast.Path{ast.PathName(field.Alias)},
		Locations:  []gqlerror.Location{{Line: field.Position.Line, Column: field.Position.Column}},
		Extensions: map[string]any{"code": code},
	}
}
