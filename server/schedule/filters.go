package schedule

import "time"

// filter decides whether a candidate becomes an event (1.4.1 schedules/filters.py). It looks at the wall clock of the
// candidate's zone.
type filter func(moment) bool

// filters makes filters from their arguments, by name.
var filters = map[string]func(*arguments) filter{
	"on_datetime": func(a *arguments) filter {
		return a.datetime("dt").equal
	},
	"between_datetimes": func(a *arguments) filter {
		start, end := a.datetime("start"), a.datetime("end")
		return func(t moment) bool { return !t.before(start) && !end.before(t) }
	},
	"on_date": func(a *arguments) filter {
		date := dayOfYear(a.integer("month"), a.integer("day"))
		return func(t moment) bool { return dateOf(t) == date }
	},
	"between_dates": func(a *arguments) filter {
		startMonth, endMonth := a.integer("start_month"), a.integer("end_month")
		start, end := dayOfYear(startMonth, a.integer("start_day")), dayOfYear(endMonth, a.integer("end_day"))
		// Within one month Python does not look at the order of the days.
		return func(t moment) bool { return between(dateOf(t), start, end, startMonth <= endMonth) }
	},
	"at_time": func(a *arguments) filter {
		at := a.time("t")
		return func(t moment) bool { return t.sinceMidnight() == at }
	},
	"between_times": func(a *arguments) filter {
		start, end := a.time("start"), a.time("end")
		return func(t moment) bool { return between(t.sinceMidnight(), start, end, start <= end) }
	},
	"is_day_of_week": func(a *arguments) filter {
		weekday := a.integer("day_of_week")
		return func(t moment) bool { return weekdayOf(t) == weekday }
	},
	"is_weekday":     func(*arguments) filter { return isWeekday },
	"is_weekend":     func(*arguments) filter { return func(t moment) bool { return !isWeekday(t) } },
	"is_month_start": func(*arguments) filter { return func(t moment) bool { return t.clock().Day() == 1 } },
	"is_month_end": func(*arguments) filter {
		return func(t moment) bool { return t.clock().AddDate(0, 0, 1).Day() == 1 }
	},
}

// between reports whether x is in a range, bounds included: one that goes on over the end of the day or year unless it is
// ordered.
func between(x, start, end int64, ordered bool) bool {
	if ordered {
		return start <= x && x <= end
	}
	return x >= start || x <= end
}

// dayOfYear orders dates without a year.
func dayOfYear(month, day int64) int64 { return month*2*maxInteger + day }

func dateOf(t moment) int64 {
	_, month, day := t.clock().Date()
	return dayOfYear(int64(month), int64(day))
}

// weekdayOf counts from Monday, which is 0.
func weekdayOf(t moment) int64 { return int64(t.clock().Weekday()+6) % 7 }

func isWeekday(t moment) bool {
	weekday := t.clock().Weekday()
	return weekday != time.Saturday && weekday != time.Sunday
}

// adjustment moves an event that has passed the filters (1.4.1 schedules/adjustments.py).
type adjustment func(moment) moment

// adjustments makes adjustments from their arguments, by name.
var adjustments = map[string]func(*arguments) adjustment{
	"add": func(a *arguments) adjustment {
		interval := a.timedelta("interval")
		return func(t moment) moment { return t.after(interval) }
	},
	"next_weekday": func(*arguments) adjustment {
		return func(t moment) moment {
			for !isWeekday(t) {
				t = t.later(day)
			}
			return t
		}
	},
}
