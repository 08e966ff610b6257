package schedule

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"gotest.tools/v3/assert"
)

func parse(t *testing.T, raw string) *Schedule {
	t.Helper()
	s, err := Parse(json.RawMessage(raw))
	assert.NilError(t, err)
	return s
}

// times are the times of the next events, without the date, in UTC.
func times(s *Schedule, after string, n int) string {
	at, err := time.Parse(time.RFC3339, after)
	if err != nil {
		panic(err)
	}
	var texts []string
	for _, e := range s.Next(at, n) {
		texts = append(texts, e.Time.Format("15:04"))
	}
	return strings.Join(texts, " ")
}

// What differs from Python, which the recording cannot tell.

func TestAnHourThatIsShownTwiceEnds(t *testing.T) {
	s := parse(t, `{"clocks": [{"type": "CronClock", "cron": "*/15 * * * *",
		"start_date": {"dt": "2022-01-01T00:00:00", "tz": "Europe/Berlin"}}]}`)
	assert.Equal(t, times(s, "2022-10-29T23:20:00Z", 9), "23:30 23:45 01:00 01:15 01:30 01:45 02:00 02:15 02:30")

	s = parse(t, `{"clocks": [{"type": "CronClock", "cron": "* * * * *",
		"start_date": {"dt": "2022-01-01T00:00:00", "tz": "Europe/Berlin"}}]}`)
	at := time.Date(2022, 10, 30, 1, 0, 0, 0, time.UTC)
	for i, e := range s.Next(at.Add(-time.Hour-time.Second), 200) {
		assert.Equal(t, e.Time, at.Add(time.Duration(i)*time.Minute))
	}
}

func TestAClockWithoutMoreTimesLeavesTheOthers(t *testing.T) {
	s := parse(t, `{"clocks": [{"type": "CronClock", "cron": "0 0 30 2 *"}, {"type": "CronClock", "cron": "0 12 * * * 0 2024"},
		{"type": "CronClock", "cron": "0 3 * * *"}]}`)
	assert.Equal(t, times(s, "2024-12-30T00:00:00Z", 6), "03:00 12:00 03:00 12:00 03:00 03:00")

	s = parse(t, `{"clocks": [{"type": "CronClock", "cron": "0 0 31 2 fri#2"}]}`)
	assert.Equal(t, times(s, "2024-12-30T00:00:00Z", 1), "")
}

func TestAFixedOffsetIsATimeZone(t *testing.T) {
	s := parse(t, `{"clocks": [{"type": "CronClock", "cron": "0 9 * * *",
		"start_date": {"dt": "2022-01-01T00:00:00", "tz": "+05:30"}}]}`)
	assert.Equal(t, times(s, "2024-01-01T00:00:00Z", 2), "03:30 03:30")
}

func TestNoEventsAreAskedFor(t *testing.T) {
	s := parse(t, `{"clocks": [{"type": "CronClock", "cron": "@daily"}]}`)
	assert.Equal(t, len(s.Next(time.Now(), 0)), 0)
	assert.Equal(t, len(s.Next(time.Time{}.AddDate(-1, 0, 0), 1)), 0)
}

// A wide list of what is refused is in the recording; these are the words.
func TestErrorsNameTheValue(t *testing.T) {
	clock := func(text string) string {
		return `{"clocks": [{"type": "DatesClock", "dates": [` + day1 + `]}, {` + text + `}]}`
	}
	function := func(text string) string { return `{"clocks": [], "filters": [{` + text + `}]}` }
	for raw, want := range map[string]string{
		``:              "schedule: unexpected end of JSON input",
		`[]`:            "schedule: a JSON object is needed, not a array",
		`null`:          "schedule: clocks are missing",
		`{"clocks": 1}`: "schedule: clocks must not be a JSON number",

		clock(`"type": "Sundial"`):                                                                                   `schedule: clock 2: type "Sundial" is no IntervalClock, CronClock, DatesClock or RRuleClock`,
		clock(`"type": "IntervalClock", "interval": 59999999`):                                                       "schedule: clock 2: interval 59999999 is less than a minute, which is 60000000 microseconds",
		clock(`"type": "IntervalClock", "interval": 6e7`):                                                            `schedule: clock 2: interval "6e7" is no number of microseconds`,
		clock(`"type": "CronClock", "cron": "0 9 * * foo"`):                                                          `schedule: clock 2: cron "0 9 * * foo": field 5: "foo" is no value`,
		clock(`"type": "CronClock", "cron": "61 * * * *"`):                                                           `schedule: clock 2: cron "61 * * * *": field 1: 61 is not in 0 to 59`,
		clock(`"type": "CronClock", "cron": "r * * * *"`):                                                            `schedule: clock 2: cron "r * * * *": field 1: "r": hashed and random values are not supported, every computation would give other times`,
		clock(`"type": "CronClock", "cron": "* * * *"`):                                                              `schedule: clock 2: cron "* * * *": it has 4 fields instead of 5, 6 or 7`,
		clock(`"type": "CronClock"`):                                                                                 "schedule: clock 2: cron is missing",
		clock(`"type": "CronClock", "cron": "@daily", "start_date": {"dt": "2022-01-01", "tz": "Europe/berlin"}`):    `schedule: clock 2: start_date: unknown time zone "Europe/berlin"`,
		clock(`"type": "CronClock", "cron": "@daily", "end_date": {"dt": "soon", "tz": "UTC"}`):                      `schedule: clock 2: end_date: "soon" is no date and time`,
		clock(`"type": "DatesClock", "dates": []`):                                                                   "schedule: clock 2: dates are missing",
		clock(`"type": "DatesClock", "parameter_defaults": [1]`):                                                     "schedule: clock 2: parameter_defaults [1] are no object",
		clock(`"type": "RRuleClock", "rrule_obj": {"type": "rrule", "rr": "RRULE:FREQ=HOURLY;INTERVAL=2;BYHOUR=1"}`): `schedule: clock 2: rrule "RRULE:FREQ=HOURLY;INTERVAL=2;BYHOUR=1": INTERVAL never reaches BYHOUR, BYMINUTE and BYSECOND`,
		clock(`"type": "RRuleClock", "rrule_obj": {"type": "rrule", "rr": "RRULE:FREQ=MONTHLY;BYDAY=+6MO"}`):         `schedule: clock 2: rrule "RRULE:FREQ=MONTHLY;BYDAY=+6MO": BYDAY: no month has a day +6MO`,

		function(`"fn": "prefect.schedules.filters.is_full_moon"`):                                  `schedule: function "prefect.schedules.filters.is_full_moon" is not one of prefect.schedules.filters.*`,
		function(`"fn": "prefect.schedules.filters.on_date", "kwargs": {"month": 1}`):               `schedule: function "prefect.schedules.filters.on_date": argument day is missing`,
		function(`"fn": "prefect.schedules.filters.on_date", "kwargs": {"month": "May", "day": 1}`): `schedule: function "prefect.schedules.filters.on_date": month is "May", not an integer from -1000 to 1000`,
		function(`"fn": "prefect.schedules.filters.at_time", "kwargs": {"t": "09:00:00"}`):          `schedule: function "prefect.schedules.filters.at_time": t is "09:00:00", not a string that begins with //time:`,
		function(`"fn": "prefect.schedules.filters.is_weekday", "kwargs": {"x": 1}`):                `schedule: function "prefect.schedules.filters.is_weekday": takes no argument x`,
	} {
		_, err := Parse(json.RawMessage(raw))
		assert.Check(t, fmt.Sprint(err) == want, "%s\ngot  %v\nwant %s", raw, err, want)
	}
}

const day1 = `{"dt": "2022-01-01T00:00:00", "tz": "UTC"}`
