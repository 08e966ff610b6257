package server

import (
	"encoding/json"
	"strings"

	"github.com/99designs/gqlgen/graphql"
	"github.com/vektah/gqlparser/v2/ast"
)

// aggregated gives the name of the list that an aggregate such as flow_runs_aggregate is about.
func aggregated(name string) string { return strings.TrimSuffix(name, "_aggregate") }

// aggregate is an expression for the JSON of figures about rows of t.
func (q *query) aggregate(t *table, field graphql.CollectedField, join func(alias string) string) (string, error) {
	r, err := q.rows(t, field.Field, join, true)
	if err != nil {
		return "", err
	}
	typeName := t.name + "_aggregate"
	var o objectBuilder
	for _, selected := range q.fields(field.Selections, typeName) {
		switch selected.Name {
		case "__typename":
			o.add(selected.Alias, quoteText(string(quoteJSON(typeName))))
		case "nodes":
			row, err := q.rowJSON(t, r.alias, selected.Selections)
			if err != nil {
				return "", err
			}
			o.add(selected.Alias, q.dialect.jsonArray(row))
		case "aggregate":
			figures, err := q.figures(t, r.alias, selected.Selections)
			if err != nil {
				return "", err
			}
			o.add(selected.Alias, figures)
		}
	}
	return "(SELECT " + concat([]string{o.expression(), q.dialect.oneForAll()}) + " FROM " + r.from + r.where + r.end + ")", nil
}

// figures is an expression for the JSON of count, min, max, sum and avg.
func (q *query) figures(t *table, alias string, selection ast.SelectionSet) (string, error) {
	typeName := t.name + "_aggregate_fields"
	var o objectBuilder
	for _, field := range q.fields(selection, typeName) {
		switch field.Name {
		case "__typename":
			o.add(field.Alias, quoteText(string(quoteJSON(typeName))))
		case "count":
			count, err := q.count(t, alias, field)
			if err != nil {
				return "", err
			}
			o.add(field.Alias, count)
		default: // min, max, sum, avg
			o.add(field.Alias, q.figuresOfColumns(t, alias, field))
		}
	}
	return o.expression(), nil
}

// count is an expression for a number of rows, or of the different values of columns.
func (q *query) count(t *table, alias string, field graphql.CollectedField) (string, error) {
	columns, err := q.distinct(t, alias, q.variables.argument(field.Field, "columns"))
	if err != nil {
		return "", err
	}
	var distinct bool
	if raw := q.variables.argument(field.Field, "distinct"); !isNull(raw) {
		if err := json.Unmarshal(raw, &distinct); err != nil {
			return "", err
		}
	}
	switch {
	case len(columns) == 0, len(columns) > 1 && !distinct:
		return "count(*)", nil
	case len(columns) == 1 && distinct:
		return "count(DISTINCT " + columns[0] + ")", nil
	case len(columns) == 1:
		return "count(" + columns[0] + ")", nil
	}
	texts := make([]string, 0, 2*len(columns))
	for _, column := range columns {
		texts = append(texts, q.dialect.jsonText("", column), "','")
	}
	return "count(DISTINCT " + concat(texts) + ")", nil
}

// figuresOfColumns is an expression for the JSON of one figure of each of some columns.
func (q *query) figuresOfColumns(t *table, alias string, field graphql.CollectedField) string {
	typeName := t.name + "_aggregate_fields"
	if field.Definition != nil {
		typeName = field.Definition.Type.Name()
	}
	var o objectBuilder
	for _, selected := range q.fields(field.Selections, typeName) {
		if selected.Name == "__typename" {
			o.add(selected.Alias, quoteText(string(quoteJSON(typeName))))
			continue
		}
		scalar, value := q.figure(field.Name, t.columns[selected.Name], alias)
		o.add(selected.Alias, q.dialect.jsonText(scalar, value))
	}
	return o.expression()
}

// figure is an aggregate of a column, min, max, sum or avg, and the scalar that it is of.
func (q *query) figure(name string, c *column, alias string) (scalar, value string) {
	value = alias + "." + quoteIdentifier(c.name)
	switch name {
	case "sum":
		return "Int", "sum(" + value + ")"
	case "avg": // numeric in PostgreSQL
		return "Float", "CAST(avg(" + value + ") AS DOUBLE PRECISION)"
	default:
		return c.scalar, q.dialect.extreme(name, c.scalar, value)
	}
}
