package server

import (
	"bytes"
	"encoding/json"

	"github.com/vektah/gqlparser/v2/ast"
)

// variables are those of a request as they were sent: as JSON, so that numbers keep their digits and objects the
// order of their keys.
type variables map[string]json.RawMessage

// argument gives an argument of a field as JSON; nil if it is absent.
func (v variables) argument(field *ast.Field, name string) json.RawMessage {
	argument := field.Arguments.ForName(name)
	if argument == nil {
		return nil
	}
	return v.json(argument.Value)
}

// json turns a literal, with the variables in it, into JSON; nil if it is a variable that was not sent.
//
// A string literal where Prefect's scalar JSON is asked for may hold JSON (all that Server accepts there).
func (v variables) json(value *ast.Value) json.RawMessage {
	switch value.Kind {
	case ast.Variable:
		if raw, ok := v[value.Raw]; ok {
			return raw
		}
		if definition := value.VariableDefinition; definition != nil && definition.DefaultValue != nil {
			return v.json(definition.DefaultValue)
		}
		return nil
	case ast.IntValue, ast.FloatValue, ast.BooleanValue:
		return json.RawMessage(value.Raw)
	case ast.NullValue:
		return json.RawMessage("null")
	case ast.ListValue:
		items := make([][]byte, len(value.Children))
		for i, child := range value.Children {
			if items[i] = v.json(child.Value); items[i] == nil {
				items[i] = []byte("null")
			}
		}
		return append(append([]byte{'['}, bytes.Join(items, []byte{','})...), ']')
	case ast.ObjectValue:
		var o object
		for _, child := range value.Children {
			if raw := v.json(child.Value); raw != nil {
				o = append(o, member{child.Name, raw})
			}
		}
		return o.encode()
	case ast.StringValue, ast.BlockValue:
		if value.Definition != nil && value.Definition.Name == "JSON" && json.Valid([]byte(value.Raw)) {
			return json.RawMessage(value.Raw)
		}
	}
	return quoteJSON(value.Raw)
}
