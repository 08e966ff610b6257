package server

import (
	"encoding/json"
)

// order translates order_by to terms of ORDER BY. The keys of an object count in the order in which they were
// written; so does a variable, which is why variables are kept as JSON.
func (q *query) order(t *table, alias string, raw json.RawMessage) ([]string, error) {
	items, err := asList(raw)
	if err != nil {
		return nil, err
	}
	var terms []string
	for _, item := range items {
		if terms, err = q.orderTerms(terms, t, alias, item, func(value string) string { return value }, 0); err != nil {
			return nil, err
		}
	}
	if len(terms) > maxOrderings {
		return nil, badInput("order_by has more than %d members", maxOrderings)
	}
	return terms, nil
}

// orderTerms adds the terms of one object. within makes a value of the table t one of the rows that are ordered.
func (q *query) orderTerms(terms []string, t *table, alias string, raw json.RawMessage, within func(string) string, depth int) ([]string, error) {
	if isNull(raw) {
		return terms, nil
	}
	if depth > maxDepth {
		return nil, badInput("order_by is nested more than %d levels deep", maxDepth)
	}
	members, err := decodeObject(raw)
	if err != nil {
		return nil, badInput("order_by must be an object, not %s", raw)
	}
	for _, m := range members {
		if isNull(m.value) {
			continue
		}
		if column, ok := t.columns[m.name]; ok {
			direction, err := direction(m.value, column.required && depth == 0)
			if err != nil {
				return nil, err
			}
			terms = append(terms, within(alias+"."+quoteIdentifier(column.name))+direction)
			continue
		}
		relation, add := t.relations[m.name], q.orderTerms
		if relation == nil {
			relation, add = t.relations[aggregated(m.name)], q.orderFigures
		}
		if relation == nil {
			return nil, badInput("%s has no column or relation %q", t.name, m.name)
		}
		target := q.alias()
		inner := func(value string) string {
			return within("(SELECT " + value + " FROM " + quoteIdentifier(relation.target.name) + " AS " + target +
				" WHERE " + target + "." + quoteIdentifier(relation.to) + " = " + alias + "." + quoteIdentifier(relation.from) + ")")
		}
		if terms, err = add(terms, relation.target, target, m.value, inner, depth+1); err != nil {
			return nil, err
		}
	}
	return terms, nil
}

// orderFigures adds the terms of an object such as {count: desc, max: {created: asc}}, which is about all rows that a
// relation leads to.
func (q *query) orderFigures(terms []string, t *table, alias string, raw json.RawMessage, within func(string) string, _ int) ([]string, error) {
	members, err := decodeObject(raw)
	if err != nil {
		return nil, badInput("order_by must be an object, not %s", raw)
	}
	add := func(value string, wanted json.RawMessage) error {
		direction, err := direction(wanted, false)
		terms = append(terms, within(value)+direction)
		return err
	}
	for _, m := range members {
		switch {
		case isNull(m.value):
			continue
		case m.name == "count":
			if err := add("count(*)", m.value); err != nil {
				return nil, err
			}
			continue
		}
		columns, err := decodeObject(m.value)
		if err != nil {
			return nil, badInput("%s of order_by must be an object, not %s", m.name, m.value)
		}
		for _, c := range columns {
			column := t.columns[c.name]
			if column == nil {
				return nil, badInput("%s has no column %q", t.name, c.name)
			}
			if isNull(c.value) {
				continue
			}
			_, value := q.figure(m.name, column, alias)
			if err := add(value, c.value); err != nil {
				return nil, err
			}
		}
	}
	return terms, nil
}

// direction translates a value of the enum order_by. Nulls are where PostgreSQL puts them: they count as largest.
func direction(raw json.RawMessage, neverNull bool) (string, error) {
	var name string
	if err := json.Unmarshal(raw, &name); err != nil {
		return "", badInput("%s is not a direction", raw)
	}
	directions := map[string][2]string{
		"asc":              {" ASC", " NULLS LAST"},
		"asc_nulls_first":  {" ASC", " NULLS FIRST"},
		"asc_nulls_last":   {" ASC", " NULLS LAST"},
		"desc":             {" DESC", " NULLS FIRST"},
		"desc_nulls_first": {" DESC", " NULLS FIRST"},
		"desc_nulls_last":  {" DESC", " NULLS LAST"},
	}
	parts, ok := directions[name]
	if !ok {
		return "", badInput("%q is not a direction", name)
	}
	if neverNull { // an index serves it then
		return parts[0], nil
	}
	return parts[0] + parts[1], nil
}
