package stub

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"github.com/vektah/gqlparser/v2/ast"
	"github.com/vektah/gqlparser/v2/parser"
)

// Call is what a client asked of the API, whichever way it wrote that down: arguments inline or in
// variables, with or without a name for the operation, fields in any order.
type Call struct {
	Field     string         // such as "register_agent"
	Name      string         // of the answer: the field's, or its alias
	Arguments map[string]any // with variables put in
	Selection []string       // paths of the fields asked for, sorted
	Relations []Relation     // fields right below that have arguments of their own
	Header    http.Header
}

// Relation is a field of the answer's objects that was asked for in part.
type Relation struct {
	Name      string
	Arguments map[string]any
}

// readCalls decodes a request as Prefect's clients send it: variables are a string of JSON, or an object.
// Each field of the operation is a call.
func readCalls(r *http.Request) ([]Call, error) {
	var body struct {
		Query     string          `json:"query"`
		Variables json.RawMessage `json:"variables"`
	}
	text, err := io.ReadAll(r.Body)
	if err != nil {
		return nil, fmt.Errorf("read request: %w", err)
	}
	if err := json.Unmarshal(text, &body); err != nil {
		return nil, fmt.Errorf("decode request: %w", err)
	}
	var quoted string
	if json.Unmarshal(body.Variables, &quoted) == nil {
		body.Variables = json.RawMessage(quoted)
	}
	var variables map[string]any
	if len(body.Variables) > 0 {
		if err := json.Unmarshal(body.Variables, &variables); err != nil {
			return nil, fmt.Errorf("decode variables: %w", err)
		}
	}
	doc, err := parser.ParseQuery(&ast.Source{Input: body.Query})
	if err != nil {
		return nil, fmt.Errorf("parse query: %w", err)
	}
	if len(doc.Operations) != 1 {
		return nil, errors.New("a request has one operation")
	}
	var calls []Call
	for _, selected := range doc.Operations[0].SelectionSet {
		field, ok := selected.(*ast.Field)
		if !ok {
			return nil, errors.New("fragments are not served")
		}
		call := Call{Field: field.Name, Name: field.Alias, Header: r.Header, Arguments: arguments(field, variables)}
		for _, inner := range field.SelectionSet {
			if relation, ok := inner.(*ast.Field); ok && len(relation.Arguments) > 0 {
				call.Relations = append(call.Relations, Relation{relation.Name, arguments(relation, variables)})
			}
		}
		call.Selection = paths(nil, "", field.SelectionSet)
		slices.Sort(call.Selection)
		calls = append(calls, call)
	}
	return calls, nil
}

func arguments(field *ast.Field, variables map[string]any) map[string]any {
	values := map[string]any{}
	for _, a := range field.Arguments {
		values[a.Name] = value(a.Value, variables)
	}
	return values
}

// value is what a literal means, as encoding/json would have decoded it.
func value(v *ast.Value, variables map[string]any) any {
	switch v.Kind {
	case ast.Variable:
		return variables[v.Raw]
	case ast.IntValue, ast.FloatValue:
		n, _ := strconv.ParseFloat(v.Raw, 64)
		return n
	case ast.BooleanValue:
		return v.Raw == "true"
	case ast.NullValue:
		return nil
	case ast.ListValue:
		list := make([]any, 0, len(v.Children))
		for _, c := range v.Children {
			list = append(list, value(c.Value, variables))
		}
		return list
	case ast.ObjectValue:
		object := make(map[string]any, len(v.Children))
		for _, c := range v.Children {
			object[c.Name] = value(c.Value, variables)
		}
		return object
	default:
		return v.Raw
	}
}

func paths(to []string, prefix string, set ast.SelectionSet) []string {
	for _, s := range set {
		field, ok := s.(*ast.Field)
		if !ok {
			continue
		}
		if len(field.SelectionSet) == 0 {
			to = append(to, prefix+field.Name)
			continue
		}
		to = paths(to, prefix+field.Name+".", field.SelectionSet)
	}
	return to
}

// at follows a path through an argument's objects, as in at("input", "labels"); nil where it ends.
func (c Call) at(path ...string) any {
	var v any = c.Arguments
	for _, name := range path {
		object, ok := v.(map[string]any)
		if !ok {
			return nil
		}
		v = object[name]
	}
	return v
}

// Text is the string at a path through the arguments; empty where there is none.
func (c Call) Text(path string) string {
	s, _ := c.at(strings.Split(path, ".")...).(string)
	return s
}
