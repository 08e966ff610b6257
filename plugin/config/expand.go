package config

import (
	"fmt"
	"os"
	"regexp"
	"strings"
)

// environment answers what variables and ~ mean.
type environment struct {
	vars map[string]string
	home func(user string) (string, bool)
}

func newEnvironment(src Source) environment {
	env := environment{vars: map[string]string{}, home: src.HomeDir}
	for _, entry := range src.Environ {
		key, value, ok := strings.Cut(entry, "=")
		if _, seen := env.vars[key]; ok && !seen {
			env.vars[key] = value
		}
	}
	return env
}

func (e environment) lookup(key string) (string, bool) {
	value, ok := e.vars[key]
	return value, ok
}

const (
	maxRounds   = 10      // of expansion (1.4.1 configuration.py)
	maxExpanded = 1 << 20 // bytes: variables that name each other grow without end
)

// expand replaces $VAR, ${VAR} and a leading ~ or ~user until nothing changes. Variables that are not
// set stay as written.
func (e environment) expand(text string) (string, error) {
	for range maxRounds {
		expanded := e.expandUser(e.expandVars(text))
		if expanded == text {
			return text, nil
		}
		if len(expanded) > maxExpanded {
			break
		}
		text = expanded
	}
	return "", fmt.Errorf("the environment variables in it name each other without end")
}

var variable = regexp.MustCompile(`\$(\w+|\{[^}]*\})`)

func (e environment) expandVars(text string) string {
	size := 0
	return variable.ReplaceAllStringFunc(text, func(match string) string {
		name := match[1:]
		if inner, ok := strings.CutPrefix(name, "{"); ok {
			name = strings.TrimSuffix(inner, "}")
		}
		value, ok := e.lookup(name)
		if !ok || size > maxExpanded {
			return match
		}
		size += len(value)
		return value
	})
}

func (e environment) expandUser(text string) string {
	if !strings.HasPrefix(text, "~") {
		return text
	}
	end := strings.IndexFunc(text, func(r rune) bool { return r < 0x80 && os.IsPathSeparator(byte(r)) })
	if end < 0 {
		end = len(text)
	}
	dir, ok := e.home(text[1:end])
	if !ok {
		return text
	}
	if text = strings.TrimRight(dir, "/") + text[end:]; text == "" {
		return "/"
	}
	return text
}
