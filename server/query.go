package server

import (
	"encoding/json"
	"strconv"
	"strings"

	"github.com/99designs/gqlgen/graphql"
	"github.com/vektah/gqlparser/v2/ast"
)

const (
	maxDepth     = 12     // of relations in an order; conditions may nest four times as deep
	maxValues    = 30_000 // bound values in one statement; SQLite takes 32,766
	maxOrderings = 100
)

// query translates one root field to one SQL statement whose rows are JSON. It puts only names from the catalog into
// the text; every value of the caller is bound.
type query struct {
	catalog   *catalog
	dialect   dialect
	maxRows   int // of a root list without limit
	operation *graphql.OperationContext
	variables variables
	args      []any
	aliases   int
}

// bind adds a value and gives its placeholder.
func (q *query) bind(value any) string {
	q.args = append(q.args, value)
	return q.dialect.placeholder(len(q.args))
}

// alias gives a new name for a table.
func (q *query) alias() string {
	q.aliases++
	return "t" + strconv.Itoa(q.aliases)
}

// fields lists what is selected of an object of a type, with fragments, @skip and @include applied.
func (q *query) fields(selection ast.SelectionSet, typeName string) []graphql.CollectedField {
	return graphql.CollectFields(q.operation, selection, []string{typeName})
}

// rows is what a list field asks for, translated.
type rows struct {
	alias string // what the columns are selected from
	from  string // table or subquery, with the alias
	where string
	end   string // ORDER BY and LIMIT
}

// rows translates the arguments of a list of rows of t. join, if not empty, is a condition that ties the row alias to
// something around the list. If inner, they are chosen in a subquery, so that what is costly to compute from a row is
// computed only for rows within the limit, after sorting, and figures are about those rows.
func (q *query) rows(t *table, field *ast.Field, join func(alias string) string, inner bool) (rows, error) {
	alias := q.alias()
	argument := func(name string) json.RawMessage { return q.variables.argument(field, name) }

	var conditions []string
	if join != nil {
		conditions = append(conditions, join(alias))
	}
	condition, err := q.where(t, alias, argument("where"), 0)
	if err != nil {
		return rows{}, err
	}
	if condition != "" {
		conditions = append(conditions, condition)
	}
	where := ""
	if len(conditions) > 0 {
		where = " WHERE " + strings.Join(conditions, " AND ")
	}
	orders, err := q.order(t, alias, argument("order_by"))
	if err != nil {
		return rows{}, err
	}
	limit, err := q.limit(argument("limit"), argument("offset"))
	if err != nil {
		return rows{}, err
	}
	from := quoteIdentifier(t.name) + " AS " + alias
	distinct, err := q.distinct(t, alias, argument("distinct_on"))
	if err != nil {
		return rows{}, err
	}
	if len(distinct) > 0 {
		// The first row of each group in the order asked for; without one, in that of the groups.
		if len(orders) == 0 {
			orders = distinct
		}
		from = "(SELECT " + alias + ".*, row_number() OVER (PARTITION BY " + strings.Join(distinct, ", ") +
			" ORDER BY " + strings.Join(orders, ", ") + ") AS place_in_group FROM " + from + where + ") AS " + alias
		where = " WHERE " + alias + ".place_in_group = 1"
	}
	end := limit
	if len(orders) > 0 {
		end = " ORDER BY " + strings.Join(orders, ", ") + limit
	}
	if inner && end != "" {
		return rows{alias: alias, from: "(SELECT * FROM " + from + where + end + ") AS " + alias}, nil
	}
	return rows{alias: alias, from: from, where: where, end: end}, nil
}

// limit translates limit and offset.
func (q *query) limit(limit, offset json.RawMessage) (string, error) {
	clause := ""
	if !isNull(limit) {
		n, err := parseCount("limit", limit)
		if err != nil {
			return "", err
		}
		clause = " LIMIT " + q.bind(n)
	}
	if !isNull(offset) {
		n, err := parseCount("offset", offset)
		if err != nil {
			return "", err
		}
		if clause == "" {
			clause = " LIMIT " + unlimited
		}
		clause += " OFFSET " + q.bind(n)
	}
	return clause, nil
}

func parseCount(name string, raw json.RawMessage) (int64, error) {
	var n int64
	if err := json.Unmarshal(raw, &n); err != nil || n < 0 {
		return 0, badInput("%s must be a number from 0, not %s", name, raw)
	}
	return n, nil
}

// distinct translates distinct_on.
func (q *query) distinct(t *table, alias string, raw json.RawMessage) ([]string, error) {
	items, err := asList(raw)
	if err != nil {
		return nil, err
	}
	var columns []string
	for _, item := range items {
		var name string
		if err := json.Unmarshal(item, &name); err != nil || t.columns[name] == nil {
			return nil, badInput("%s is not a column of %s", item, t.name)
		}
		columns = append(columns, alias+"."+quoteIdentifier(name))
	}
	return columns, nil
}
