package server

import (
	"strconv"
	"strings"
)

// The functions of this file are all that the translation of queries knows about the SQL of its database; those of
// jsonfunctions.go are called by the SQL that they make.

// placeholder is the n-th bound value, from 1.
func placeholder(n int) string { return "?" + strconv.Itoa(n) }

// quoteIdentifier makes a name of a column or table safe where it is a word of SQL, such as trigger.
func quoteIdentifier(name string) string { return `"` + name + `"` }

// quoteText is a constant text.
func quoteText(text string) string { return "'" + strings.ReplaceAll(text, "'", "''") + "'" }

// jsonText is the JSON of a value, "null" for NULL. The value of a jsonb column is JSON already and stays as it was
// stored: numbers of any size and spelling come back as they came in.
func jsonText(scalar, value string) string {
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

// jsonAt is the JSON at a path, in SQLite's spelling, inside of a JSON value; NULL if there is nothing.
func jsonAt(value, path string) string { return "(" + value + " -> " + path + ")" }

// concat joins texts.
func concat(terms []string) string {
	const most = 90 // arguments of a function
	for len(terms) > most {
		var joined []string
		for len(terms) > 0 {
			n := min(most, len(terms))
			joined = append(joined, concat(terms[:n]))
			terms = terms[n:]
		}
		terms = joined
	}
	if len(terms) == 1 {
		return terms[0]
	}
	return "concat(" + strings.Join(terms, ", ") + ")"
}

// jsonArray is an aggregate: the JSON texts of all rows as an array, in the order of the rows.
func jsonArray(text string) string {
	return concat([]string{"'['", "coalesce(group_concat(" + text + ", ','), '')", "']'"})
}

// oneForAll is an empty text that makes a selection an aggregate, with one row whatever else is selected.
const oneForAll = "substr('', count(*))"

// anyOf holds for a value that is in list, a bound JSON array.
func anyOf(value, list string) string {
	return value + " IN (SELECT value FROM json_each(" + list + "))"
}

// noneOf holds for a value that is not in list, a bound JSON array.
func noneOf(value, list string) string {
	return value + " NOT IN (SELECT value FROM json_each(" + list + "))"
}

// like holds for a text that matches a bound pattern, which boundPattern made from that of the caller.
func like(value, pattern string, foldCase bool) string {
	if foldCase {
		return value + ` LIKE ` + pattern + ` ESCAPE '\'`
	}
	return value + " GLOB " + pattern
}

// boundPattern translates a LIKE pattern, where % is any text, _ any character and \ takes the next character as it
// is. SQLite's LIKE ignores case, so one that does not becomes a GLOB pattern.
func boundPattern(pattern string, foldCase bool) string {
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

// jsonEqual holds for a JSON value that equals a bound one, whatever the order of keys and the spelling of numbers.
func jsonEqual(value, other string) string { return "jsonb_equal(" + value + ", " + other + ")" }

// jsonContains holds for a JSON value that contains another, as PostgreSQL's @> does.
func jsonContains(value, part string) string { return "jsonb_contains(" + value + ", " + part + ")" }

// jsonHasKey holds for a JSON object with a bound key, or an array with that string.
func jsonHasKey(value, key string) string { return "jsonb_has_key(" + value + ", " + key + ")" }
