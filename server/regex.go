package server

import (
	"encoding/json"
	"regexp"
	"strings"

	lru "github.com/hashicorp/golang-lru/v2"
)

// regex translates _regex and its variants. An expression has to be one of Go and, there, of PostgreSQL: what people
// write is both.
func (q *query) regex(value string, m member) (string, error) {
	const longest = 1000
	var text string
	if err := json.Unmarshal(m.value, &text); err != nil {
		return "", badInput("a regular expression must be a string, not %s", m.value)
	}
	if len(text) > longest {
		return "", badInput("the regular expression is longer than %d characters", longest)
	}
	if _, err := regexp.Compile(text); err != nil {
		return "", badInput("invalid regular expression: %s", strings.TrimPrefix(err.Error(), "error parsing regexp: "))
	}
	condition := q.dialect.matches(value, q.bind(text), strings.HasSuffix(m.name, "iregex"))
	if strings.HasPrefix(m.name, "_n") {
		return "NOT (" + condition + ")", nil
	}
	return condition, nil
}

// textMatcher makes SQLite's function text_matches, which is called for every row and therefore keeps the expressions
// that it has compiled.
func textMatcher() (func(text, expression string) bool, error) {
	const size = 64
	compiled, err := lru.New[string, *regexp.Regexp](size)
	return func(text, expression string) bool {
		found, ok := compiled.Get(expression)
		if !ok {
			var err error
			if found, err = regexp.Compile(expression); err != nil {
				return false
			}
			compiled.Add(expression, found)
		}
		return found.MatchString(text)
	}, err
}
