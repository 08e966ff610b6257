package server

import (
	"encoding/json"

	"github.com/99designs/gqlgen/graphql"
	"github.com/99designs/gqlgen/graphql/introspection"
)

// introspect answers __schema and __type, so that GraphiQL and other clients can explore the API.
func (e *executable) introspect(operation *graphql.OperationContext, field graphql.CollectedField, vars variables) (json.RawMessage, error) {
	view := introspector{vars}
	if field.Name == "__schema" {
		return project(operation, view.schema(introspection.WrapSchema(e.schema)), field)
	}
	var name string
	if err := json.Unmarshal(vars.argument(field.Field, "name"), &name); err != nil {
		return nil, badInput("name must be a string")
	}
	return project(operation, view.typ(introspection.WrapTypeFromDef(e.schema, e.schema.Types[name])), field)
}

// introspector shows gqlgen's view of a schema as objects. A type leads to further types without end, so fields are
// computed only where they are selected.
type introspector struct {
	vars variables
}

// deprecated is the value of the argument includeDeprecated.
func (i introspector) deprecated(field graphql.CollectedField) bool {
	return string(i.vars.argument(field.Field, "includeDeprecated")) == "true"
}

func (i introspector) schema(s *introspection.Schema) lazy {
	return func(field graphql.CollectedField) any {
		switch field.Name {
		case "description":
			return s.Description()
		case "types":
			return each(s.Types(), func(t introspection.Type) lazy { return i.typ(&t) })
		case "queryType":
			return i.typ(s.QueryType())
		case "mutationType":
			return i.typ(s.MutationType())
		case "subscriptionType":
			return i.typ(s.SubscriptionType())
		case "directives":
			return each(s.Directives(), i.directive)
		}
		return nil
	}
}

func (i introspector) typ(t *introspection.Type) lazy {
	if t == nil {
		return nil
	}
	types := func(list []introspection.Type) []lazy {
		return each(list, func(t introspection.Type) lazy { return i.typ(&t) })
	}
	return func(field graphql.CollectedField) any {
		switch field.Name {
		case "kind":
			return t.Kind()
		case "name":
			return t.Name()
		case "description":
			return t.Description()
		case "specifiedByURL":
			return t.SpecifiedByURL()
		case "isOneOf":
			return t.IsOneOf()
		case "ofType":
			return i.typ(t.OfType())
		}
		// The rest is null for kinds of type that do not have it.
		switch kind := t.Kind(); {
		case field.Name == "fields" && kind == "OBJECT":
			return each(t.Fields(i.deprecated(field)), i.field)
		case field.Name == "interfaces" && kind == "OBJECT":
			return types(t.Interfaces())
		case field.Name == "possibleTypes" && (kind == "INTERFACE" || kind == "UNION"):
			return types(t.PossibleTypes())
		case field.Name == "enumValues" && kind == "ENUM":
			return each(t.EnumValues(i.deprecated(field)), i.enumValue)
		case field.Name == "inputFields" && kind == "INPUT_OBJECT":
			return each(t.VisibleInputFields(i.deprecated(field)), i.inputValue)
		}
		return nil
	}
}

func (i introspector) field(f introspection.Field) lazy {
	return func(field graphql.CollectedField) any {
		switch field.Name {
		case "name":
			return f.Name
		case "description":
			return f.Description()
		case "args":
			return each(f.VisibleArgs(i.deprecated(field)), i.inputValue)
		case "type":
			return i.typ(f.Type)
		case "isDeprecated":
			return f.IsDeprecated()
		case "deprecationReason":
			return f.DeprecationReason()
		}
		return nil
	}
}

func (i introspector) inputValue(v introspection.InputValue) lazy {
	return func(field graphql.CollectedField) any {
		switch field.Name {
		case "name":
			return v.Name
		case "description":
			return v.Description()
		case "type":
			return i.typ(v.Type)
		case "defaultValue":
			return v.DefaultValue
		case "isDeprecated":
			return v.IsDeprecated()
		case "deprecationReason":
			return v.DeprecationReason()
		}
		return nil
	}
}

func (i introspector) enumValue(v introspection.EnumValue) lazy {
	return func(field graphql.CollectedField) any {
		switch field.Name {
		case "name":
			return v.Name
		case "description":
			return v.Description()
		case "isDeprecated":
			return v.IsDeprecated()
		case "deprecationReason":
			return v.DeprecationReason()
		}
		return nil
	}
}

func (i introspector) directive(d introspection.Directive) lazy {
	return func(field graphql.CollectedField) any {
		switch field.Name {
		case "name":
			return d.Name
		case "description":
			return d.Description()
		case "locations":
			return d.Locations
		case "args":
			return each(d.VisibleArgs(i.deprecated(field)), i.inputValue)
		case "isRepeatable":
			return d.IsRepeatable
		}
		return nil
	}
}

// each applies f to all items.
func each[T any](items []T, f func(T) lazy) []lazy {
	list := make([]lazy, len(items))
	for n, item := range items {
		list[n] = f(item)
	}
	return list
}
