package schedule

import (
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
)

// No Go library reads what croniter reads (ranges over the end of the week or year, L, W, #, seconds at the end, years),
// nor does any behave as it does when clocks change; so this file and cron_search.go are our own. They follow croniter 7.0,
// and the test beside Python decides.

// The fields of an expression, in its order.
const (
	minuteField = iota
	hourField
	dayField
	monthField
	weekdayField
	secondField
	yearField
)

// cronBounds are the least and the greatest value of each field, and how many values mean all.
var cronBounds = [...]struct{ low, high, all int }{
	{0, 59, 60}, {0, 23, 24}, {1, 31, 31}, {1, 12, 12}, {0, 6, 7}, {0, 59, 60}, {1970, 2099, 130},
}

var cronAliases = map[string]string{
	"@midnight": "0 0 * * *",
	"@hourly":   "0 * * * *",
	"@daily":    "0 0 * * *",
	"@weekly":   "0 0 * * 0",
	"@monthly":  "0 0 1 * *",
	"@yearly":   "0 0 1 1 *",
	"@annually": "0 0 1 1 *",
}

var (
	monthNames   = []string{"jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"}
	weekdayNames = []string{"sun", "mon", "tue", "wed", "thu", "fri", "sat"}
)

// cronField holds the values that a field allows.
type cronField struct {
	values []int // ascending
	any    bool  // every value: *
	last   bool  // the last day of the month: L
}

// lastWeek stands for the last week of a month, in "the last Friday".
const lastWeek = 6

// nthWeekday is a weekday of a week of the month, such as the second Friday: 5#2.
type nthWeekday struct{ weekday, week int }

// cronExpression is a cron expression that has been read.
type cronExpression struct {
	fields  []cronField  // 5, 6 with seconds, 7 with years
	nth     []nthWeekday // if any, the only weekdays that are allowed
	nearest []int        // days, of which the nearest working days are the only ones allowed: W
}

// parseCron reads a cron expression (croniter 7.0 croniter._expand). The error says what is wrong, without the expression.
func parseCron(text string) (*cronExpression, error) {
	text = strings.ToLower(text)
	if expression, ok := cronAliases[text]; ok {
		text = expression
	}
	texts := strings.FieldsFunc(text, func(r rune) bool { return strings.ContainsRune(" \t\n\r\f\v", r) })
	if len(texts) < 5 || len(texts) > 7 {
		return nil, fmt.Errorf("it has %d fields instead of 5, 6 or 7", len(texts))
	}
	c := &cronExpression{}
	for i, text := range texts {
		field, err := c.parseField(i, text)
		if err != nil {
			return nil, fmt.Errorf("field %d: %w", i+1, err)
		}
		// All days spelled out are not *, which would change what the other field of days means.
		all := len(field.values)+count(field.any, field.last) == cronBounds[i].all
		if all && (i != dayField || strings.Contains(texts[weekdayField], "*")) &&
			(i != weekdayField || strings.Contains(texts[dayField], "*")) {
			field.any = true
			field.values = nil
		}
		c.fields = append(c.fields, field)
	}
	weekdays := c.fields[weekdayField]
	for _, v := range weekdays.values {
		named := func(n nthWeekday) bool { return n.weekday == v }
		if len(c.nth) > 0 && len(weekdays.values)+count(weekdays.any) != 7 && !slices.ContainsFunc(c.nth, named) {
			return nil, fmt.Errorf("weekdays with and without # cannot be mixed")
		}
	}
	return c, nil
}

func count(conditions ...bool) (n int) {
	for _, c := range conditions {
		if c {
			n++
		}
	}
	return n
}

var (
	hashedField    = regexp.MustCompile(`^[hr](\(\d+-\d+\))?(/\d+)?$`)
	nearestWeekday = regexp.MustCompile(`^(?:(\d+)w|w(\d+))$`)
	weekdayOfWeek  = regexp.MustCompile(`^([a-z]{3}-[a-z]{3}|\w+)#(\d+)$`)
	lastWeekday    = regexp.MustCompile(`^l(\d+)$`)
	startWithStep  = regexp.MustCompile(`^(.+)/(.+)$`)
	rangeWithStep  = regexp.MustCompile(`^([^-]+)-([^-/]+)(?:/(\d+))?$`)
	digits         = regexp.MustCompile(`^\d+$`)
)

func (c *cronExpression) parseField(i int, text string) (cronField, error) {
	var field cronField
	if hashedField.MatchString(text) {
		return field, fmt.Errorf("%q: hashed and random values are not supported, every computation would give other times", text)
	}
	if text == "?" && (i == dayField || i == weekdayField) {
		text = "*"
	}
	terms := strings.Split(text, ",")
	for _, term := range terms {
		if m := nearestWeekday.FindStringSubmatch(term); i == dayField && m != nil {
			d := number(m[1] + m[2])
			if len(terms) > 1 || d < 1 || d > 31 {
				return field, fmt.Errorf("%q: W takes one day from 1 to 31, and nothing beside it", text)
			}
			c.nearest = append(c.nearest, d)
			field.values = append(field.values, d)
			continue
		}
		week := 0
		if m := weekdayOfWeek.FindStringSubmatch(term); i == weekdayField && m != nil {
			if week = number(m[2]); week < 1 || week > 5 {
				return field, fmt.Errorf("%q: # takes a week from 1 to 5", term)
			}
			term = m[1]
		} else if m := lastWeekday.FindStringSubmatch(term); i == weekdayField && m != nil {
			week, term = lastWeek, m[1]
		}
		values, err := parseTerm(i, term, &field)
		if err != nil {
			return field, err
		}
		for _, v := range values {
			if v < cronBounds[i].low || v > cronBounds[i].high {
				return field, fmt.Errorf("%d is not in %d to %d", v, cronBounds[i].low, cronBounds[i].high)
			}
			field.values = append(field.values, v)
			if week > 0 {
				c.nth = append(c.nth, nthWeekday{v, week})
			}
		}
	}
	slices.Sort(field.values)
	field.values = slices.Compact(field.values)
	return field, nil
}

// parseTerm reads what stands between two commas: a value, a range, or a start with a step. What is no number it notes in
// the field.
func parseTerm(i int, term string, field *cronField) ([]int, error) {
	bounds := cronBounds[i]
	text := term
	if step, ok := strings.CutPrefix(term, "*/"); ok {
		text = fmt.Sprintf("%d-%d/%s", bounds.low, bounds.high, step)
	}
	m := rangeWithStep.FindStringSubmatch(text)
	openEnded := false
	if m == nil {
		if s := startWithStep.FindStringSubmatch(term); s != nil {
			m = rangeWithStep.FindStringSubmatch(fmt.Sprintf("%s-%d/%s", s[1], bounds.high, s[2]))
			openEnded = m != nil
		}
	}
	if m == nil {
		switch {
		case text == "*":
			field.any = true
			return nil, nil
		case text == "l" && i == dayField:
			field.last = true
			return nil, nil
		}
		v, err := value(i, text)
		return []int{v}, err
	}

	if m[2] == "l" && i == dayField {
		m[2] = "31"
	}
	low, err := value(i, m[1])
	if err != nil {
		return nil, err
	}
	high, err := value(i, m[2])
	if err != nil {
		return nil, err
	}
	step := 1
	if m[3] != "" {
		step = number(m[3])
	}
	if step == 0 || max(low, high) > bounds.high {
		return nil, fmt.Errorf("%q is not in %d to %d, or has no step", term, bounds.low, bounds.high)
	}
	switch {
	case low == high && openEnded: // 59/15 is 59
		return []int{low}, nil
	case low == high: // mon-mon is the whole week
		low, high = bounds.low, bounds.high
	}
	if low < high {
		return steps(low, high, step), nil
	}
	// A range over the end of the week or year goes on with the same steps.
	values := steps(low, bounds.high, step)
	skipped := bounds.high - values[len(values)-1]
	reached := values[len(values)-1] - bounds.low
	if reached+step > bounds.high-bounds.low+1 && skipped < step {
		return append(values, steps(bounds.low+step-skipped, high, step)...), nil
	}
	return append(values, steps(bounds.low, high, step)...), nil
}

func steps(low, high, step int) (values []int) {
	for v := low; v <= high; v += step {
		values = append(values, v)
	}
	return values
}

// value reads a number or a name of field i; 7 is Sunday.
func value(i int, text string) (int, error) {
	if digits.MatchString(text) {
		v := number(text)
		if i == weekdayField && v == 7 {
			v = 0
		}
		return v, nil
	}
	switch i {
	case monthField:
		if n := slices.Index(monthNames, text); n >= 0 {
			return n + 1, nil
		}
	case weekdayField:
		if n := slices.Index(weekdayNames, text); n >= 0 {
			return n, nil
		}
	}
	return 0, fmt.Errorf("%q is no value", text)
}

// number reads digits; what is too large for any field remains so.
func number(text string) int {
	n, err := strconv.Atoi(text)
	if err != nil || n > 1<<30 {
		return 1 << 30
	}
	return n
}

// daysOf is the number of days of t's month.
func daysOf(t time.Time) int { return time.Date(t.Year(), t.Month()+1, 0, 0, 0, 0, 0, time.UTC).Day() }
