package stub

import (
	"cmp"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"time"
)

// matches evaluates a filter as Hasura does. A column or an operator that the stub does not have is an
// error, so that nobody takes the lack of it for an answer.
func matches(where, document map[string]any) (bool, error) {
	for name, condition := range where {
		ok, err := matchesOne(name, condition, document)
		if err != nil || !ok {
			return false, err
		}
	}
	return true, nil
}

func matchesOne(name string, condition any, document map[string]any) (bool, error) {
	switch name {
	case "_and", "_or":
		list, _ := condition.([]any)
		for _, element := range list {
			where, _ := element.(map[string]any)
			ok, err := matches(where, document)
			if err != nil || ok == (name == "_or") {
				return ok, err
			}
		}
		return name == "_and", nil
	case "_not":
		where, _ := condition.(map[string]any)
		ok, err := matches(where, document)
		return !ok && err == nil, err
	}
	column, there := document[name]
	if !there {
		return false, fmt.Errorf("the stub has no column %s", name)
	}
	inner, _ := condition.(map[string]any)
	switch column := column.(type) {
	case []string:
		return false, fmt.Errorf("the stub has no filter by %s", name)
	case []any: // of a relation, one row must match
		for _, row := range column {
			ok, err := matches(inner, row.(map[string]any))
			if err != nil || ok {
				return ok, err
			}
		}
		return false, nil
	case map[string]any:
		return matches(inner, column)
	}
	for operator, operand := range inner {
		ok, err := compare(operator, column, operand)
		if err != nil || !ok {
			return false, err
		}
	}
	return true, nil
}

// compare applies an operator; null compares as false.
func compare(operator string, column, operand any) (bool, error) {
	switch operator {
	case "_is_null":
		return operand == (column == nil), nil
	case "_in", "_nin":
		list, _ := operand.([]any)
		return column != nil && slices.Contains(list, column) == (operator == "_in"), nil
	case "_like":
		text, ok1 := column.(string)
		pattern, ok2 := operand.(string)
		return ok1 && ok2 && like(pattern).MatchString(text), nil
	}
	order, known := ordered(column, operand)
	switch operator {
	case "_eq":
		return known && order == 0, nil
	case "_neq":
		return known && order != 0, nil
	case "_lt":
		return known && order < 0, nil
	case "_lte":
		return known && order <= 0, nil
	case "_gt":
		return known && order > 0, nil
	case "_gte":
		return known && order >= 0, nil
	}
	return false, fmt.Errorf("the stub has no operator %s", operator)
}

// like is a pattern in which % stands for any text and _ for a character.
func like(pattern string) *regexp.Regexp {
	expression := strings.NewReplacer("%", "(?s:.*)", "_", "(?s:.)").Replace(regexp.QuoteMeta(pattern))
	return regexp.MustCompile("^" + expression + "$")
}

// ordered compares numbers, times and text.
func ordered(x, y any) (order int, known bool) {
	if m, ok := x.(float64); ok {
		n, ok := y.(float64)
		return cmp.Compare(m, n), ok
	}
	text, ok1 := x.(string)
	other, ok2 := y.(string)
	if !ok1 || !ok2 {
		return 0, false
	}
	t, err1 := time.Parse(time.RFC3339, text)
	u, err2 := time.Parse(time.RFC3339, other)
	if err1 == nil && err2 == nil {
		return t.Compare(u), true
	}
	return strings.Compare(text, other), true
}
