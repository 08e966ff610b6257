package server

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/vektah/gqlparser/v2/ast"
	"gotest.tools/v3/assert"
)

// FuzzQueries sends queries that the schema allows, made at random from it. Whatever the filter, order or selection, the
// statement that they are translated to is valid: the answer is data, or an error that blames a value.
func FuzzQueries(f *testing.F) {
	for seed := range uint64(400) {
		f.Add(seed)
	}
	shared, schema := library(f), loadSchema(f)
	f.Fuzz(func(t *testing.T, seed uint64) {
		a := *shared
		a.t = t
		g := &generator{rand.New(rand.NewPCG(seed, 1)), schema, m{}, nil}
		body := g.query()
		got := a.send(body, g.variables)
		assert.Check(t, got.status == 200, "%s\n%s", body, got.body)
		for _, err := range got.Errors {
			assert.Check(t, err.Extensions["code"] == codeBadInput, "%s\n%s", body, got.body)
		}
	})
}

// generator makes documents.
type generator struct {
	*rand.Rand
	schema       *ast.Schema
	variables    m
	declarations []string
}

func (g *generator) query() string {
	fields := []string{}
	for range 1 + g.IntN(2) {
		for {
			field := g.schema.Query.Fields[g.IntN(len(g.schema.Query.Fields))]
			if strings.HasPrefix(field.Name, "__") {
				continue
			}
			fields = append(fields, fmt.Sprintf("f%d: %s", len(fields), g.field(field, 0)))
			break
		}
	}
	declarations := ""
	if len(g.declarations) > 0 {
		declarations = "(" + strings.Join(g.declarations, ", ") + ")"
	}
	return "query" + declarations + " { " + strings.Join(fields, " ") + " }"
}

// field makes a field with arguments and selection.
func (g *generator) field(field *ast.FieldDefinition, depth int) string {
	text := field.Name
	var arguments []string
	for _, argument := range field.Arguments {
		if argument.Type.NonNull || g.IntN(3) == 0 {
			arguments = append(arguments, argument.Name+": "+g.argument(argument))
		}
	}
	if len(arguments) > 0 {
		text += "(" + strings.Join(arguments, ", ") + ")"
	}
	target := g.schema.Types[field.Type.Name()]
	if target.Kind != ast.Object {
		return text
	}
	selection := []string{"__typename"}
	for i, inner := range target.Fields {
		composite := g.schema.Types[inner.Type.Name()].Kind == ast.Object
		if g.IntN(4) == 0 && (!composite || depth < 4 && g.IntN(3) == 0) {
			selection = append(selection, fmt.Sprintf("s%d: %s", i, g.field(inner, depth+1)))
		}
	}
	return text + " { " + strings.Join(selection, " ") + " }"
}

// argument makes a literal, or a variable with that value.
func (g *generator) argument(argument *ast.ArgumentDefinition) string {
	value := g.value(argument.Type, 0)
	if g.IntN(2) == 0 {
		return g.literal(argument.Type, value)
	}
	name := fmt.Sprintf("v%d", len(g.declarations))
	g.declarations = append(g.declarations, "$"+name+": "+argument.Type.String())
	g.variables[name] = value
	return "$" + name
}

// value makes a value of an input type, as JSON.
func (g *generator) value(typ *ast.Type, depth int) any {
	if !typ.NonNull && g.IntN(12) == 0 {
		return nil
	}
	if typ.Elem != nil {
		list := []any{}
		for range g.IntN(3) {
			list = append(list, g.value(typ.Elem, depth))
		}
		return list
	}
	definition := g.schema.Types[typ.NamedType]
	switch definition.Kind {
	case ast.Enum:
		return definition.EnumValues[g.IntN(len(definition.EnumValues))].Name
	case ast.InputObject:
		object := m{}
		for range g.IntN(4) {
			field := definition.Fields[g.IntN(len(definition.Fields))]
			if depth < 8 || g.schema.Types[field.Type.Name()].Kind != ast.InputObject {
				object[field.Name] = g.value(field.Type, depth+1)
			}
		}
		return object
	}
	texts := []string{"a", "", "%", `\`, "[", "'", `"`, "👋", "\x00", "Scheduled", "default", "$.a[0]", "a.b", "{}", "2022-01-31T09:08:07Z", unknownID}
	switch typ.NamedType {
	case "Int":
		return g.IntN(7) - 1
	case "Boolean":
		return g.IntN(2) == 0
	case "uuid", "UUID":
		return []any{unknownID, strings.ToUpper(unknownID), "x", 5, true}[g.IntN(5)]
	case "timestamptz", "DateTime":
		return []any{"2022-01-31T09:08:07Z", "2022-01-31", "2022-01-31 00:00:00.5+02", "soon", 1.5}[g.IntN(5)]
	case "interval":
		return []any{"00:01:00", "soon", 5}[g.IntN(3)]
	case "jsonb", "JSON":
		return []any{m{"a": 1, "b": []any{nil}}, []any{}, "text", 1.5, true, m{"who": m{"last": "Running"}}, m{"": m{}}}[g.IntN(7)]
	default:
		return texts[g.IntN(len(texts))]
	}
}

// literal writes a value as GraphQL.
func (g *generator) literal(typ *ast.Type, value any) string {
	switch value := value.(type) {
	case []any:
		var items []string
		for _, item := range value {
			elem := typ.Elem
			if elem == nil {
				elem = typ
			}
			items = append(items, g.literal(elem, item))
		}
		return "[" + strings.Join(items, ", ") + "]"
	case m:
		definition := g.schema.Types[typ.Name()]
		var members []string
		for name, member := range value {
			inner := typ
			if field := definition.Fields.ForName(name); field != nil {
				inner = field.Type
			} else if name == "" {
				name = "_"
			}
			members = append(members, name+": "+g.literal(inner, member))
		}
		return "{" + strings.Join(members, ", ") + "}"
	case string:
		if g.schema.Types[typ.Name()].Kind == ast.Enum {
			return value
		}
	}
	raw, _ := json.Marshal(value)
	return string(raw)
}
