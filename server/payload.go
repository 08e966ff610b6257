package server

import (
	"bytes"
	"encoding/json"
	"fmt"

	"github.com/99designs/gqlgen/graphql"
)

// payload is an object that a resolver returns: field names and their values.
type payload map[string]any

// lazy is an object like payload whose fields are computed only if they are selected.
type lazy func(selected graphql.CollectedField) any

// project writes the JSON of a resolver's result: of a payload, or a list of them, what is selected of it.
func project(operation *graphql.OperationContext, result any, field graphql.CollectedField) (json.RawMessage, error) {
	switch result := result.(type) {
	case payload:
		return projectObject(operation, func(selected graphql.CollectedField) any { return result[selected.Name] }, field)
	case lazy:
		return projectObject(operation, result, field)
	case []payload:
		return projectList(operation, result, field)
	case []lazy:
		return projectList(operation, result, field)
	case json.RawMessage:
		if isNull(result) {
			return json.RawMessage("null"), nil
		}
		return result, nil
	default:
		raw, err := encodeJSON(result)
		if err != nil {
			return nil, fmt.Errorf("write %s: %w", field.Name, err)
		}
		return raw, nil
	}
}

func projectObject(operation *graphql.OperationContext, value lazy, field graphql.CollectedField) (json.RawMessage, error) {
	if value == nil {
		return json.RawMessage("null"), nil
	}
	typeName := field.Definition.Type.Name()
	var o object
	for _, selected := range graphql.CollectFields(operation, field.Selections, []string{typeName}) {
		var inner any = typeName // of __typename
		if selected.Name != "__typename" {
			inner = value(selected)
		}
		raw, err := project(operation, inner, selected)
		if err != nil {
			return nil, err
		}
		o = append(o, member{selected.Alias, raw})
	}
	return o.encode(), nil
}

func projectList[T any](operation *graphql.OperationContext, list []T, field graphql.CollectedField) (json.RawMessage, error) {
	items := make([][]byte, len(list))
	for i, item := range list {
		raw, err := project(operation, item, field)
		if err != nil {
			return nil, err
		}
		items[i] = raw
	}
	return append(append([]byte{'['}, bytes.Join(items, []byte{','})...), ']'), nil
}
