package server

import (
	"strconv"
	"strings"
)

// postgresDialect is PostgreSQL's SQL.
type postgresDialect struct{}

var _ dialect = postgresDialect{}

func (postgresDialect) placeholder(n int) string { return "$" + strconv.Itoa(n) }

func (postgresDialect) jsonText(scalar, value string) string {
	switch scalar {
	case "jsonb":
		return "coalesce(" + value + ", 'null')"
	case "Boolean", "Int":
		return "coalesce((" + value + ")::text, 'null')"
	case "interval": // make_interval would write days for more than a day
		seconds := "floor(" + value + ")::bigint"
		return "CASE WHEN " + value + " IS NULL THEN 'null' ELSE concat('\"', lpad((" + seconds + " / 3600)::text, greatest(2, length((" +
			seconds + " / 3600)::text)), '0'), ':', lpad((" + seconds + " / 60 % 60)::text, 2, '0'), ':', lpad((" + seconds + " % 60)::text, 2, '0'), '\"') END"
	default:
		return "coalesce(to_json(" + value + ")::text, 'null')"
	}
}

// Type json, other than jsonb, keeps the text as it is.
func (postgresDialect) jsonAt(value, path string) string {
	return "(" + value + "::json #> " + path + "::text[])::text"
}

func (postgresDialect) boundPath(steps []any) string {
	texts := make([]string, len(steps))
	for i, step := range steps {
		switch step := step.(type) {
		case int:
			texts[i] = strconv.Itoa(step)
		case string: // parsePath refuses quotes and backslashes
			texts[i] = `"` + step + `"`
		}
	}
	return "{" + strings.Join(texts, ",") + "}"
}

func (postgresDialect) jsonArray(text string) string {
	return concat([]string{"'['", "coalesce(string_agg(" + text + ", ','), '')", "']'"})
}

func (postgresDialect) oneForAll() string { return "left('', count(*)::int)" }

// There is no min of booleans.
func (postgresDialect) extreme(function, scalar, value string) string {
	if scalar == "Boolean" {
		function = map[string]string{"min": "bool_and", "max": "bool_or"}[function]
	}
	return function + "(" + value + ")"
}

func (d postgresDialect) anyOf(scalar, value, list string) string {
	return value + " = ANY(" + d.array(scalar, list) + ")"
}

func (d postgresDialect) noneOf(scalar, value, list string) string {
	return value + " <> ALL(" + d.array(scalar, list) + ")"
}

// array is a bound JSON array as an array of what a column holds. A subquery as such would be joined, rather than
// looked up in an index.
func (postgresDialect) array(scalar, list string) string {
	cast := map[string]string{"Int": "::int", "Boolean": "::boolean", "interval": "::double precision"}[scalar]
	return "ARRAY(SELECT item" + cast + " FROM json_array_elements_text(" + list + "::text::json) AS item)"
}

func (postgresDialect) like(value, pattern string, foldCase bool) string {
	if foldCase {
		return value + " ILIKE " + pattern
	}
	return value + " LIKE " + pattern
}

func (postgresDialect) boundPattern(pattern string, _ bool) string { return pattern }

func (postgresDialect) matches(value, expression string, foldCase bool) string {
	if foldCase {
		return value + " ~* " + expression
	}
	return value + " ~ " + expression
}

func (postgresDialect) jsonEqual(value, other string) string {
	return "(" + value + "::jsonb = " + other + "::text::jsonb)"
}

func (postgresDialect) jsonContains(value, part string) string {
	return "(" + value + "::text::jsonb @> " + part + "::text::jsonb)"
}

func (postgresDialect) jsonHasKey(value, key string) string {
	return "jsonb_exists(" + value + "::jsonb, " + key + ")"
}
