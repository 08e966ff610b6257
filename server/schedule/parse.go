package schedule

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
)

const (
	// minInterval is the shortest interval that Prefect serialises (1.4.1 serialization/schedule.py).
	minInterval = minute
	// maxInterval is longer than all years that Python knows.
	maxInterval = 20_000 * 366 * day
)

// isNull reports whether a value is missing or null.
func isNull(raw json.RawMessage) bool {
	return len(raw) == 0 || string(bytes.TrimSpace(raw)) == "null"
}

// Parse reads the schedule of a flow, as ScheduleSchema of Prefect 1.4.1 serialises it, or that of a flow group, in which
// lists other than clocks may be missing. Keys that it does not know it ignores. The error is one line that names the
// value that is wrong.
func Parse(raw json.RawMessage) (*Schedule, error) {
	var doc struct {
		Clocks      []json.RawMessage `json:"clocks"`
		Filters     []function        `json:"filters"`
		OrFilters   []function        `json:"or_filters"`
		NotFilters  []function        `json:"not_filters"`
		Adjustments []function        `json:"adjustments"`
	}
	if err := decode(raw, &doc); err != nil {
		return nil, fmt.Errorf("schedule: %w", err)
	}
	if doc.Clocks == nil {
		return nil, errors.New("schedule: clocks are missing")
	}
	s := &Schedule{}
	for i, raw := range doc.Clocks {
		c, err := parseClock(raw)
		if err != nil {
			return nil, fmt.Errorf("schedule: clock %d: %w", i+1, err)
		}
		s.clocks = append(s.clocks, c)
	}
	var errs [4]error
	s.filters, errs[0] = makeAll(doc.Filters, "prefect.schedules.filters.", filters)
	s.orFilters, errs[1] = makeAll(doc.OrFilters, "prefect.schedules.filters.", filters)
	s.notFilters, errs[2] = makeAll(doc.NotFilters, "prefect.schedules.filters.", filters)
	s.adjustments, errs[3] = makeAll(doc.Adjustments, "prefect.schedules.adjustments.", adjustments)
	for _, err := range errs {
		if err != nil {
			return nil, fmt.Errorf("schedule: %w", err)
		}
	}
	return s, nil
}

// decode reads JSON. Its errors do not name Go types.
func decode(raw json.RawMessage, target any) error {
	err := json.Unmarshal(raw, target)
	var wrong *json.UnmarshalTypeError
	if errors.As(err, &wrong) && wrong.Field != "" {
		return fmt.Errorf("%s must not be a JSON %s", wrong.Field, wrong.Value)
	} else if errors.As(err, &wrong) {
		return fmt.Errorf("a JSON object is needed, not a %s", wrong.Value)
	}
	return err
}

// clockDoc has what the clocks have in common, and their parts.
type clockDoc struct {
	Type       string          `json:"type"`
	Start      *date           `json:"start_date"`
	End        *date           `json:"end_date"`
	Parameters json.RawMessage `json:"parameter_defaults"`
	Labels     []string        `json:"labels"`

	Interval json.Number     `json:"interval"`
	Cron     *string         `json:"cron"`
	DayOr    *bool           `json:"day_or"`
	Dates    []date          `json:"dates"`
	RRule    json.RawMessage `json:"rrule_obj"`
}

func parseClock(raw json.RawMessage) (*clock, error) {
	var doc clockDoc
	if err := decode(raw, &doc); err != nil {
		return nil, err
	}
	c := &clock{labels: doc.Labels}
	if err := c.setParameters(doc.Parameters); err != nil {
		return nil, err
	}
	start, err := doc.Start.moment("start_date")
	if err != nil {
		return nil, err
	}
	end, err := doc.End.moment("end_date")
	if err != nil {
		return nil, err
	}
	switch doc.Type {
	case "IntervalClock":
		c.ticker, err = parseInterval(doc.Interval, start, end)
	case "CronClock":
		if doc.Cron == nil {
			return nil, errors.New("cron is missing")
		}
		expression, wrong := parseCron(*doc.Cron)
		if wrong != nil {
			return nil, fmt.Errorf("cron %q: %w", *doc.Cron, wrong)
		}
		c.ticker = cronClock{expression, doc.DayOr == nil || *doc.DayOr, start, end}
	case "DatesClock":
		c.ticker, err = parseDates(doc.Dates)
	case "RRuleClock":
		c.ticker, err = parseRRuleClock(doc.RRule, start, end)
	default:
		return nil, fmt.Errorf("type %q is no IntervalClock, CronClock, DatesClock or RRuleClock", doc.Type)
	}
	return c, err
}

func parseInterval(interval json.Number, start, end *moment) (ticker, error) {
	microseconds, err := strconv.ParseInt(interval.String(), 10, 64)
	if err != nil && !errors.Is(err, strconv.ErrRange) {
		return nil, fmt.Errorf("interval %q is no number of microseconds", interval)
	}
	if microseconds < minInterval {
		return nil, fmt.Errorf("interval %s is less than a minute, which is %d microseconds", interval, minInterval)
	}
	c := intervalClock{min(microseconds, maxInterval), defaultStart, end}
	if start != nil {
		c.start = *start
	}
	return c, nil
}

func parseDates(dates []date) (ticker, error) {
	if len(dates) == 0 {
		return nil, errors.New("dates are missing")
	}
	var moments []moment
	for _, d := range dates {
		m, err := d.moment("dates")
		if err != nil {
			return nil, err
		}
		moments = append(moments, *m)
	}
	return newDatesClock(moments), nil
}

// setParameters keeps the parameters of the events, and what makes two clocks give equal ones: equal parameters and
// labels. Python takes no parameters for none.
func (c *clock) setParameters(raw json.RawMessage) error {
	identity := struct {
		Parameters map[string]any
		Labels     []string
	}{map[string]any{}, c.labels}
	if !isNull(raw) {
		d := json.NewDecoder(bytes.NewReader(raw))
		d.UseNumber()
		if err := d.Decode(&identity.Parameters); err != nil {
			return fmt.Errorf("parameter_defaults %s are no object", raw)
		}
	}
	if len(identity.Parameters) > 0 {
		c.parameters = slices.Clone(raw)
	}
	canonical, err := json.Marshal(identity)
	c.identity = string(canonical)
	return err
}

// date is a wall clock and the name of its zone (1.4.1 utilities/serialization.py DateTimeTZ).
type date struct {
	Time string `json:"dt"`
	Zone string `json:"tz"`
}

func (d *date) moment(key string) (*moment, error) {
	if d == nil {
		return nil, nil
	}
	z, err := zoneNamed(d.Zone)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", key, err)
	}
	m, _, err := parseDateTime(d.Time, z)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", key, err)
	}
	return &m, nil
}

// parseDateTime reads a date and time in ISO 8601. Without an offset of its own it is read in zone, and naive.
func parseDateTime(text string, z *zone) (m moment, naive bool, err error) {
	for _, layout := range []string{"2006-01-02T15:04:05Z07:00", "2006-01-02T15:04:05", "2006-01-02T15:04", time.DateOnly} {
		t, err := time.Parse(layout, strings.Replace(text, " ", "T", 1))
		if err != nil || t.Year() < 1 {
			continue
		}
		wall := time.Date(t.Year(), t.Month(), t.Day(), t.Hour(), t.Minute(), t.Second(), t.Nanosecond(), time.UTC)
		naive = !strings.HasSuffix(layout, "Z07:00")
		switch _, offset := t.Zone(); {
		case strings.HasSuffix(text, "Z"):
			z = utc
		case !naive:
			z = fixedZone(offset)
		}
		return z.at(wall.UnixMicro()), naive, nil
	}
	return m, false, fmt.Errorf("%q is no date and time", text)
}
