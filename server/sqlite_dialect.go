package server

import (
	"strconv"
	"strings"
)

// sqliteDialect is SQLite's SQL; jsonfunctions.go has the functions jsonb_… that it calls.
type sqliteDialect struct{}

var _ dialect = sqliteDialect{}

func (sqliteDialect) placeholder(n int) string { return "?" + strconv.Itoa(n) }

func (sqliteDialect) jsonText(scalar, value string) string {
	switch scalar {
	case "Boolean":
		return "CASE " + value + " WHEN 1 THEN 'true' WHEN 0 THEN 'false' ELSE 'null' END"
	case "jsonb":
		return "coalesce(" + value + ", 'null')"
	case "interval":
		return "CASE WHEN " + value + " IS NULL THEN 'null' ELSE printf('\"%02d:%02d:%02d\"', " +
			value + " / 3600, " + value + " / 60 % 60, " + value + " % 60) END"
	default:
		return "json_quote(" + value + ")"
	}
}

func (sqliteDialect) jsonAt(value, path string) string { return "(" + value + " -> " + path + ")" }

func (sqliteDialect) boundPath(steps []any) string {
	var path strings.Builder
	path.WriteByte('$')
	for _, step := range steps {
		switch step := step.(type) {
		case int:
			path.WriteString("[" + strconv.Itoa(step) + "]")
		case string:
			path.WriteString(`."` + step + `"`)
		}
	}
	return path.String()
}

func (sqliteDialect) jsonArray(text string) string {
	return concat([]string{"'['", "coalesce(group_concat(" + text + ", ','), '')", "']'"})
}

func (sqliteDialect) oneForAll() string { return "substr('', count(*))" }

func (sqliteDialect) extreme(function, _, value string) string { return function + "(" + value + ")" }

func (sqliteDialect) anyOf(_, value, list string) string {
	return value + " IN (SELECT value FROM json_each(" + list + "))"
}

func (sqliteDialect) noneOf(_, value, list string) string {
	return value + " NOT IN (SELECT value FROM json_each(" + list + "))"
}

func (sqliteDialect) like(value, pattern string, foldCase bool) string {
	if foldCase {
		return value + ` LIKE ` + pattern + ` ESCAPE '\'`
	}
	return value + " GLOB " + pattern
}

// SQLite's LIKE ignores case, so a pattern that does not becomes one of GLOB.
func (sqliteDialect) boundPattern(pattern string, foldCase bool) string {
	if foldCase {
		return pattern
	}
	var glob strings.Builder
	escaped := false
	for _, r := range pattern {
		switch {
		case !escaped && r == '\\':
			escaped = true
			continue
		case !escaped && r == '%':
			glob.WriteByte('*')
		case !escaped && r == '_':
			glob.WriteByte('?')
		case r == '*' || r == '?' || r == '[':
			glob.WriteString("[" + string(r) + "]")
		default:
			glob.WriteRune(r)
		}
		escaped = false
	}
	return glob.String()
}

func (sqliteDialect) matches(value, expression string, foldCase bool) string {
	if foldCase {
		expression = "'(?i)' || " + expression
	}
	return "text_matches(" + value + ", " + expression + ")"
}

func (sqliteDialect) jsonEqual(value, other string) string {
	return "jsonb_equal(" + value + ", " + other + ")"
}

func (sqliteDialect) jsonContains(value, part string) string {
	return "jsonb_contains(" + value + ", " + part + ")"
}

func (sqliteDialect) jsonHasKey(value, key string) string {
	return "jsonb_has_key(" + value + ", " + key + ")"
}
