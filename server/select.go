package server

import (
	"encoding/json"
	"strconv"

	"github.com/99designs/gqlgen/graphql"
	"github.com/vektah/gqlparser/v2/ast"
)

// list translates a root field such as flow_run: the statement has one row, with the JSON array of the rows of t and
// whether it has more of them than may be without a limit. It is one row so that all the work is in getting it, which
// is what can be stopped half-way.
func (q *query) list(t *table, field graphql.CollectedField) (string, error) {
	r, err := q.rows(t, field.Field, nil, q.isExpensive(t, field))
	if err != nil {
		return "", err
	}
	row, err := q.rowJSON(t, r.alias, field.Selections)
	if err != nil {
		return "", err
	}
	text := "SELECT " + row + " AS one FROM " + r.from + r.where + r.end
	tooMany := "FALSE"
	if isNull(q.variables.argument(field.Field, "limit")) {
		text = "SELECT one FROM (" + text + ") AS picked LIMIT " + strconv.Itoa(q.maxRows+1)
		tooMany = "count(*) > " + strconv.Itoa(q.maxRows)
	}
	return "SELECT " + q.dialect.jsonArray("one") + ", " + tooMany + " FROM (" + text + ") AS answer", nil
}

// byKey translates a root field such as flow_run_by_pk: the statement has one row or none.
func (q *query) byKey(t *table, field graphql.CollectedField) (string, error) {
	id, err := bindable(t.columns["id"], q.variables.argument(field.Field, "id"))
	if err != nil {
		return "", err
	}
	alias := q.alias()
	row, err := q.rowJSON(t, alias, field.Selections)
	if err != nil {
		return "", err
	}
	return "SELECT " + row + " FROM " + quoteIdentifier(t.name) + " AS " + alias + " WHERE " + alias + ".id = " + q.bind(id), nil
}

// isExpensive says whether computing the JSON of a row of t costs statements within the statement.
func (q *query) isExpensive(t *table, field graphql.CollectedField) bool {
	for _, selected := range q.fields(field.Selections, t.name) {
		if selected.SelectionSet != nil {
			return true
		}
	}
	return false
}

// rowJSON is an expression for the JSON of a row of t: the fields selected, in order, under their aliases.
func (q *query) rowJSON(t *table, alias string, selection ast.SelectionSet) (string, error) {
	var o objectBuilder
	for _, field := range q.fields(selection, t.name) {
		value, err := q.fieldJSON(t, alias, field)
		if err != nil {
			return "", err
		}
		o.add(field.Alias, value)
	}
	return o.expression(), nil
}

// fieldJSON is an expression for the JSON of one field of a row of t.
func (q *query) fieldJSON(t *table, alias string, field graphql.CollectedField) (string, error) {
	if field.Name == "__typename" {
		return quoteText(string(quoteJSON(t.name))), nil
	}
	if column, ok := t.columns[field.Name]; ok {
		return q.columnJSON(column, alias, field)
	}
	if relation, ok := t.relations[field.Name]; ok {
		join := func(target string) string {
			return target + "." + quoteIdentifier(relation.to) + " = " + alias + "." + quoteIdentifier(relation.from)
		}
		if relation.many {
			return q.relatedList(relation, field, join)
		}
		return q.relatedRow(relation, field, join)
	}
	relation := t.relations[aggregated(field.Name)]
	return q.aggregate(relation.target, field, func(target string) string {
		return target + "." + quoteIdentifier(relation.to) + " = " + alias + "." + quoteIdentifier(relation.from)
	})
}

// columnJSON is an expression for the JSON of a column; with the argument path, of what is there in a jsonb.
func (q *query) columnJSON(c *column, alias string, field graphql.CollectedField) (string, error) {
	value := alias + "." + quoteIdentifier(c.name)
	if raw := q.variables.argument(field.Field, "path"); !isNull(raw) {
		var path string
		if err := json.Unmarshal(raw, &path); err != nil {
			return "", badInput("path must be a string")
		}
		steps, err := parsePath(path)
		if err != nil {
			return "", err
		}
		value = q.dialect.jsonAt(value, q.bind(q.dialect.boundPath(steps)))
	}
	return q.dialect.jsonText(c.scalar, value), nil
}

// relatedRow is an expression for the JSON of the row that a relation leads to.
func (q *query) relatedRow(r *relation, field graphql.CollectedField, join func(string) string) (string, error) {
	alias := q.alias()
	row, err := q.rowJSON(r.target, alias, field.Selections)
	if err != nil {
		return "", err
	}
	return "coalesce((SELECT " + row + " FROM " + quoteIdentifier(r.target.name) + " AS " + alias +
		" WHERE " + join(alias) + "), 'null')", nil
}

// relatedList is an expression for the JSON array of the rows that a relation leads to.
func (q *query) relatedList(r *relation, field graphql.CollectedField, join func(string) string) (string, error) {
	rows, err := q.rows(r.target, field.Field, join, q.isExpensive(r.target, field))
	if err != nil {
		return "", err
	}
	row, err := q.rowJSON(r.target, rows.alias, field.Selections)
	if err != nil {
		return "", err
	}
	return "(SELECT " + q.dialect.jsonArray("one") + " FROM (SELECT " + row + " AS one FROM " + rows.from + rows.where + rows.end + ") AS list)", nil
}

// objectBuilder puts the JSON of an object together from expressions for its values.
type objectBuilder struct {
	terms []string
	text  string // constant JSON that no term holds yet
}

func (o *objectBuilder) add(key string, value string) {
	if len(o.terms) == 0 && o.text == "" {
		o.text = "{"
	} else {
		o.text += ","
	}
	o.text += string(quoteJSON(key)) + ":"
	o.terms = append(o.terms, quoteText(o.text), value)
	o.text = ""
}

func (o *objectBuilder) expression() string {
	if len(o.terms) == 0 {
		return quoteText("{}")
	}
	return concat(append(o.terms, quoteText("}")))
}
