package server

import (
	"strconv"
	"strings"
)

// parsePath reads Hasura's path into a jsonb, such as "$.clocks[0].cron", "clocks[0]" or `$["a key"]`: keys as strings,
// indexes as ints. Keys with a quote or backslash in them are refused.
func parsePath(path string) ([]any, error) {
	rest := strings.TrimPrefix(path, "$")
	if rest == path && rest != "" && rest[0] != '[' && rest[0] != '.' {
		rest = "." + rest
	}
	steps := []any{}
	for rest != "" {
		switch {
		case rest[0] == '.':
			end := strings.IndexAny(rest[1:], ".[") + 1
			if end == 0 {
				end = len(rest)
			}
			if end == 1 || strings.ContainsAny(rest[1:end], `"\`) {
				return nil, badInput("%q is not a JSON path", path)
			}
			steps = append(steps, rest[1:end])
			rest = rest[end:]
		case rest[0] == '[':
			inside, after, ok := strings.Cut(rest[1:], "]")
			if !ok {
				return nil, badInput("%q is not a JSON path", path)
			}
			if n, err := strconv.Atoi(inside); err == nil && n >= 0 {
				steps = append(steps, n)
			} else if key := strings.Trim(inside, `"'`); len(key) == len(inside)-2 && !strings.ContainsAny(key, `"\`) {
				steps = append(steps, key)
			} else {
				return nil, badInput("%q is not a JSON path", path)
			}
			rest = after
		default:
			return nil, badInput("%q is not a JSON path", path)
		}
	}
	return steps, nil
}
