package server

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"strconv"
	"strings"

	"github.com/vektah/gqlparser/v2/ast"
	"github.com/vektah/gqlparser/v2/gqlerror"
)

// decodeVariables reads the variables of a request: an object, a string that holds one, or nothing, spelled null,
// "null", "" or left out. It gives them as JSON, to work with, and as values for gqlparser, to check.
func decodeVariables(sent json.RawMessage) (variables, map[string]any, error) {
	if sent = bytes.TrimSpace(sent); len(sent) > 0 && sent[0] == '"' {
		var text string
		if err := json.Unmarshal(sent, &text); err != nil {
			return nil, nil, err
		}
		sent = bytes.TrimSpace([]byte(text))
	}
	if isNull(sent) {
		return nil, nil, nil
	}
	if tooDeep(sent) {
		return nil, nil, fmt.Errorf("they are nested more than %d levels deep", maxNesting)
	}
	var raw variables
	if err := json.Unmarshal(sent, &raw); err != nil {
		return nil, nil, errors.New("they are not a JSON object")
	}
	decoder := json.NewDecoder(bytes.NewReader(sent))
	decoder.UseNumber()
	var values map[string]any
	if err := decoder.Decode(&values); err != nil {
		return nil, nil, err
	}
	return raw, values, nil
}

// checkVariables refuses what gqlparser lets pass: numbers for strings, strings for numbers, and enum values in the
// wrong case.
func checkVariables(schema *ast.Schema, operation *ast.OperationDefinition, values map[string]any) *gqlerror.Error {
	for _, definition := range operation.VariableDefinitions {
		value, ok := values[definition.Variable]
		if !ok {
			continue
		}
		if path, expected := misfit(schema, definition.Type, value, definition.Variable); path != "" {
			err := gqlerror.Errorf("Variable %q got an invalid value at %q; expected type %s.", "$"+definition.Variable, path, expected)
			err.Locations = []gqlerror.Location{{Line: definition.Position.Line, Column: definition.Position.Column}}
			return err
		}
	}
	return nil
}

// misfit finds the first value that does not fit its type, and gives the path to it and the type; "" if all fit.
func misfit(schema *ast.Schema, typ *ast.Type, value any, path string) (string, string) {
	if value == nil {
		return "", ""
	}
	if typ.Elem != nil {
		items := reflect.ValueOf(value) // gqlparser makes a []T of a single T
		if items.Kind() != reflect.Slice {
			return misfit(schema, typ.Elem, value, path)
		}
		for i := range items.Len() {
			if at, expected := misfit(schema, typ.Elem, items.Index(i).Interface(), path+"["+strconv.Itoa(i)+"]"); at != "" {
				return at, expected
			}
		}
		return "", ""
	}
	definition := schema.Types[typ.NamedType]
	if definition.Kind == ast.InputObject {
		members, _ := value.(map[string]any)
		for _, field := range definition.Fields {
			if at, expected := misfit(schema, field.Type, members[field.Name], path+"."+field.Name); at != "" {
				return at, expected
			}
		}
		return "", ""
	}
	if fits(definition, value) {
		return "", ""
	}
	return path, definition.Name
}

// fits says whether a value that gqlparser accepted is one of a scalar or enum.
func fits(definition *ast.Definition, value any) bool {
	text, isText := value.(string)
	switch {
	case definition.Kind == ast.Enum:
		return isText && definition.EnumValues.ForName(text) != nil
	case definition.Name == "String":
		return isText
	case definition.Name == "Int":
		number, ok := value.(json.Number)
		return ok && !strings.ContainsAny(number.String(), ".eE")
	default:
		return true
	}
}
