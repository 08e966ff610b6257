package server

import (
	"encoding/json"
	"math"
	"strconv"
	"strings"
)

// comparisons translates a *_comparison_exp on a column. A column that is NULL satisfies none but _is_null.
func (q *query) comparisons(c *column, value string, raw json.RawMessage) (string, error) {
	members, err := decodeObject(raw)
	if err != nil {
		return "", badInput("a comparison must be an object, not %s", raw)
	}
	var conditions []string
	for _, m := range members {
		if isNull(m.value) {
			continue
		}
		condition, err := q.comparison(c, value, m)
		if err != nil {
			return "", err
		}
		conditions = append(conditions, condition)
	}
	if len(q.args) > maxValues {
		return "", badInput("the query has more than %d values", maxValues)
	}
	return balanced("AND", conditions), nil
}

// comparison translates one operator.
func (q *query) comparison(c *column, value string, m member) (string, error) {
	switch m.name {
	case "_is_null":
		if string(m.value) == "true" {
			return value + " IS NULL", nil
		}
		return value + " IS NOT NULL", nil
	case "_in", "_nin":
		return q.membership(c, value, m)
	case "_has_keys_all", "_has_keys_any":
		return q.hasKeys(value, m)
	case "_has_key":
		return q.hasKeys(value, member{"_has_keys_all", m.value})
	case "_like", "_nlike", "_ilike", "_nilike":
		return q.pattern(value, m)
	case "_regex", "_nregex", "_iregex", "_niregex":
		return q.regex(value, m)
	}
	operand, err := bindable(c, m.value)
	if err != nil {
		return "", err
	}
	bound := q.bind(operand)
	switch m.name {
	case "_eq":
		if c.scalar == "jsonb" {
			return q.dialect.jsonEqual(value, bound), nil
		}
		return value + " = " + bound, nil
	case "_neq":
		if c.scalar == "jsonb" {
			return "NOT " + q.dialect.jsonEqual(value, bound), nil
		}
		return value + " <> " + bound, nil
	case "_gt":
		return value + " > " + bound, nil
	case "_gte":
		return value + " >= " + bound, nil
	case "_lt":
		return value + " < " + bound, nil
	case "_lte":
		return value + " <= " + bound, nil
	case "_contains":
		return q.dialect.jsonContains(value, bound), nil
	case "_contained_in":
		return q.dialect.jsonContains(bound, value), nil
	}
	return "", badInput("%q is not an operator", m.name)
}

// membership translates _in and _nin. The list is one bound value, so the statement does not grow with it.
func (q *query) membership(c *column, value string, m member) (string, error) {
	items, err := asList(m.value)
	if err != nil {
		return "", err
	}
	if len(items) == 0 { // also for a column that is NULL
		return map[string]string{"_in": "FALSE", "_nin": "TRUE"}[m.name], nil
	}
	operands := make([]any, len(items))
	for i, item := range items {
		if operands[i], err = bindable(c, item); err != nil {
			return "", err
		}
	}
	if c.scalar == "jsonb" {
		conditions := make([]string, len(operands))
		for i, operand := range operands {
			conditions[i] = q.dialect.jsonEqual(value, q.bind(operand))
		}
		if m.name == "_nin" {
			return "NOT (" + balanced("OR", conditions) + ")", nil
		}
		return balanced("OR", conditions), nil
	}
	list, err := encodeJSON(operands)
	if err != nil {
		return "", err
	}
	if m.name == "_nin" {
		return q.dialect.noneOf(c.scalar, value, q.bind(string(list))), nil
	}
	return q.dialect.anyOf(c.scalar, value, q.bind(string(list))), nil
}

// hasKeys translates _has_keys_all and _has_keys_any.
func (q *query) hasKeys(value string, m member) (string, error) {
	items, err := asList(m.value)
	if err != nil {
		return "", err
	}
	var conditions []string
	for _, item := range items {
		var key string
		if err := json.Unmarshal(item, &key); err != nil {
			return "", badInput("a key must be a string, not %s", item)
		}
		conditions = append(conditions, q.dialect.jsonHasKey(value, q.bind(key)))
	}
	switch {
	case m.name == "_has_keys_all" && len(conditions) == 0:
		return "TRUE", nil
	case m.name == "_has_keys_all":
		return balanced("AND", conditions), nil
	case len(conditions) == 0:
		return "FALSE", nil
	}
	return balanced("OR", conditions), nil
}

// pattern translates _like and its variants.
func (q *query) pattern(value string, m member) (string, error) {
	const longest = 10_000 // characters; SQLite refuses 50,000
	var text string
	if err := json.Unmarshal(m.value, &text); err != nil {
		return "", badInput("a pattern must be a string, not %s", m.value)
	}
	if len(text) > longest {
		return "", badInput("the pattern is longer than %d characters", longest)
	}
	foldCase := m.name == "_ilike" || m.name == "_nilike"
	condition := q.dialect.like(value, q.bind(q.dialect.boundPattern(text, foldCase)), foldCase)
	if strings.HasPrefix(m.name, "_n") {
		return "NOT (" + condition + ")", nil
	}
	return condition, nil
}

// bindable turns a value that is compared with a column into what the column would hold. The texts of its errors are
// PostgreSQL's, as a caller of Hasura reads them.
func bindable(c *column, raw json.RawMessage) (any, error) {
	if c.scalar == "jsonb" {
		return string(raw), nil
	}
	var value any
	if err := json.Unmarshal(raw, &value); err != nil {
		return nil, badInput("%s is not a value", raw)
	}
	text, isText := value.(string)
	switch c.scalar {
	case "Boolean":
		if value, ok := value.(bool); ok {
			return value, nil
		}
	case "Int":
		n, err := strconv.ParseInt(string(raw), 10, 64)
		if err == nil && n >= math.MinInt32 && n <= math.MaxInt32 {
			return n, nil
		}
		return nil, badInput("value %s is out of range for type integer", raw)
	case "String":
		if isText {
			return text, nil
		}
	case "uuid":
		id, err := parseID(text)
		if !isText || err != nil {
			return nil, badInput("invalid input syntax for type uuid: %s", quoted(raw))
		}
		return id, nil
	case "timestamptz":
		t, err := parseTime(text)
		if !isText || err != nil {
			return nil, badInput("invalid input syntax for type timestamp with time zone: %s", quoted(raw))
		}
		return formatTime(t), nil
	case "interval":
		seconds, err := parseInterval(text)
		if !isText || err != nil {
			return nil, badInput("invalid input syntax for type interval: %s", quoted(raw))
		}
		return seconds, nil
	}
	return nil, badInput("%s is not a value of type %s", raw, c.scalar)
}

// quoted shows a value in an error: in double quotes and not too long.
func quoted(raw json.RawMessage) string {
	const longest = 100
	text := strings.Trim(string(raw), `"`)
	if len(text) > longest {
		text = strings.ToValidUTF8(text[:longest], "") + "…"
	}
	return `"` + text + `"`
}

// parseInterval reads H:MM:SS as seconds.
func parseInterval(text string) (float64, error) {
	parts := strings.Split(text, ":")
	if len(parts) != 3 {
		return 0, strconv.ErrSyntax
	}
	var total float64
	for _, part := range parts {
		n, err := strconv.ParseFloat(part, 64)
		if err != nil || n < 0 || math.IsInf(n, 0) || math.IsNaN(n) {
			return 0, strconv.ErrSyntax
		}
		total = total*60 + n
	}
	return total, nil
}
