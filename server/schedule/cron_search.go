package schedule

import (
	"slices"
	"time"
)

// maxCronYears is how far croniter looks for the next time.
const maxCronYears = 50

// next finds the first minute after t that the expression names, or the first second if it has seconds, on a wall clock that
// is never changed.
func (c *cronExpression) next(t time.Time) (time.Time, bool) {
	if len(c.fields) > secondField {
		t = t.Add(time.Second).Truncate(time.Second)
	} else {
		t = t.Add(time.Minute).Truncate(time.Minute)
	}
	for until := t.Year() + maxCronYears; t.Year() <= until; {
		moved, ok := c.advance(t)
		if !ok {
			return t, false
		}
		if moved.Equal(t) {
			return t, true
		}
		t = moved
	}
	return t, false
}

// advance moves t to the next value of the first field, from years down to seconds, that does not allow it. It answers t
// itself if all fields allow it, and false if there are no more years.
func (c *cronExpression) advance(t time.Time) (time.Time, bool) {
	year, month, day := t.Date()
	hour, minute, second := t.Clock()
	date := func(month, day, hour, minute, second int) (time.Time, bool) {
		return time.Date(year, time.Month(month), day, hour, minute, second, 0, time.UTC), true
	}
	if len(c.fields) > yearField && !c.fields[yearField].any {
		values := c.fields[yearField].values
		n, found := slices.BinarySearch(values, year)
		if n == len(values) {
			return t, false
		}
		if !found {
			return time.Date(values[n], 1, 1, 0, 0, 0, 0, time.UTC), true
		}
	}
	if d := c.fields[monthField].distance(int(month), 12); d != 0 {
		return date(int(month)+d, 1, 0, 0, 0)
	}
	if d := c.daysToDay(t); d != 0 {
		return date(int(month), day+d, 0, 0, 0)
	}
	if d := c.daysToWeekday(t); d != 0 {
		return date(int(month), day+d, 0, 0, 0)
	}
	if d := c.fields[hourField].distance(hour, 24); d != 0 {
		return date(int(month), day, hour+d, 0, 0)
	}
	if d := c.fields[minuteField].distance(minute, 60); d != 0 {
		return date(int(month), day, hour, minute+d, 0)
	}
	if len(c.fields) > secondField {
		if d := c.fields[secondField].distance(second, 60); d != 0 {
			return date(int(month), day, hour, minute, second+d)
		}
	}
	return t, true
}

// distance is how far the next value is from x, in a field whose values start again after period.
func (f cronField) distance(x, period int) int {
	if f.any {
		return 0
	}
	for _, v := range f.values {
		if x <= v && v <= period {
			return v - x
		}
	}
	if f.last {
		return period - x
	}
	return f.values[0] - x + period
}

func (c *cronExpression) daysToDay(t time.Time) int {
	if len(c.nearest) == 0 {
		return c.fields[dayField].distance(t.Day(), daysOf(t))
	}
	var days []int
	for _, d := range c.nearest {
		days = append(days, workingDay(t, d))
	}
	return daysToFirst(t, days)
}

// workingDay is the working day nearest to a day of t's month, within that month.
func workingDay(t time.Time, day int) int {
	last := daysOf(t)
	day = min(day, last)
	switch time.Date(t.Year(), t.Month(), day, 0, 0, 0, 0, time.UTC).Weekday() {
	case time.Saturday:
		if day == 1 {
			return 3
		}
		return day - 1
	case time.Sunday:
		if day == last {
			return day - 2
		}
		return day + 1
	}
	return day
}

func (c *cronExpression) daysToWeekday(t time.Time) int {
	if len(c.nth) == 0 {
		return c.fields[weekdayField].distance(int(t.Weekday()), 7)
	}
	var days []int
	for _, n := range c.nth {
		first := 1 + (n.weekday-int(t.Weekday())+t.Day()-1+35)%7
		day := first + 7*(n.week-1)
		if n.week == lastWeek {
			day = first + 7*((daysOf(t)-first)/7)
		}
		if day <= daysOf(t) {
			days = append(days, day)
		}
	}
	return daysToFirst(t, days)
}

// daysToFirst is how far the first of some days of t's month is, or the next month if all are past.
func daysToFirst(t time.Time, days []int) int {
	slices.Sort(days)
	for _, d := range days {
		if d >= t.Day() {
			return d - t.Day()
		}
	}
	return daysOf(t) - t.Day() + 1
}
