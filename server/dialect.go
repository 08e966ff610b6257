package server

// dialect is all that the translation of queries knows about the SQL of a database.
//
// Columns hold the same in both: ids, times and JSON are text. Every method returns an expression; arguments are
// expressions, too, but for those that say otherwise.
type dialect interface {
	// placeholder is the n-th bound value, from 1.
	placeholder(n int) string
	// jsonText is the JSON of a value of a GraphQL scalar, 'null' for NULL. The value of a jsonb column is JSON already
	// and stays as it was stored: numbers of any size and spelling come back as they came in.
	jsonText(scalar, value string) string
	// jsonAt is the JSON at a path, bound as boundPath has it, inside of a JSON value; NULL if there is nothing.
	jsonAt(value, path string) string
	// boundPath is the value to bind for a path: keys are strings, indexes are ints.
	boundPath(steps []any) string
	// jsonArray is an aggregate: the JSON texts of all rows as an array, in the order of the rows.
	jsonArray(text string) string
	// oneForAll is an empty text that makes a selection an aggregate, with one row whatever else is selected.
	oneForAll() string
	// extreme is an aggregate: the smallest ("min") or largest ("max") value of a column.
	extreme(function, scalar, value string) string
	// anyOf holds for a value of a scalar that is in list, a bound JSON array; noneOf for one that is not.
	anyOf(scalar, value, list string) string
	noneOf(scalar, value, list string) string
	// like holds for a text that matches a bound pattern, which boundPattern made of that of the caller, where % is any
	// text, _ any character and \ takes the next character as it is.
	like(value, pattern string, foldCase bool) string
	boundPattern(pattern string, foldCase bool) string
	// matches holds for a text a part of which matches a bound regular expression.
	matches(value, expression string, foldCase bool) string
	// jsonEqual holds for a JSON value that equals a bound one, whatever the order of keys and the spelling of numbers.
	jsonEqual(value, other string) string
	// jsonContains holds for a JSON value that contains another, as PostgreSQL's @> does.
	jsonContains(value, part string) string
	// jsonHasKey holds for a JSON object with a bound key, or an array with that string.
	jsonHasKey(value, key string) string
}

// quoteIdentifier makes a name of a column or table safe where it is a word of SQL, such as trigger.
func quoteIdentifier(name string) string { return `"` + name + `"` }

// unlimited is a LIMIT that an OFFSET without a limit needs in SQLite.
const unlimited = "9223372036854775807"
