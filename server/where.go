package server

import (
	"encoding/json"
	"strings"
)

// where translates a *_bool_exp on the rows alias of t to a condition; "" if it always holds.
//
// Members are joined by AND. Whatever is null is left out, as Hasura does in the mode that Prefect's client counts on
// (HASURA_GRAPHQL_V1_BOOLEAN_NULL_COLLAPSE).
func (q *query) where(t *table, alias string, raw json.RawMessage, depth int) (string, error) {
	if isNull(raw) {
		return "", nil
	}
	if depth > 4*maxDepth {
		return "", badInput("the condition is nested more than %d levels deep", 4*maxDepth)
	}
	members, err := decodeObject(raw)
	if err != nil {
		return "", badInput("a condition must be an object, not %s", raw)
	}
	var conditions []string
	for _, m := range members {
		if isNull(m.value) {
			continue
		}
		condition, err := q.condition(t, alias, m, depth+1)
		if err != nil {
			return "", err
		}
		if condition != "" {
			conditions = append(conditions, condition)
		}
	}
	return balanced("AND", conditions), nil
}

// condition translates one member of a *_bool_exp.
func (q *query) condition(t *table, alias string, m member, depth int) (string, error) {
	switch m.name {
	case "_and", "_or":
		return q.combination(t, alias, m, depth)
	case "_not":
		inner, err := q.where(t, alias, m.value, depth)
		if err != nil {
			return "", err
		}
		if inner == "" {
			return "FALSE", nil
		}
		return "NOT (" + inner + ")", nil
	}
	if column, ok := t.columns[m.name]; ok {
		return q.comparisons(column, alias+"."+quoteIdentifier(column.name), m.value)
	}
	relation, ok := t.relations[m.name]
	if !ok {
		return "", badInput("%s has no column or relation %q", t.name, m.name)
	}
	// To one row: it exists and matches. To many: one of them matches.
	target := q.alias()
	inner, err := q.where(relation.target, target, m.value, depth)
	if err != nil {
		return "", err
	}
	if inner != "" {
		inner = " AND " + inner
	}
	return "EXISTS (SELECT 1 FROM " + quoteIdentifier(relation.target.name) + " AS " + target +
		" WHERE " + target + "." + quoteIdentifier(relation.to) + " = " + alias + "." + quoteIdentifier(relation.from) + inner + ")", nil
}

// combination translates _and and _or: without items, the first holds and the second does not.
func (q *query) combination(t *table, alias string, m member, depth int) (string, error) {
	items, err := asList(m.value)
	if err != nil {
		return "", err
	}
	var conditions []string
	for _, item := range items {
		if isNull(item) {
			continue
		}
		condition, err := q.where(t, alias, item, depth)
		if err != nil {
			return "", err
		}
		if condition == "" {
			condition = "TRUE"
		}
		conditions = append(conditions, condition)
	}
	switch {
	case m.name == "_and":
		return balanced("AND", conditions), nil
	case len(conditions) == 0:
		return "FALSE", nil
	default:
		return balanced("OR", conditions), nil
	}
}

// balanced joins conditions in the shape of a flat tree: a chain of a thousand would be too deep for SQLite.
func balanced(operator string, conditions []string) string {
	switch len(conditions) {
	case 0:
		return ""
	case 1:
		return conditions[0]
	}
	middle := len(conditions) / 2
	return "(" + strings.Join([]string{balanced(operator, conditions[:middle]), balanced(operator, conditions[middle:])}, " "+operator+" ") + ")"
}
