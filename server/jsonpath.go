package server

import (
	"strconv"
	"strings"
)

// parsePath translates Hasura's path into a jsonb, such as "$.clocks[0].cron", "clocks[0]" or `$["a key"]`, to one of
// SQLite, where every key is quoted. Keys with a quote or backslash in them are refused.
func parsePath(path string) (string, error) {
	rest := strings.TrimPrefix(path, "$")
	if rest == path && rest != "" && rest[0] != '[' && rest[0] != '.' {
		rest = "." + rest
	}
	translated := "$"
	for rest != "" {
		switch {
		case rest[0] == '.':
			end := strings.IndexAny(rest[1:], ".[") + 1
			if end == 0 {
				end = len(rest)
			}
			if end == 1 || strings.ContainsAny(rest[1:end], `"\`) {
				return "", badInput("%q is not a JSON path", path)
			}
			translated += `."` + rest[1:end] + `"`
			rest = rest[end:]
		case rest[0] == '[':
			inside, after, ok := strings.Cut(rest[1:], "]")
			if !ok {
				return "", badInput("%q is not a JSON path", path)
			}
			if n, err := strconv.Atoi(inside); err == nil && n >= 0 {
				translated += "[" + strconv.Itoa(n) + "]"
			} else if key := strings.Trim(inside, `"'`); len(key) == len(inside)-2 && !strings.ContainsAny(key, `"\`) {
				translated += `."` + key + `"`
			} else {
				return "", badInput("%q is not a JSON path", path)
			}
			rest = after
		default:
			return "", badInput("%q is not a JSON path", path)
		}
	}
	return translated, nil
}
