package schedule

import (
	"encoding/json"
	"fmt"
	"maps"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"
)

// function is a reference to one of Prefect's filters or adjustments (1.4.1 utilities/serialization.py
// StatefulFunctionReference).
type function struct {
	Name      string                     `json:"fn"`
	Arguments map[string]json.RawMessage `json:"kwargs"`
}

// makeAll makes what the references mean, of which the names are known without their package.
func makeAll[F any](references []function, where string, known map[string]func(*arguments) F) ([]F, error) {
	var made []F
	for _, r := range references {
		name, found := strings.CutPrefix(r.Name, where)
		maker, ok := known[name]
		if !found || !ok {
			return nil, fmt.Errorf("function %q is not one of %s*", r.Name, where)
		}
		a := &arguments{left: maps.Clone(r.Arguments)}
		f := maker(a)
		for _, key := range slices.Sorted(maps.Keys(a.left)) {
			a.fail("takes no argument %s", key)
		}
		if a.err != nil {
			return nil, fmt.Errorf("function %q: %w", r.Name, a.err)
		}
		made = append(made, f)
	}
	return made, nil
}

// arguments are the arguments of a function that have not been read yet, and the first error.
type arguments struct {
	left map[string]json.RawMessage
	err  error
}

// maxInteger is the largest integer that an argument may be, either way.
const maxInteger = 1000

func (a *arguments) fail(format string, args ...any) {
	if a.err == nil {
		a.err = fmt.Errorf(format, args...)
	}
}

func (a *arguments) take(key string) json.RawMessage {
	raw, ok := a.left[key]
	if !ok {
		a.fail("argument %s is missing", key)
	}
	delete(a.left, key)
	return raw
}

func (a *arguments) integer(key string) int64 {
	raw := a.take(key)
	v, err := strconv.ParseFloat(string(raw), 64)
	if a.err == nil && (err != nil || v != math.Trunc(v) || math.Abs(v) > maxInteger) {
		a.fail("%s is %s, not an integer from %d to %d", key, raw, -maxInteger, maxInteger)
	}
	return int64(v)
}

// text takes a string with a prefix that says what it is.
func (a *arguments) text(key, prefix string) string {
	raw := a.take(key)
	var text string
	err := json.Unmarshal(raw, &text)
	text, ok := strings.CutPrefix(text, prefix)
	if a.err == nil && (err != nil || !ok) {
		a.fail("%s is %s, not a string that begins with %s", key, raw, prefix)
	}
	return text
}

func (a *arguments) datetime(key string) moment {
	m, _, err := parseDateTime(a.text(key, "//datetime:"), utc)
	if err != nil {
		a.fail("%s: %w", key, err)
	}
	return m
}

// time is a time of day. As in Python, it must not have an offset.
func (a *arguments) time(key string) int64 {
	text := a.text(key, "//time:")
	for _, layout := range []string{"15:04:05", "15:04"} {
		if t, err := time.Parse(layout, text); err == nil {
			return t.Sub(time.Date(t.Year(), t.Month(), t.Day(), 0, 0, 0, 0, t.Location())).Microseconds()
		}
	}
	a.fail("%s: %q is no time of day", key, text)
	return 0
}

// timedelta is a number of seconds, rounded to microseconds.
func (a *arguments) timedelta(key string) int64 {
	text := a.text(key, "//timedelta:")
	seconds, err := strconv.ParseFloat(text, 64)
	if err != nil || !(math.Abs(seconds) <= float64(maxInterval/second)) {
		a.fail("%s: %q is no number of seconds, or too large", key, text)
		return 0
	}
	whole, fraction := math.Modf(seconds)
	return int64(whole)*second + int64(math.RoundToEven(fraction*1e6))
}
